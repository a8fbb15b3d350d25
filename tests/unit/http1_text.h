/* Events of the HTTP/1 parser as a line of text for each message, the same however the bytes are cut:
 *
 *     @0 GET /x 1.1 {Host: a} {Accept: b} head 36-38 no body keep end 38 body 0
 *
 * Every header is taken, or those that `only` names; `told`: the parser knows that and leaves the others out, and says
 * the rest as FIELD where it can. Bytes are given from memory that ends with them.
 */
#ifndef OI_TESTS_HTTP1_TEXT_H
#define OI_TESTS_HTTP1_TEXT_H

#include <stdarg.h>
#include <stdio.h>

#include "hooks/wire/http1.h"
#include "tests/unit/guard.h"

struct http1_text {
    struct oi_http1 state;
    enum oi_http1_method answers; /* told at each BEGIN */
    const struct oi_http1_wanted *only;
    bool told;
    size_t len;
    size_t pieces; /* bytes of pieces not shown yet */
    bool over;
    char text[256 * 1024];
    char piece[128 * 1024];
};

__attribute__((format(printf, 2, 3))) static inline void http1_say(struct http1_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->len += (size_t)vsnprintf(t->text + t->len, sizeof t->text - t->len, format, args);
    va_end(args);
}

static inline void http1_piece(struct http1_text *t, const struct oi_http1_event *event, const char *before,
                               const char *after)
{
    if (event->len > 0)
        memcpy(t->piece + t->pieces, event->at, event->len);
    t->pieces += event->len;
    if (!event->last)
        return;
    while (t->pieces > 0 && (t->piece[t->pieces - 1] == ' ' || t->piece[t->pieces - 1] == '\t'))
        t->pieces--;
    http1_say(t, "%s%.*s%s", before, (int)t->pieces, t->piece, after);
    t->pieces = 0;
}

static inline bool http1_shown(const struct http1_text *t, const struct oi_http1_event *event)
{
    if (!t->only || event->header != OI_HTTP1_OTHER_HEADER)
        return !t->only || (t->only->known >> event->header & 1);
    return t->only->lengths >> (event->len & 63) & 1;
}

static inline void http1_head(struct http1_text *t, const struct oi_http1_event *event)
{
    static const char *const framings[] = {"no body", "length", "chunked", "to close", "tunnel", "unframed"};
    const struct oi_http1_head *head = &event->head;
    http1_say(t, " head %llu-%llu %s", (unsigned long long)event->offset, (unsigned long long)event->past,
              framings[head->framing]);
    if (head->has_length)
        http1_say(t, " %llu", (unsigned long long)head->length);
    http1_say(t, "%s%s%s", head->keep_alive ? " keep" : "", head->expects_continue ? " continue" : "",
              head->upgrade ? " upgrade" : "");
}

static inline void http1_address(struct http1_text *t, const struct oi_http1_event *event)
{
    http1_say(t, "proxy ");
    for (size_t i = 0; i < event->len; i++)
        http1_say(t, event->address == OI_HTTP1_ADDRESS_TEXT ? "%c" : "%02x", (unsigned char)event->at[i]);
    http1_say(t, " %d\n", event->port);
}

static inline void http1_message(struct http1_text *t, const struct oi_http1_event *event)
{
    if (!t->told || !t->only->heads)
        abort();
    http1_say(t, "@%llu", (unsigned long long)event->begin);
    if (t->state.side == OI_HTTP1_REQUESTS)
        http1_say(t, " %.*s %.*s", (int)event->len, event->at, (int)event->value_len, event->value);
    http1_say(t, " 1.%d", event->head.minor);
    if (event->head.status)
        http1_say(t, " %d", event->head.status);
    for (size_t i = 0; i < event->count; i++) {
        const struct oi_http1_field *field = &event->fields[i];
        if (!http1_shown(t, &(struct oi_http1_event){.header = field->header, .len = field->name_len}))
            abort();
        http1_say(t, " {%.*s: %.*s}", (int)field->name_len, event->text + field->name, (int)field->value_len,
                  event->text + field->value);
    }
    t->pieces = 0;
}

static inline void http1_event(struct http1_text *t, const struct oi_http1_event *event)
{
    static const char *const reasons[] = {"not http", "malformed", "uncertain", "unseen", "tunnelled", "closed", "cut"};
    switch ((enum oi_http1_kind)event->kind) {
    case OI_HTTP1_MORE:
        break;
    case OI_HTTP1_PREAMBLE:
        http1_address(t, event);
        break;
    case OI_HTTP1_BEGIN:
        http1_say(t, "@%llu", (unsigned long long)event->offset);
        t->pieces = 0;
        oi_http1_answers(&t->state, t->answers);
        break;
    case OI_HTTP1_METHOD:
        http1_say(t, " %.*s", (int)event->len, event->at);
        break;
    case OI_HTTP1_TARGET:
        http1_piece(t, event, " ", "");
        break;
    case OI_HTTP1_LINE:
        http1_say(t, " 1.%d", event->head.minor);
        if (event->head.status)
            http1_say(t, " %d", event->head.status);
        break;
    case OI_HTTP1_HEADER:
        if (!http1_shown(t, event)) {
            if (t->told)
                abort();
            break;
        }
        http1_say(t, " {%.*s", (int)event->len, event->at);
        oi_http1_take(&t->state);
        break;
    case OI_HTTP1_FIELD:
        if (!t->told || !http1_shown(t, event))
            abort();
        http1_say(t, " {%.*s: %.*s}", (int)event->len, event->at, (int)event->value_len, event->value);
        break;
    case OI_HTTP1_VALUE:
        http1_piece(t, event, ": ", "}");
        break;
    case OI_HTTP1_MESSAGE:
        http1_message(t, event);
        http1_head(t, event);
        break;
    case OI_HTTP1_HEAD:
        http1_head(t, event);
        break;
    case OI_HTTP1_INTERIM:
        http1_say(t, " interim\n");
        break;
    case OI_HTTP1_END:
        if (event->head.framing == OI_HTTP1_UNFRAMED)
            abort();
        http1_say(t, " end %llu body %llu%s\n", (unsigned long long)event->offset, (unsigned long long)event->body,
                  event->tunnel ? " tunnel" : "");
        break;
    case OI_HTTP1_OVER:
        if (!t->over)
            http1_say(t, " %s", reasons[event->reason]);
        t->over = true;
        break;
    }
}

static inline void http1_start(struct http1_text *t, enum oi_http1_side side, enum oi_http1_method answers)
{
    oi_http1_init(&t->state, side);
    t->answers = answers;
    t->only = NULL;
    t->told = false;
    t->len = t->pieces = 0;
    t->over = false;
    t->text[0] = 0;
}

/* Gives the bytes; NULL: they pass unseen. */
static inline void http1_give(struct http1_text *t, const char *at, size_t len)
{
    struct oi_http1_event event;
    do {
        uint64_t start = t->state.offset;
        if (t->told && t->only->heads && t->state.side == OI_HTTP1_ANSWERS)
            oi_http1_answers(&t->state, t->answers);
        size_t used = t->told ? oi_http1_next_wanted(&t->state, t->only, at, len, &event)
                              : oi_http1_next(&t->state, at, len, &event);
        if (used > len || (event.kind == OI_HTTP1_MORE && used != len))
            abort();
        if (event.kind == OI_HTTP1_FIELD && event.offset != start + (uint64_t)(event.value - at))
            abort();
        at = at ? at + used : NULL;
        len -= used;
        http1_event(t, &event);
    } while (event.kind != OI_HTTP1_MORE && event.kind != OI_HTTP1_OVER);
}

static inline void http1_end(struct http1_text *t)
{
    struct oi_http1_event event;
    do {
        oi_http1_eof(&t->state, &event);
        http1_event(t, &event);
    } while (event.kind != OI_HTTP1_OVER);
}

#endif
