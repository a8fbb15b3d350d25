/* HTTP/1.x as a stream: the bytes of one direction of a connection go in, in pieces of any size, events come out.
 *
 * RFC 9112 (framing), RFC 9110 (Expect, Upgrade, CONNECT, HEAD); PROXY protocol 1 and 2 (haproxy, proxy-protocol.txt).
 * Pure: no I/O, no allocation, no globals, no clock; async-signal-safe; takes less than 256 bytes of stack; the time is
 * linear in the bytes given. The state is plain data of OI_HTTP1_STATE bytes without a pointer in it: a copy of it is a
 * snapshot. What a write might send can so be parsed ahead of the call; if the kernel took less, go back to the
 * snapshot and feed what it took.
 *
 * A wrong count is worse than none: where the end of a message is not certain, or might be understood differently by
 * the two ends (Content-Length beside Transfer-Encoding, differing lengths, a bare CR, a chunk size that overflows …),
 * the parser says OI_HTTP1_OVER, and nothing of that direction is counted from there on. Both directions are over then:
 * the caller ignores the connection.
 *
 * How it is used, with one state for what the client sends and one for what the server sends:
 *
 *     struct oi_http1_event event;
 *     do {
 *         size_t used = oi_http1_next(&state, at, len, &event);
 *         at += used, len -= used;
 *         switch (event.kind) { … }
 *     } while (event.kind != OI_HTTP1_MORE && event.kind != OI_HTTP1_OVER);
 *
 * Events of a request, in this order, and of an answer:
 *
 *     PREAMBLE?  BEGIN METHOD TARGET+ LINE  (HEADER VALUE*)*  HEAD  END        … the next message, or OVER
 *                BEGIN                LINE  (HEADER VALUE*)*  HEAD  (END | INTERIM)
 *
 * Until LINE nothing proves that this is HTTP/1: a request's line ends with its version. Start a span at BEGIN, but let
 * nothing be seen of it before LINE.
 */
#ifndef OI_HOOKS_WIRE_HTTP1_H
#define OI_HOOKS_WIRE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oi_http1_side { OI_HTTP1_REQUESTS, OI_HTTP1_ANSWERS };

enum oi_http1_kind {
    OI_HTTP1_MORE,     /* everything given has been used; there is nothing to say */
    OI_HTTP1_PREAMBLE, /* a PROXY header has ended; at, len, address, port: who the client is */
    OI_HTTP1_BEGIN,    /* offset: the message's first byte */
    OI_HTTP1_METHOD,   /* at, len: whole, at most OI_HTTP1_KEPT bytes; head.method */
    OI_HTTP1_TARGET,   /* at, len: a piece; `last` with the last one */
    OI_HTTP1_LINE,     /* the first line is complete and is HTTP/1: head.minor, and head.status of an answer */
    OI_HTTP1_HEADER,   /* at, len: a header's name as sent, whole; header. Names over OI_HTTP1_KEPT bytes: no event.
                        * Now is the time for oi_http1_take; the value of a header that is not taken is passed over */
    OI_HTTP1_VALUE,    /* at, len: a piece of the value; `last` with the last one, which may be empty */
    OI_HTTP1_FIELD, /* of oi_http1_next_wanted only, instead of HEADER and VALUE: a header that came whole. at, len and
                     * header as in HEADER, value and value_len as in VALUE; offset: the value's first byte */
    OI_HTTP1_MESSAGE, /* likewise, where heads are wanted, instead of all from BEGIN to HEAD: a message whose head came
                       * whole. begin: its first byte; offset, past and head as in HEAD; fields: what is wanted. Of a
                       * request, at, len: its method; value, value_len: its target */
    OI_HTTP1_HEAD,    /* the header section is complete: head. offset: the first byte of the empty line, which is where
                       * another header may be put in; past: behind the empty line */
    OI_HTTP1_INTERIM, /* instead of END: that was a 1xx answer, the final one is still to come */
    OI_HTTP1_END,     /* offset: behind the message's last byte; body: its content in bytes, without chunk framing.
                       * `tunnel`: what follows is not HTTP/1 (answer to CONNECT or Upgrade) */
    OI_HTTP1_OVER,    /* reason; everything from here on is used up without another event than this one */
};

enum oi_http1_reason {
    OI_HTTP1_NOT_HTTP,  /* the first line of a message is not one of HTTP/1 */
    OI_HTTP1_MALFORMED, /* the header section or the chunks are not what the RFC says */
    OI_HTTP1_UNCERTAIN, /* well-formed, but the two ends may disagree on where the message ends */
    OI_HTTP1_UNSEEN,    /* bytes passed unseen where they had to be read */
    OI_HTTP1_TUNNELLED, /* the connection has become a tunnel, or another protocol's */
    OI_HTTP1_CLOSED,    /* the stream has ended between messages, or bytes follow a last message */
    OI_HTTP1_CUT,       /* the stream has ended inside of a message */
};

/* Methods that frame an answer differently; case-sensitive, as methods are. */
enum oi_http1_method { OI_HTTP1_OTHER_METHOD, OI_HTTP1_METHOD_HEAD, OI_HTTP1_METHOD_CONNECT };

/* Headers that HTTP itself gives a meaning to, and those that speak of the client, so that nobody compares the names
 * again. All others (propagators', captured ones) are OI_HTTP1_OTHER_HEADER: look at the name. */
enum oi_http1_header {
    OI_HTTP1_OTHER_HEADER,
    OI_HTTP1_HOST,
    OI_HTTP1_CONNECTION,
    OI_HTTP1_CONTENT_LENGTH,
    OI_HTTP1_TRANSFER_ENCODING,
    OI_HTTP1_UPGRADE,
    OI_HTTP1_EXPECT,
    OI_HTTP1_CONTENT_TYPE,
    OI_HTTP1_USER_AGENT,
    OI_HTTP1_FORWARDED,
    OI_HTTP1_X_FORWARDED_FOR,
    OI_HTTP1_X_FORWARDED_HOST,
    OI_HTTP1_X_FORWARDED_PROTO,
    OI_HTTP1_X_FORWARDED_PORT,
};

enum oi_http1_framing {
    OI_HTTP1_NO_BODY,
    OI_HTTP1_LENGTH,   /* head.length bytes */
    OI_HTTP1_CHUNKED,  /* chunks, then perhaps trailers (which are not reported) */
    OI_HTTP1_TO_CLOSE, /* an answer that ends with the stream */
    OI_HTTP1_TUNNEL,   /* none, and nothing of HTTP/1 behind it */
    OI_HTTP1_UNFRAMED, /* not certain: OI_HTTP1_OVER comes next */
};

enum oi_http1_address {
    OI_HTTP1_NO_ADDRESS,   /* LOCAL, UNKNOWN, or a family that has no port */
    OI_HTTP1_ADDRESS_TEXT, /* `192.0.2.1`, `2001:db8::1` */
    OI_HTTP1_ADDRESS_IPV4, /* 4 bytes */
    OI_HTTP1_ADDRESS_IPV6, /* 16 bytes */
};

/* What is known of the current message. Each field is right from the event on that is named for it, in all events until
 * END. */
struct oi_http1_head {
    uint8_t method;        /* METHOD: enum oi_http1_method */
    uint8_t minor;         /* LINE: 0 of HTTP/1.0, 1 of HTTP/1.1 */
    uint16_t status;       /* LINE: of an answer, 100 to 999 */
    uint8_t framing;       /* HEAD: enum oi_http1_framing */
    bool keep_alive;       /* HEAD: this side allows another message */
    bool expects_continue; /* HEAD: Expect: 100-continue, and there is a body to be waited for */
    bool upgrade;          /* HEAD: there was an Upgrade header */
    bool has_length;       /* HEAD: there was a Content-Length, also where no body follows (HEAD, 304) */
    uint64_t length;       /* HEAD: its value */
};

/* A header of a message: as in FIELD, by places from `text` on. */
struct oi_http1_field {
    uint8_t header;
    uint8_t name_len;
    uint16_t name;
    uint16_t value, value_len;
};

enum { OI_HTTP1_FIELDS = 8 };

struct oi_http1_event {
    uint8_t kind;    /* enum oi_http1_kind */
    uint8_t reason;  /* enum oi_http1_reason */
    uint8_t header;  /* enum oi_http1_header */
    uint8_t address; /* enum oi_http1_address */
    bool last;
    bool tunnel;
    uint16_t port; /* PREAMBLE: the client's; 0: unknown */
    /* Which message of this direction, counted from 0; 1xx answers count with the final one: answer n answers
     * request n. */
    uint32_t message;
    /* Into the bytes that were given to this call, or, where a method or name came in pieces, into the state: valid
     * until the next call. Values and targets always stand in the bytes given, but for the one space that an obsolete
     * line folding is (a piece of its own). A value's white space in front is left out; what stands behind it is left
     * out where all of it came in one piece: trim what you have put together. */
    const char *at;
    size_t len;
    const char *value;
    size_t value_len;
    uint64_t offset; /* in the stream, from 0; what it is of, see the kinds */
    uint64_t past;
    uint64_t body;
    struct oi_http1_head head;
    uint64_t begin;
    const char *text;
    size_t count; /* of fields */
    struct oi_http1_field fields[OI_HTTP1_FIELDS];
};

/* Longest method, and longest header name that is reported. */
enum { OI_HTTP1_KEPT = 64 };

/* Size of the state, checked when this is compiled. */
enum { OI_HTTP1_STATE = 136 };

/* All zeros and `side` set is the start of a stream. Look at `offset` only: the bytes used so far. */
struct oi_http1 {
    uint64_t offset;
    uint64_t left; /* of the body or chunk, or of what is passed over */
    uint64_t body;
    uint64_t line; /* offset of the current line */
    uint32_t message;
    uint8_t side;
    uint8_t state;
    uint8_t reason;
    uint8_t header;
    uint8_t kept; /* bytes in text */
    uint8_t digits;
    uint8_t number;
    uint16_t flags;
    uint16_t small;
    struct oi_http1_head head;
    char text[OI_HTTP1_KEPT];
};

/* Starts a stream at its first byte. */
void oi_http1_init(struct oi_http1 *state, enum oi_http1_side side);

/* Takes bytes until there is something to say. Returns how many of `len` were used; call again with the rest, and once
 * more when there is none, until event->kind is MORE. `at` NULL: `len` bytes have passed that nobody has seen
 * (sendfile, splice); that is fine inside of a body and OVER anywhere else. */
size_t oi_http1_next(struct oi_http1 *state, const char *at, size_t len, struct oi_http1_event *event);

/* The headers that somebody is interested in. */
struct oi_http1_wanted {
    uint16_t known;   /* a bit for each enum oi_http1_header but OI_HTTP1_OTHER_HEADER */
    uint64_t lengths; /* of the others: a bit for each length of a name, 1 << (length & 63) */
    bool heads;       /* MESSAGE is understood. Answers: oi_http1_answers is told before each call, then */
};

/* The same, but for what is said of headers: those that are not wanted are not told of, and one that stands whole in
 * the bytes given is one FIELD. Where nothing is wanted, a header costs some thirty instructions instead of three
 * hundred. Both functions may be used on one stream, in turn. */
size_t oi_http1_next_wanted(struct oi_http1 *state, const struct oi_http1_wanted *wanted, const char *at, size_t len,
                            struct oi_http1_event *event);

/* The stream has ended: END of a message that ends so, else OVER (CLOSED between messages, CUT inside of one). */
void oi_http1_eof(struct oi_http1 *state, struct oi_http1_event *event);

/* After HEADER: the value of this header is wanted. */
void oi_http1_take(struct oi_http1 *state);

/* What an answer answers, any time from the END of the answer before to this one's HEAD: event->head.method of request
 * number event->message. Without it OI_HTTP1_OTHER_METHOD is assumed: a HEAD answer would not end. */
void oi_http1_answers(struct oi_http1 *answers, enum oi_http1_method method);

/* Tells the requests' side what the server said: call it with each HEAD event of the answers. Until then nothing is
 * known of what follows a CONNECT or an Upgrade request, and bytes that follow it are OVER (UNCERTAIN). With a final
 * answer that came instead of the 100 that a request waits for, its body may follow or the next request: OVER with the
 * next byte, too. */
void oi_http1_answered(struct oi_http1 *requests, const struct oi_http1_event *head);

/* Is a message open: begun and not ended? */
bool oi_http1_inside(const struct oi_http1 *state);

/* So many of the next bytes will be counted without being looked at. */
uint64_t oi_http1_unread(const struct oi_http1 *state);

#endif
