#include "hooks/wire/http1_state.h"

_Static_assert(sizeof(struct oi_http1) == OI_HTTP1_STATE, "tens of thousands of connections have two of them each");

void oi_http1_init(struct oi_http1 *s, enum oi_http1_side side)
{
    *s = (struct oi_http1){.side = (uint8_t)side};
}

void oi_http1_take(struct oi_http1 *s)
{
    s->flags |= TAKEN;
}

/* --- behind the header section and the body ----------------------------------------------------------------------- */

static size_t behind_head(struct oi_http1 *s, struct oi_http1_event *event)
{
    static const uint8_t next[] = {
        [OI_HTTP1_NO_BODY] = ENDED,     [OI_HTTP1_LENGTH] = BODY,  [OI_HTTP1_CHUNKED] = CHUNK_SIZE,
        [OI_HTTP1_TO_CLOSE] = TO_CLOSE, [OI_HTTP1_TUNNEL] = ENDED,
    };
    s->digits = 0;
    if (s->head.framing == OI_HTTP1_UNFRAMED)
        return http1_over(s, 0, OI_HTTP1_UNCERTAIN);
    if (s->side == OI_HTTP1_ANSWERS && s->head.status < 200 && s->head.framing != OI_HTTP1_TUNNEL) {
        event->kind = OI_HTTP1_INTERIM;
        event->offset = s->offset;
        s->number = 0;
        s->state = IDLE;
        return 0;
    }
    s->state = next[s->head.framing];
    return 0;
}

static uint8_t state_between(const struct oi_http1 *s)
{
    return s->head.keep_alive ? IDLE : LAST;
}

static size_t ended(struct oi_http1 *s, struct oi_http1_event *event)
{
    bool request = s->side == OI_HTTP1_REQUESTS;
    bool asks = request && (s->head.upgrade || s->head.method == OI_HTTP1_METHOD_CONNECT);
    event->kind = OI_HTTP1_END;
    event->offset = s->offset;
    event->body = s->body;
    s->number = 0;
    event->tunnel = s->head.framing == OI_HTTP1_TUNNEL || (s->flags & TO_TUNNEL);
    if (event->tunnel)
        http1_over(s, 0, OI_HTTP1_TUNNELLED);
    else
        s->state = asks && !(s->flags & ANSWERED) ? UNDECIDED : state_between(s);
    return 0;
}

static size_t chunk_line(struct oi_http1 *s, char c, size_t len)
{
    if (c != (s->state == CHUNK_CR ? '\r' : '\n'))
        return http1_over(s, len, OI_HTTP1_MALFORMED);
    if (s->state == CHUNK_SIZE_LF) {
        s->flags |= s->left == 0 ? IN_TRAILERS : 0;
        s->state = s->left == 0 ? FIELD : CHUNK;
    } else {
        s->state = s->state == CHUNK_CR ? CHUNK_LF : CHUNK_SIZE;
    }
    s->digits = 0;
    return 1;
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

static size_t body_step(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    switch ((enum state)s->state) {
    case BODY:
    case CHUNK:
        return oi_http1_counted(s, len);
    case TO_CLOSE:
        s->body += len;
        return len;
    case CHUNK_SIZE:
        return oi_http1_chunk_size(s, at, len);
    case CHUNK_EXTENSION:
        return oi_http1_chunk_extension(s, at, len);
    case CHUNK_SIZE_LF:
    case CHUNK_CR:
    case CHUNK_LF:
        return chunk_line(s, at[0], len);
    case UNDECIDED:
    case DOUBTFUL:
        return http1_over(s, len, OI_HTTP1_UNCERTAIN);
    case LAST:
        return at[0] == '\r' || at[0] == '\n' ? 1 : http1_over(s, len, OI_HTTP1_CLOSED);
    case BEHIND_HEAD:
        return behind_head(s, event);
    case ENDED:
        return ended(s, event);
    default:
        event->kind = OI_HTTP1_OVER;
        event->reason = s->reason;
        event->offset = s->offset;
        return len;
    }
}

static size_t step(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    switch ((enum state)s->state) {
    case IDLE:
    case BLANK:
        return oi_http1_idle(s, at, len, event);
    case MAYBE_PREAMBLE:
        return oi_http1_maybe_preamble(s, at, len, event);
    case PREAMBLE_LINE:
        return oi_http1_preamble_line(s, at, len, event);
    case PREAMBLE_BINARY:
        return oi_http1_preamble_binary(s, at, len, event);
    case METHOD:
        return oi_http1_method(s, at, len, event);
    case TARGET_START:
    case TARGET:
        return oi_http1_target(s, at, len, event);
    case VERSION:
        return oi_http1_version(s, at, len);
    case STATUS:
        return oi_http1_status(s, at, len);
    case REASON:
    case LINE_END:
        return oi_http1_line_end(s, at, len, event);
    case FIELD:
    case HEAD_LF:
        return oi_http1_field(s, at, len, event);
    case NAME:
        return oi_http1_name(s, at, len, event);
    case NAME_SPACE:
        return oi_http1_name_space(s, at, len, event);
    case VALUE_SPACE:
        return oi_http1_value_space(s, at, len);
    case VALUE:
    case VALUE_LF:
        return oi_http1_value(s, at, len, event);
    case VALUE_NEXT:
        return oi_http1_value_next(s, at, event);
    default:
        return body_step(s, at, len, event);
    }
}

static bool may_be_unseen(const struct oi_http1 *s)
{
    return s->state == BODY || s->state == CHUNK || s->state == TO_CLOSE || s->state >= BEHIND_HEAD;
}

/* `wanted` NULL: all headers, as they come. */
size_t oi_http1_next_wanted(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                            struct oi_http1_event *event)
{
    size_t used = 0;
    memset(event, 0, offsetof(struct oi_http1_event, value)); /* the rest counts where a kind says so */
    while (event->kind == OI_HTTP1_MORE && (used < len || s->state >= BEHIND_HEAD)) {
        if (!at && !may_be_unseen(s))
            http1_over(s, 0, OI_HTTP1_UNSEEN);
        size_t n = 0;
        if (wanted && s->state == FIELD && at)
            n = oi_http1_fields(s, wanted, at + used, len - used, event);
        else if (wanted && wanted->heads && s->state == IDLE && at)
            n = oi_http1_message(s, wanted, at + used, len - used, event);
        if (n == 0)
            n = step(s, at ? at + used : "", len - used, event);
        if (wanted && event->kind == OI_HTTP1_HEADER && !http1_is_wanted(wanted, event->header, event->len))
            event->kind = OI_HTTP1_MORE;
        used += n;
        s->offset += n;
    }
    event->message = s->message;
    event->head = s->head;
    if (event->kind == OI_HTTP1_END) {
        s->message++;
        if (s->side == OI_HTTP1_ANSWERS)
            s->head.method = OI_HTTP1_OTHER_METHOD;
    }
    return used;
}

size_t oi_http1_next(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    return oi_http1_next_wanted(s, NULL, at, len, event);
}

bool oi_http1_inside(const struct oi_http1 *s)
{
    return (s->state >= METHOD && s->state <= CHUNK_LF) || s->state == DOUBTFUL || s->state == BEHIND_HEAD ||
           s->state == ENDED;
}

void oi_http1_eof(struct oi_http1 *s, struct oi_http1_event *event)
{
    oi_http1_next(s, NULL, 0, event);
    if (event->kind != OI_HTTP1_MORE)
        return;
    if (s->state == TO_CLOSE) {
        s->state = ENDED;
    } else {
        bool between = s->state == IDLE || s->state == UNDECIDED || s->state == LAST;
        http1_over(s, 0, between ? OI_HTTP1_CLOSED : OI_HTTP1_CUT);
    }
    oi_http1_next(s, NULL, 0, event);
}

/* --- what one side has to know of the other ----------------------------------------------------------------------- */

void oi_http1_answers(struct oi_http1 *s, enum oi_http1_method method)
{
    s->head.method = (uint8_t)method;
}

void oi_http1_answered(struct oi_http1 *s, const struct oi_http1_event *head)
{
    bool tunnel = head->head.framing == OI_HTTP1_TUNNEL, interim = head->head.status < 200 && !tunnel;
    if (s->state == UNDECIDED && head->message + 1 == s->message && !interim) {
        s->state = state_between(s);
        if (tunnel)
            http1_over(s, 0, OI_HTTP1_TUNNELLED);
    }
    if (!oi_http1_inside(s) || head->message != s->message)
        return;
    if (head->head.status == 100)
        s->flags |= CONTINUED;
    if (interim)
        return;
    s->flags |= tunnel ? ANSWERED | TO_TUNNEL : ANSWERED;
    /* Nothing of the body has come: `line` is where it begins. */
    if (s->head.expects_continue && !(s->flags & CONTINUED) && !tunnel && s->offset == s->line)
        s->state = DOUBTFUL;
}

uint64_t oi_http1_unread(const struct oi_http1 *s)
{
    if (s->state == BODY || s->state == CHUNK)
        return s->left;
    return s->state == TO_CLOSE || s->state == OVER ? UINT64_MAX : 0;
}
