#include "hooks/wire/http1_state.h"

/* The parts of a header line that stands whole in some bytes, the first byte of the next line included. */
struct field {
    size_t name;             /* its length */
    size_t value, value_end; /* without white space around it */
    size_t end;              /* of the line */
};

/* False: the line is not there as a whole, goes on in the next one, or is not as it usually is. */
static bool read_field(const char *at, size_t len, struct field *field)
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

size_t oi_http1_fields(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                       struct oi_http1_event *event)
{
    size_t used = 0;
    struct field field;
    if (s->flags & IN_TRAILERS)
        return 0;
    while (event->kind == OI_HTTP1_MORE && read_field(at + used, len - used, &field)) {
        const char *line = at + used;
        unsigned header = oi_http1_header_of(line, field.name);
        s->header = (uint8_t)header;
        if (header >= OI_HTTP1_CONNECTION && header <= OI_HTTP1_EXPECT)
            frame(s, line + field.value, field.value_end - field.value);
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
