/* What the parts of the HTTP/1 parser share; nobody else includes this.
 *
 * A step gets the bytes that are left and uses some: it returns how many, and either sets event->kind or leaves it at
 * OI_HTTP1_MORE and goes on in another state (or has used all of them).
 */
#ifndef OI_HOOKS_WIRE_HTTP1_STATE_H
#define OI_HOOKS_WIRE_HTTP1_STATE_H

#include <string.h>

#include "hooks/wire/http1.h"
#include "hooks/wire/http1_scan.h"

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

/* Whether eight (four) bytes are those of a name in lower case. A bit more makes letters lower case, and turns only
 * control characters, which stand in no name or token, into one of the marks that names here have (- and digits). */
static inline bool http1_same_8(const char *at, const char *lower)
{
    uint64_t a, b;
    memcpy(&a, at, sizeof a);
    memcpy(&b, lower, sizeof b);
    return (a | 0x2020202020202020u) == b;
}

static inline bool http1_same_4(const char *at, const char *lower)
{
    uint32_t a, b;
    memcpy(&a, at, sizeof a);
    memcpy(&b, lower, sizeof b);
    return (a | 0x20202020u) == b;
}

/* Of four characters or more. */
static inline __attribute__((always_inline)) bool http1_same(const char *at, size_t len, const char *lower,
                                                             size_t lower_len)
{
    if (len != lower_len)
        return false;
    if (lower_len < 8)
        return http1_same_4(at, lower) && http1_same_4(at + (lower_len - 4), lower + (lower_len - 4));
    for (size_t i = 0; i + 8 < lower_len; i += 8)
        if (!http1_same_8(at + i, lower + i))
            return false;
    size_t last = lower_len - 8;
    return http1_same_8(at + last, lower + last);
}

/* Ends it: from now on OVER is all there is. Uses up everything. */
static inline size_t http1_over(struct oi_http1 *s, size_t len, enum oi_http1_reason reason)
{
    s->state = OVER;
    s->reason = (uint8_t)reason;
    return len;
}

/* RFC 9110 §5.6.2 tchar, by the bits of four words. */
static inline bool is_token(char c)
{
    static const uint64_t tchar[2] = {0x03ff6cfa00000000u, 0x57ffffffc7fffffeu};
    unsigned char u = (unsigned char)c;
    return u < 128 && (tchar[u >> 6] >> (u & 63) & 1);
}

/* hooks/wire/http1_line.c: between messages, and the first line. */
size_t oi_http1_idle(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event);
size_t oi_http1_begin(struct oi_http1 *s, struct oi_http1_event *event);
void oi_http1_begin_head(struct oi_http1 *s);
void oi_http1_note_method(struct oi_http1 *s, const char *at, size_t len);
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

/* hooks/wire/http1_fields.c: headers that stand whole in the bytes given. Uses up those that are not wanted, and one
 * that is; 0 and OI_HTTP1_MORE: what comes next is for the steps above. */
size_t oi_http1_fields(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                       struct oi_http1_event *event);

/* Between messages: the head of one that stands whole in the bytes given, and is as most are. Returns its length; 0,
 * and nothing has happened: the steps above read it. */
size_t oi_http1_message(struct oi_http1 *s, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                        struct oi_http1_event *event);

/* Whether a header is wanted. */
static inline bool http1_is_wanted(const struct oi_http1_wanted *wanted, unsigned header, size_t name_len)
{
    return header == OI_HTTP1_OTHER_HEADER ? wanted->lengths >> (name_len & 63) & 1 : wanted->known >> header & 1;
}

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
