/* Redis's protocol, RESP2 and RESP3, as a stream: the bytes of one direction of a connection go in, in pieces of any
 * size, events come out.
 *
 * redis.io/docs/reference/protocol-spec; networking.c and sds.c (sdssplitargs) of Redis 7 for inline commands. Pure: no
 * I/O, no allocation, no globals, no clock; async-signal-safe; takes less than 256 bytes of stack; the time is linear
 * in the bytes given. Nothing is kept of a value: what a reply holds is told in pieces, where it stands, so that its
 * length does not matter. How deep replies are nested does not matter either: the state counts what is still to come,
 * and tells the outermost two levels apart.
 *
 * How it is used, with one state for what the client sends and one for what the server sends:
 *
 *     struct oi_resp_event event;
 *     do {
 *         size_t used = oi_resp_next(&state, at, len, &event);
 *         at += used, len -= used;
 *         switch (event.kind) { … }
 *     } while (event.kind != OI_RESP_MORE && event.kind != OI_RESP_OVER);
 *
 * Events of a command, whose values are its arguments, and of a reply, whose values are itself and what it holds:
 *
 *     BEGIN VALUE* END        … the next one, or OVER
 *
 * An attribute (`|`) and a pushed message (`>`) are replies of their own here, which answer nothing; an attribute
 * inside of a reply is part of it.
 *
 * Values whose length is not said in front (`$?`, `*?` …, the streamed types of the RESP3 draft) are not read: no
 * server sends them. With one of them, as with anything else that is not RESP, both directions are over: the caller
 * ignores the connection.
 */
#ifndef OI_HOOKS_WIRE_RESP_H
#define OI_HOOKS_WIRE_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oi_resp_side { OI_RESP_COMMANDS, OI_RESP_REPLIES };

enum oi_resp_kind {
    OI_RESP_MORE,  /* everything given has been used; there is nothing to say */
    OI_RESP_BEGIN, /* offset: the first byte of a command or reply */
    OI_RESP_VALUE, /* type, depth, index, null, number; at, len: a piece of its text, `last` with the last one. A value
                    * without a text (numbers, null, what holds others) is one event with `last` */
    OI_RESP_END,   /* offset: behind its last byte. Of a reply: its type, null; of a command: number of arguments, 0:
                    * there is nothing in it to be answered */
    OI_RESP_OVER,  /* reason; everything from here on is used up without another event than this one */
};

enum oi_resp_reason {
    OI_RESP_MALFORMED,
    OI_RESP_STREAMED, /* a type whose length is not said in front */
    OI_RESP_TOO_LONG, /* an inline command that no server would read, a length or a count beyond reason */
    OI_RESP_UNSEEN,   /* bytes passed unseen where they had to be read */
};

/* A value's type is the character in front of it. */
enum oi_resp_type {
    OI_RESP_STRING = '$',
    OI_RESP_SIMPLE = '+',
    OI_RESP_ERROR = '-',
    OI_RESP_LONG_ERROR = '!',
    OI_RESP_VERBATIM = '=',
    OI_RESP_INTEGER = ':',
    OI_RESP_BIG_NUMBER = '(', /* a text */
    OI_RESP_DOUBLE = ',',     /* a text */
    OI_RESP_BOOLEAN = '#',    /* number: 0 or 1 */
    OI_RESP_NULL = '_',
    OI_RESP_ARRAY = '*', /* number: how many values; likewise, of a map and of an attribute how many pairs */
    OI_RESP_MAP = '%',
    OI_RESP_SET = '~',
    OI_RESP_PUSH = '>',
    OI_RESP_ATTRIBUTE = '|',
    OI_RESP_INLINE = ' ', /* an argument of an inline command: number is -1, escapes in it stay as they are */
};

struct oi_resp_event {
    uint8_t kind;   /* enum oi_resp_kind */
    uint8_t reason; /* enum oi_resp_reason */
    uint8_t type;   /* enum oi_resp_type */
    uint8_t depth;  /* 0: the reply itself; 1: directly in it; 2: further inside */
    bool last;
    bool null;      /* `$-1`, `*-1` or `_` */
    uint32_t index; /* which argument; of a reply, in which of its values this one is */
    const char *at; /* into the bytes that were given; NULL: they passed unseen, or it has no text */
    size_t len;
    int64_t number; /* of a text: its length */
    uint64_t offset;
};

/* Longest inline command, as Redis's own bound. */
enum { OI_RESP_INLINE_MAX = 65536 };

/* Size of the state, checked when this is compiled. */
enum { OI_RESP_STATE = 56 };

/* All zeros and `side` set is the start of a stream. Look at `offset` only: the bytes used so far. */
struct oi_resp {
    uint64_t offset;
    uint64_t left;     /* of a text; the number that is being read; of an inline command, its bytes so far */
    uint64_t elements; /* of the outermost value, or arguments: still to come */
    uint64_t inner;    /* values still to come inside of the one that is directly in the reply */
    int64_t number;
    uint32_t index;
    uint8_t side;
    uint8_t state;
    uint8_t reason;
    uint8_t type;
    uint8_t outer; /* the type of what holds the others; 0: nothing does */
    uint8_t digits;
    bool negative;
    bool null;
};

/* Starts a stream at its first byte. */
void oi_resp_init(struct oi_resp *state, enum oi_resp_side side);

/* Takes bytes until there is something to say. Returns how many of `len` were used; call again with the rest, and once
 * more when there is none, until event->kind is MORE. `at` NULL: `len` bytes have passed that nobody has seen; that is
 * fine inside of a text whose length is known and OVER anywhere else. */
size_t oi_resp_next(struct oi_resp *state, const char *at, size_t len, struct oi_resp_event *event);

/* Has a command or a reply begun and not ended? */
bool oi_resp_inside(const struct oi_resp *state);

#endif
