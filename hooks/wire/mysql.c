#include "hooks/wire/mysql.h"

#include "hooks/wire/mysql_state.h"

/* A packet that begins has this sequence number; true: it is the expected one. */
static bool in_turn(struct oi_mysql *s, enum oi_mysql_side side, bool continued, uint8_t sequence)
{
    bool client = side == OI_MYSQL_CLIENT;
    if (s->phase == COMMANDS && client && !in_conversation(s)) {
        uint8_t next = continued ? (uint8_t)(s->sent + 1) : 0;
        s->sent = sequence;
        if (continued && !s->silent)
            s->ring[s->sending].sequence = sequence;
        return sequence == next;
    }
    if (s->phase == COMMANDS && !client && s->waiting > 0 && !s->answering) {
        s->answering = true;
        s->answer = oldest(s)->command == OI_MYSQL_COM_STMT_FETCH ? ROWS : HEAD;
        s->rows = 0;
        s->out_parameters = false;
        s->expected = (uint8_t)(oldest(s)->sequence + 1);
    }
    bool right = sequence == s->expected;
    s->expected = (uint8_t)(sequence + 1);
    return right;
}

/* A server that gives up says so with sequence number 0, at any time. */
static void packet_begins(struct oi_mysql *s, enum oi_mysql_side side)
{
    struct oi_mysql_stream *stream = &s->streams[side];
    stream->length = (uint32_t)(stream->head[0] | stream->head[1] << 8 | stream->head[2] << 16);
    stream->left = stream->length;
    stream->odd = !in_turn(s, side, stream->continued, stream->head[3]);
    if (stream->odd && (side == OI_MYSQL_CLIENT || stream->continued || stream->head[3] != 0))
        mysql_over(s, s->phase == GREETING ? OI_MYSQL_NOT_MYSQL : OI_MYSQL_OUT_OF_TURN);
    if (stream->continued)
        return;
    if (side == OI_MYSQL_CLIENT && stream->kept > 0)
        memset(stream->text, 0, stream->kept); /* perhaps a password */
    stream->mode = FIRST;
    stream->kept = 0;
}

static size_t head(struct oi_mysql *s, enum oi_mysql_side side, const char *at, size_t len)
{
    struct oi_mysql_stream *stream = &s->streams[side];
    size_t n = len < (size_t)HEADER - stream->headed ? len : (size_t)HEADER - stream->headed;
    if (!at) {
        mysql_over(s, OI_MYSQL_UNSEEN);
        return 0;
    }
    memcpy(stream->head + stream->headed, at, n);
    stream->headed = (uint8_t)(stream->headed + n);
    if (stream->headed == HEADER)
        packet_begins(s, side);
    return n;
}

/* Copied, or left where it stands (`whole`) if all of the packet is there. */
static size_t keep(struct oi_mysql_stream *stream, const char *at, size_t len, const char **whole)
{
    size_t room = sizeof stream->text - stream->kept, n = len < room ? len : room;
    if (stream->kept == 0 && len == stream->length && !is_longest(stream)) {
        *whole = at;
        return len;
    }
    memcpy(stream->text + stream->kept, at, n);
    stream->kept = (uint16_t)(stream->kept + n);
    return len;
}

/* Bytes of a packet: at least one, and none behind its end. */
static size_t feed(struct oi_mysql *s, enum oi_mysql_side side, const char *at, size_t len, const char **whole,
                   struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[side];
    if (stream->mode == SKIP)
        return len;
    if (!at) {
        mysql_over(s, OI_MYSQL_UNSEEN);
        return 0;
    }
    switch ((enum mode)stream->mode) {
    case FIRST:
        if (side == OI_MYSQL_CLIENT)
            return oi_mysql_client_first(s, (unsigned char)at[0], event);
        oi_mysql_server_first(s, (unsigned char)at[0]);
        return 0;
    case KEEP:
        return keep(stream, at, len, whole);
    case HEADED:
        return oi_mysql_client_headed(s, at, len, event);
    case TEXT:
    case ATTRIBUTES:
        return oi_mysql_client_text(s, at, len, event);
    case VALUES:
        oi_mysql_bulk(&s->values, at, len);
        return len;
    default:
        return len;
    }
}

static void packet_ends(struct oi_mysql *s, enum oi_mysql_side side, const char *whole, struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[side];
    stream->headed = 0;
    stream->continued = is_longest(stream);
    if (stream->continued)
        return;
    const char *at = whole ? whole : stream->text;
    size_t len = whole ? stream->length : stream->kept;
    bool all = len < sizeof stream->text;
    if (!all)
        len = sizeof stream->text; /* however it came */
    if (stream->mode == KEEP && side == OI_MYSQL_CLIENT)
        oi_mysql_client_packet(s, at, len, event);
    else if (stream->mode == KEEP)
        oi_mysql_server_packet(s, at, len, all, event);
    else if (side == OI_MYSQL_CLIENT)
        oi_mysql_client_passed(s, event);
    else if (stream->mode == FIRST)
        mysql_over(s, OI_MYSQL_MALFORMED); /* empty */
    else
        oi_mysql_server_passed(s, event);
}

size_t oi_mysql_next(struct oi_mysql *s, enum oi_mysql_side side, const char *at, size_t len,
                     struct oi_mysql_event *event)
{
    struct oi_mysql_stream *stream = &s->streams[side];
    const char *whole = NULL;
    size_t used = 0;
    *event = (struct oi_mysql_event){.kind = OI_MYSQL_MORE};
    while (event->kind == OI_MYSQL_MORE && s->phase != OVER) {
        bool ended = stream->headed == HEADER && stream->left == 0;
        size_t left = len - used;
        const char *here = at ? at + used : NULL;
        if (ended) {
            packet_ends(s, side, whole, event);
            whole = NULL;
        } else if (left == 0) {
            return used;
        } else if (stream->headed < HEADER) {
            used += head(s, side, here, left);
        } else {
            size_t n = feed(s, side, here, left < stream->left ? left : stream->left, &whole, event);
            stream->left -= (uint32_t)n;
            used += n;
        }
    }
    if (event->kind != OI_MYSQL_MORE)
        return used;
    event->kind = OI_MYSQL_OVER;
    event->reason = s->reason;
    return len;
}
