/* Which protocol a connection speaks, by the first bytes of each direction.
 *
 * The port is never asked: it proves nothing. What matches nothing is OI_WIRE_NONE, to be ignored from there on. A
 * verdict names the only protocol that is worth parsing; whether it is one is for its parser to say (an HTTP/1 request
 * proves itself at the end of its first line).
 *
 * Pure, bounded, async-signal-safe; the answer is known after OI_WIRE_FIRST bytes of a direction at the latest, usually
 * with the first ones that are read or written.
 */
#ifndef OI_HOOKS_WIRE_DETECT_H
#define OI_HOOKS_WIRE_DETECT_H

#include <stddef.h>
#include <stdint.h>

enum oi_wire {
    OI_WIRE_MORE,  /* not yet known */
    OI_WIRE_NONE,  /* nothing we read */
    OI_WIRE_HTTP1, /* `METHOD target-start`, RFC 9112 */
    OI_WIRE_PROXY, /* a PROXY header, version 1 or 2; the HTTP/1 parser reads it, and what follows */
    OI_WIRE_HTTP2, /* the connection preface, RFC 9113 §3.4 */
    OI_WIRE_TLS,   /* a handshake record, SSL 3.0 to TLS 1.3 */
    OI_WIRE_RESP,  /* Redis: `*<n>CRLF$`, a client's command as an array; or a line that is one, and then a reply to it
                    */
    OI_WIRE_MYSQL, /* the server's greeting, protocol version 10, or its refusal */
};

enum oi_wire_side { OI_WIRE_CLIENT, OI_WIRE_SERVER }; /* who said it: client is who connected */

enum { OI_WIRE_FIRST = 48 };

/* All zeros is the start of a connection. Not needed any more once the verdict is there and what was kept is parsed. */
struct oi_wire_detector {
    uint8_t verdict; /* enum oi_wire */
    uint8_t side;    /* whose bytes are kept: enum oi_wire_side */
    uint8_t kept;    /* bytes of earlier calls */
    char bytes[OI_WIRE_FIRST];
};

/* Looks at the next bytes of one direction; `at` NULL: they passed unseen. The verdict stays once it is there. When it
 * comes, the caller gives its parser for `side` the first `kept` bytes of `bytes`, then `at`. Who speaks first decides:
 * where both have spoken before one of them is understood, there is no verdict but NONE. (But for Redis's commands on a
 * line of their own, which only the server's reply tells from a word: then what was kept is the client's.) */
enum oi_wire oi_wire_detect(struct oi_wire_detector *detector, enum oi_wire_side side, const char *at, size_t len);

#endif
