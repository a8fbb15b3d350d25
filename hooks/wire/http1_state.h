/* What the parts of the HTTP/1 parser share; nobody else includes this.
 *
 * A step gets the bytes that are left and uses some: it returns how many, and either sets event->kind or leaves it at
 * OI_HTTP1_MORE and goes on in another state (or has used all of them).
 */
#ifndef OI_HOOKS_WIRE_HTTP1_STATE_H
#define OI_HOOKS_WIRE_HTTP1_STATE_H

#include <string.h>

#include "hooks/wire/http1.h"

enum state {
    IDLE,  /* between messages; 0, so that zeros are a start */
    BLANK, /* behind the CR of an empty line between messages */
    MAYBE_PREAMBLE,
    PREAMBLE_LINE,
    PREAMBLE_BINARY,
    METHOD,
    TARGET_START,
    TARGET,
    VERSION,
    LINE_END,
    STATUS,
    REASON,
    FIELD,
    NAME,
    NAME_SPACE,
    VALUE_SPACE,
    VALUE,
    VALUE_LF,
    VALUE_NEXT, /* behind a line: the next byte tells whether it goes on */
    HEAD_LF,
    BODY,
    TO_CLOSE,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK,
    CHUNK_CR,
    CHUNK_LF,
    UNDECIDED, /* behind CONNECT or an Upgrade, not answered yet */
    DOUBTFUL,  /* answered instead of asked for its body */
    LAST,      /* behind a message that was said to be the last one */
    /* These need no byte. */
    BEHIND_HEAD,
    ENDED,
    OVER,
};

enum flag {
    TAKEN = 1,          /* the value is wanted */
    SPOKEN = 2,         /* something of the value has been seen */
    IN_TRAILERS = 4,    /* fields behind the chunks */
    CODED = 8,          /* there is a Transfer-Encoding */
    CODED_CHUNKED = 16, /* and its last coding is chunked */
    BAD_FRAMING = 32,   /* the framing headers are not to be trusted */
    SAID_CLOSE = 64,    /* Connection: close */
    SAID_KEEP = 128,    /* Connection: keep-alive */
    SAID_EXPECT = 256,  /* Expect: 100-continue */
    ANSWERED = 512,     /* the final answer has been seen */
    TO_TUNNEL = 1024,   /* and makes a tunnel */
    CONTINUED = 2048,   /* 100 has been seen */
    LINE_CR = 4096,     /* a CR that only LF may follow */
};

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Ends it: from now on OVER is all there is. Uses up everything. */
static inline size_t http1_over(struct oi_http1 *s, size_t len, enum oi_http1_reason reason)
{
    s->state = OVER;
    s->reason = (uint8_t)reason;
    return len;
}

/* Eight bytes at once: which of them are below `limit` (at most 0x80)? The lowest set bit tells the first one. */
static inline uint64_t http1_below(const char *at, unsigned char limit)
{
    uint64_t ones = 0x0101010101010101u, word;
    memcpy(&word, at, sizeof word);
    return (word - ones * limit) & ~word & (ones << 7);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lowest byte comes first");

/* Length of what stands before the first byte that is below `limit` and not a tab (unless limit is above the space). */
static inline size_t http1_span(const char *at, size_t len, unsigned char limit)
{
    size_t i = 0;
    for (;;) {
        uint64_t found = 0;
        for (; i + 8 <= len && (found = http1_below(at + i, limit)) == 0;)
            i += 8;
        if (found)
            i += (size_t)__builtin_ctzll(found) / 8;
        else
            while (i < len && (unsigned char)at[i] >= limit)
                i++;
        if (i == len || at[i] != '\t' || limit > ' ')
            return i;
        i++;
    }
}

/* hooks/wire/http1_line.c: between messages, and the first line. */
size_t oi_http1_idle(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_begin(struct oi_http1 *s, struct oi_http1_event *event);
size_t oi_http1_method(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_target(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_version(struct oi_http1 *s, const char *at, size_t len);
size_t oi_http1_status(struct oi_http1 *s, const char *at, size_t len);
size_t oi_http1_line_end(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);

/* hooks/wire/http1_head.c: the header section. */
size_t oi_http1_field(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_name(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_name_space(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_value_space(struct oi_http1 *s, const char *at, size_t len);
size_t oi_http1_value(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_value_next(struct oi_http1 *s, const char *at, struct oi_http1_event *event);

/* hooks/wire/http1_framing.c: what the header section says of the body. */
enum oi_http1_header oi_http1_header_of(const char *name, size_t len);
void oi_http1_framing_begin(struct oi_http1 *s);
void oi_http1_framing_piece(struct oi_http1 *s, const char *at, size_t len);
void oi_http1_framing_end(struct oi_http1 *s);
void oi_http1_framing_decide(struct oi_http1 *s);

/* hooks/wire/http1_body.c: bodies and chunks. */
size_t oi_http1_counted(struct oi_http1 *s, size_t len);
size_t oi_http1_chunk_size(struct oi_http1 *s, const char *at, size_t len);
size_t oi_http1_chunk_extension(struct oi_http1 *s, const char *at, size_t len);

/* hooks/wire/http1_preamble.c: PROXY protocol. */
size_t oi_http1_maybe_preamble(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_preamble_line(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_preamble_binary(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);

#endif
