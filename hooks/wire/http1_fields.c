#include "hooks/wire/http1_state.h"

/* The parts of a header line that stands whole in some bytes, the first byte of the next line included. */
struct field {
    size_t name;             /* its length */
    size_t value, value_end; /* without white space around it */
    size_t end;              /* of the line */
};

/* False: the line is not there as a whole, goes on in the next one, or is not as it usually is. */
static inline __attribute__((always_inline)) bool read_field(const char *at, size_t len, struct field *field)
{
    size_t name = http1_name_span(at, len), value = name + 1;
    if (name == 0 || name > OI_HTTP1_KEPT || value >= len || at[name] != ':')
        return false;
    while (value < len && is_blank(at[value]))
        value++;
    size_t end = value + http1_span(at + value, len - value, ' '), next = end + 2;
    if (next >= len || at[end] != '\r' || at[end + 1] != '\n' || is_blank(at[next]))
        return false;
    while (end > value && is_blank(at[end - 1]))
        end--;
    *field = (struct field){name, value, end, next};
    return true;
}

/* As the steps of http1_head.c do it, at once. Of a Connection header there is mostly this to read. */
static void frame(struct oi_http1 *s, const char *value, size_t len)
{
    if (s->header == OI_HTTP1_CONNECTION && http1_same(value, len, "keep-alive", 10)) {
        s->flags |= SAID_KEEP;
        return;
    }
    oi_http1_framing_begin(s);
    oi_http1_framing_piece(s, value, len);
    oi_http1_framing_end(s);
}

/* Which header it is; what it says of the body is noted. */
static inline unsigned note(struct oi_http1 *s, const char *line, const struct field *field)
{
    unsigned header = oi_http1_header_of(line, field->name);
    s->header = (uint8_t)header;
    if (header >= OI_HTTP1_CONNECTION && header <= OI_HTTP1_EXPECT)
        frame(s, line + field->value, field->value_end - field->value);
    return header;
}

size_t oi_http1_fields(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                       struct oi_http1_event *event)
{
    size_t used = 0;
    struct field field;
    if (s->flags & IN_TRAILERS)
        return 0;
    while (event->kind == OI_HTTP1_MORE && read_field(at + used, len - used, &field)) {
        const char *line = at + used;
        unsigned header = note(s, line, &field);
        if (http1_is_wanted(wanted, header, field.name)) {
            event->kind = OI_HTTP1_FIELD;
            event->header = (uint8_t)header;
            event->at = line;
            event->len = field.name;
            event->value = line + field.value;
            event->value_len = field.value_end - field.value;
            event->offset = s->offset + used + field.value;
        }
        used += field.end;
    }
    return used;
}

/* --- whole heads -------------------------------------------------------------------------------------------------- */

/* `GET /path HTTP/1.1` and CRLF. Returns the length; 0: it is not here, or of another kind. */
static size_t request_line(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    static const char version[7] = "HTTP/1.";
    size_t method = 0;
    while (method < len && is_token(at[method]))
        method++;
    if (method == 0 || method > OI_HTTP1_KEPT || len - method < 2 || at[method] != ' ' || at[method + 1] != '/')
        return 0;
    const char *target = at + method + 1;
    size_t rest = len - method - 1, length = http1_span(target, rest, ' ' + 1);
    const char *end = target + length + 1;
    if (rest - length < 1 + sizeof version + 3 || target[length] != ' ' || memcmp(end, version, sizeof version) != 0 ||
        !is_digit(end[7]) || end[8] != '\r' || end[9] != '\n')
        return 0;
    oi_http1_note_method(s, at, method);
    s->head.minor = end[7] == '0' ? 0 : 1;
    event->at = at;
    event->len = method;
    event->value = target;
    event->value_len = length;
    return (size_t)(end + 10 - at);
}

/* `HTTP/1.1 200 OK` and CRLF. */
static size_t status_line(struct oi_http1 *s, const char *at, size_t len)
{
    enum { REASON_AT = 13 }; /* the space and what follows it may be missing: that is not usual */
    if (len < REASON_AT || memcmp(at, "HTTP/1.", 7) != 0 || !is_digit(at[7]) || at[8] != ' ' || !is_digit(at[9]) ||
        !is_digit(at[10]) || !is_digit(at[11]) || at[9] == '0' || at[12] != ' ')
        return 0;
    size_t end = REASON_AT + http1_span(at + REASON_AT, len - REASON_AT, ' ');
    if (len - end < 2 || at[end] != '\r' || at[end + 1] != '\n')
        return 0;
    s->head.minor = at[7] == '0' ? 0 : 1;
    s->head.status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    return end + 2;
}

/* The header section, and the empty line behind it, from `used` on. Returns where it ends; 0: not as usual. */
static size_t section(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len, size_t used,
                      struct oi_http1_event *event)
{
    struct field field;
    event->count = 0;
    while (used < len && at[used] != '\r') {
        const char *line = at + used;
        if (!read_field(line, len - used, &field))
            return 0;
        unsigned header = note(s, line, &field);
        if (http1_is_wanted(wanted, header, field.name)) {
            if (event->count == OI_HTTP1_FIELDS || used + field.end > UINT16_MAX)
                return 0;
            event->fields[event->count++] = (struct oi_http1_field){
                .header = (uint8_t)header,
                .name_len = (uint8_t)field.name,
                .name = (uint16_t)used,
                .value = (uint16_t)(used + field.value),
                .value_len = (uint16_t)(field.value_end - field.value),
            };
        }
        used += field.end;
    }
    return len - used >= 2 && at[used + 1] == '\n' ? used + 2 : 0;
}

size_t oi_http1_message(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                        struct oi_http1_event *event)
{
    bool answer = s->side == OI_HTTP1_ANSWERS;
    bool preamble = s->offset == 0 && !answer && at[0] == 'P' && (len < 2 || at[1] == 'R');
    if (preamble)
        return 0;
    oi_http1_begin_head(s);
    size_t used = answer ? status_line(s, at, len) : request_line(s, at, len, event);
    used = used > 0 ? section(s, wanted, at, len, used, event) : 0;
    if (used == 0)
        return 0; /* all that was noted is set anew where a message begins */
    oi_http1_framing_decide(s);
    event->kind = OI_HTTP1_MESSAGE;
    event->text = at;
    event->begin = s->offset;
    event->past = s->offset + used;
    event->offset = event->past - 2;
    s->line = event->past;
    s->state = BEHIND_HEAD;
    return used;
}
