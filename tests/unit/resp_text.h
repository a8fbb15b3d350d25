/* Events of the RESP parser as a line of text for each command and reply, the same however the bytes are cut:
 *
 *     @0 [SET] [key] [value] end 3 33           a command: its arguments, how many, where it ends
 *     @0 *2 1.0$first 1.1:5 end * 20            a reply: values with depth and index; its type
 *
 * Bytes are given from memory that ends with them.
 */
#ifndef OI_TESTS_RESP_TEXT_H
#define OI_TESTS_RESP_TEXT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "hooks/wire/resp.h"
#include "tests/unit/guard.h"

struct resp_text {
    struct oi_resp state;
    size_t len;
    size_t value; /* bytes of the value whose pieces are being put together */
    bool open, over;
    char text[256 * 1024];
};

__attribute__((format(printf, 2, 3))) static inline void resp_say(struct resp_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->text + t->len, sizeof t->text - t->len, format, args);
    va_end(args);
    t->len += (size_t)n < sizeof t->text - t->len ? (size_t)n : sizeof t->text - t->len - 1;
}

/* A long one as its length. */
static inline void resp_say_text(struct resp_text *t, const struct oi_resp_event *event)
{
    for (size_t i = 0; event->at && i < event->len && t->value + i < 64; i++)
        resp_say(t, event->at[i] >= ' ' && event->at[i] != 127 ? "%c" : "\\%03o", (unsigned char)event->at[i]);
    t->value += event->len;
    if (event->last && t->value > 64)
        resp_say(t, "(%zu)", t->value);
}

static inline void resp_say_value(struct resp_text *t, const struct oi_resp_event *event)
{
    static const char numbered[] = ":#*%~>|";
    bool reply = t->state.side == OI_RESP_REPLIES;
    if (!t->open) {
        t->value = 0;
        if (event->depth > 0 && reply)
            resp_say(t, " %d.%u%c", event->depth, event->index, event->type);
        else
            resp_say(t, " %c", reply ? event->type : '[');
    }
    if (event->null)
        resp_say(t, "null");
    else if (strchr(numbered, event->type))
        resp_say(t, "%" PRId64, event->number);
    else
        resp_say_text(t, event);
    if (event->last && !reply)
        resp_say(t, "]");
    t->open = !event->last;
}

static inline void resp_event(struct resp_text *t, const struct oi_resp_event *event)
{
    static const char *const reasons[] = {"malformed", "streamed", "too long", "unseen"};
    switch (event->kind) {
    case OI_RESP_BEGIN:
        resp_say(t, "@%" PRIu64, event->offset);
        break;
    case OI_RESP_VALUE:
        resp_say_value(t, event);
        break;
    case OI_RESP_END:
        if (t->state.side == OI_RESP_REPLIES)
            resp_say(t, " end %c%s %" PRIu64 "\n", event->type, event->null ? " null" : "", event->offset);
        else
            resp_say(t, " end %" PRId64 " %" PRIu64 "\n", event->number, event->offset);
        break;
    case OI_RESP_OVER:
        if (!t->over)
            resp_say(t, " %s", reasons[event->reason]);
        t->over = true;
        break;
    default:
        break;
    }
}

static inline void resp_start(struct resp_text *t, enum oi_resp_side side)
{
    oi_resp_init(&t->state, side);
    t->len = t->value = 0;
    t->open = t->over = false;
    t->text[0] = '\0';
}

/* `at` NULL: bytes that nobody sees. */
static inline void resp_give(struct resp_text *t, const char *at, size_t len)
{
    struct oi_resp_event event;
    do {
        size_t used = oi_resp_next(&t->state, at, len, &event);
        if (used > len)
            abort();
        at = at ? at + used : NULL;
        len -= used;
        resp_event(t, &event);
    } while (event.kind != OI_RESP_MORE && event.kind != OI_RESP_OVER);
    if (len != 0)
        abort();
}

static inline void resp_end(struct resp_text *t)
{
    if (oi_resp_inside(&t->state))
        resp_say(t, " inside");
}

#endif
