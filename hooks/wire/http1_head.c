#include "hooks/wire/http1_state.h"

/* The empty line has ended at the byte before `used`. */
static size_t head_end(struct oi_http1 *s, size_t used, struct oi_http1_event *event)
{
    if (s->flags & IN_TRAILERS) {
        s->state = ENDED;
        return used;
    }
    oi_http1_framing_decide(s);
    event->kind = OI_HTTP1_HEAD;
    event->offset = s->line;
    event->past = s->offset + used;
    s->line = event->past;
    s->state = BEHIND_HEAD;
    return used;
}

/* The first byte of a line of the header section. */
size_t oi_http1_field(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    if (s->state == HEAD_LF)
        return at[0] == '\n' ? head_end(s, 1, event) : http1_over(s, len, OI_HTTP1_MALFORMED);
    s->line = s->offset;
    if (at[0] == '\n')
        return head_end(s, 1, event);
    if (at[0] == '\r') {
        s->state = HEAD_LF;
        return 1;
    }
    s->kept = 0;
    s->state = NAME;
    return 0;
}

/* The colon has been reached. What a receiver makes of a blank in front of it differs: nothing, the same header,
 * another one. */
static void name_end(struct oi_http1 *s, const char *name, size_t name_len, bool blank, struct oi_http1_event *event)
{
    bool trailer = s->flags & IN_TRAILERS, reported = name_len <= OI_HTTP1_KEPT && !trailer;
    s->header = (uint8_t)(reported ? oi_http1_header_of(name, name_len) : OI_HTTP1_OTHER_HEADER);
    if (reported) {
        event->kind = OI_HTTP1_HEADER;
        event->header = s->header;
        event->at = name;
        event->len = name_len;
        event->offset = s->line;
    }
    if (blank && s->header >= OI_HTTP1_CONNECTION && s->header <= OI_HTTP1_EXPECT)
        s->flags |= BAD_FRAMING;
    s->flags &= (uint16_t) ~(TAKEN | SPOKEN);
    s->state = VALUE_SPACE;
}

static void keep_name(struct oi_http1 *s, const char *at, size_t len)
{
    if (s->kept + len > OI_HTTP1_KEPT) {
        s->kept = OI_HTTP1_KEPT + 1;
        return;
    }
    memcpy(s->text + s->kept, at, len);
    s->kept = (uint8_t)(s->kept + len);
}

/* More bytes than tokens may have are let pass, as many receivers do; a line without a colon is not. */
size_t oi_http1_name(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t i = http1_name_span(at, len);
    bool whole = s->kept == 0 && i < len && at[i] == ':';
    if (!whole)
        keep_name(s, at, i);
    if (i == len)
        return i;
    if ((s->kept == 0 && i == 0) || (at[i] != ':' && !is_blank(at[i])))
        return http1_over(s, len, OI_HTTP1_MALFORMED);
    if (at[i] == ':')
        name_end(s, whole ? at : s->text, whole ? i : s->kept, false, event);
    else
        s->state = NAME_SPACE;
    return i + 1;
}

size_t oi_http1_name_space(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t i = 0;
    while (i < len && is_blank(at[i]))
        i++;
    if (i == len)
        return i;
    if (at[i] != ':')
        return http1_over(s, len, OI_HTTP1_MALFORMED);
    name_end(s, s->text, s->kept, true, event);
    return i + 1;
}

/* White space in front of the value, or of a line that goes on with it. */
size_t oi_http1_value_space(struct oi_http1 *s, const char *at, size_t len)
{
    if (!(s->flags & SPOKEN))
        oi_http1_framing_begin(s);
    size_t i = 0;
    while (i < len && is_blank(at[i]))
        i++;
    if (i < len)
        s->state = VALUE;
    return i;
}

static void say(const struct oi_http1 *s, const char *at, size_t len, bool last, struct oi_http1_event *event)
{
    if (!(s->flags & TAKEN) || (len == 0 && !last))
        return;
    while (last && len > 0 && is_blank(at[len - 1]))
        len--;
    event->kind = OI_HTTP1_VALUE;
    event->header = s->header;
    event->last = last;
    event->at = at;
    event->len = len;
    event->offset = s->offset;
}

static void value_end(struct oi_http1 *s)
{
    oi_http1_framing_end(s);
    s->state = FIELD;
}

/* Up to the line's end; whether the value ends there is told by the byte behind it, where that is known. */
size_t oi_http1_value(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t value = s->state == VALUE ? http1_span(at, len, ' ') : 0, used = value;
    oi_http1_framing_piece(s, at, value);
    if (s->state == VALUE && used < len && at[used] == '\r') {
        used++;
        s->state = VALUE_LF;
    }
    if (used < len) {
        if (at[used] != '\n')
            return http1_over(s, len, OI_HTTP1_MALFORMED);
        used++;
        s->state = VALUE_NEXT;
    }
    bool last = used < len && !is_blank(at[used]);
    say(s, at, value, last, event);
    if (value > 0)
        s->flags |= SPOKEN;
    if (last)
        value_end(s);
    return used;
}

/* Behind a line's end. Obsolete folding: a line that starts with white space goes on with the value; all of that counts
 * as one space (RFC 9112 §5.2). A length or coding that is written so is not to be trusted. */
size_t oi_http1_value_next(struct oi_http1 *s, const char *at, struct oi_http1_event *event)
{
    if (!is_blank(at[0])) {
        say(s, at, 0, true, event);
        value_end(s);
        return 0;
    }
    if (s->header == OI_HTTP1_CONTENT_LENGTH || s->header == OI_HTTP1_TRANSFER_ENCODING)
        s->flags |= BAD_FRAMING;
    s->state = VALUE_SPACE;
    if (s->flags & SPOKEN) {
        oi_http1_framing_piece(s, " ", 1);
        say(s, " ", 1, false, event);
    }
    return 1;
}
