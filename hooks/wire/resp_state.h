/* What the parts of the RESP parser share; nobody else includes this.
 *
 * A step gets the bytes that are left and uses some: it returns how many, and either sets event->kind or leaves it at
 * OI_RESP_MORE and goes on in another state (or has used all of them).
 */
#ifndef OI_HOOKS_WIRE_RESP_STATE_H
#define OI_HOOKS_WIRE_RESP_STATE_H

#include "hooks/wire/resp.h"

enum resp_state {
    RESP_IDLE, /* between two; 0, so that zeros are a start */
    RESP_TYPE,
    RESP_LINE, /* a text up to the end of the line */
    RESP_NUMBER,
    RESP_NUMBER_LF,
    RESP_TEXT,
    RESP_TEXT_CR,
    RESP_TEXT_LF,
    RESP_SPACE, /* of an inline command, between arguments */
    RESP_WORD,
    RESP_OVER,
    /* These need no byte. */
    RESP_ENDED,
};

/* Ends it: from now on OVER is all there is. Uses up everything. */
static inline size_t resp_over(struct oi_resp *s, size_t len, enum oi_resp_reason reason)
{
    s->state = RESP_OVER;
    s->reason = (uint8_t)reason;
    return len;
}

static inline void resp_value(const struct oi_resp *s, struct oi_resp_event *event, const char *at, size_t len,
                              bool last)
{
    event->kind = OI_RESP_VALUE;
    event->type = s->type;
    event->depth = s->outer == 0 ? 0 : s->inner > 0 ? 2 : 1;
    event->index = s->index;
    event->null = s->null;
    event->number = s->number;
    event->at = at;
    event->len = len;
    event->last = last;
}

/* hooks/wire/resp_inline.c: an inline command, behind its BEGIN. */
size_t oi_resp_space(struct oi_resp *s, const char *at, size_t len);
size_t oi_resp_word(struct oi_resp *s, const char *at, size_t len, struct oi_resp_event *event);

#endif
