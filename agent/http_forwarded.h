/* Who asked, by which scheme and for which host, as the proxies in front say.
 *
 * Forwarded (RFC 7239), else X-Forwarded-For, -Proto, -Host and -Port; of several hops the first one named, which is
 * the one farthest away. Semantic conventions: http/http-spans.md (client.address, url.scheme, server.address). Clients
 * can write these headers, too: what is neither an address, nor one of the schemes of HTTP, nor a host's name is left
 * out. Pure, async-signal-safe, bounded by the length; at most 0.3 KiB of stack.
 */
#ifndef OI_AGENT_HTTP_FORWARDED_H
#define OI_AGENT_HTTP_FORWARDED_H

#include <stdint.h>

#include "agent/text.h"

/* Values of the headers; absent: not sent. Of a header that came several times the first one. */
struct oi_http_forwarded {
    struct oi_text forwarded, x_for, x_proto, x_host, x_port;
};

/* Texts point into the values, or to constants. */
struct oi_http_origin {
    struct oi_text address; /* IPv4 or IPv6, without brackets; absent: nobody says, or it is hidden */
    uint16_t port;          /* with it; 0: unknown */
    struct oi_text scheme;  /* `http`, `https`, `ws`, `wss`; absent: nobody says */
    struct oi_text host;    /* without brackets; absent: nobody says */
    uint16_t host_port;     /* 0: nobody says */
};

/* A Forwarded header that breaks its grammar is read as if it were not there. What it says of one matter keeps X-
 * headers from being asked about that one. */
struct oi_http_origin oi_http_forwarded_read(const struct oi_http_forwarded *headers);

/* Takes `host`, `host:port`, `[v6]` or `[v6]:port` apart, as in Host. False, and nothing written: it is none. *port is
 * 0 where none is given. */
bool oi_http_host_split(struct oi_text value, struct oi_text *host, uint16_t *port);

#endif
