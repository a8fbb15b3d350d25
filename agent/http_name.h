/* The name of a SERVER span: `METHOD route`, `METHOD guess`, or the method alone.
 *
 * Semantic conventions: http/http-spans.md, Name: never the path itself. A guess (agent/http_route.h) is taken only as
 * long as the process has not used OI_HTTP_NAMES different ones: whatever clients ask for, names stay few. Lock-free,
 * no allocation, async-signal-safe.
 */
#ifndef OI_AGENT_HTTP_NAME_H
#define OI_AGENT_HTTP_NAME_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/text.h"

enum { OI_HTTP_NAMES = 200 };

/* The guessed names in use, by their hashes; no slot is ever freed. Zeroed: none. `seed` is random and set before the
 * first use: without it, clients could choose paths whose hashes are equal, and which so count as one. */
struct oi_http_names {
    uint64_t seed;
    _Atomic uint32_t count;
    _Atomic uint64_t slots[512];
};

/* True: the name is in use, or one of the first OI_HTTP_NAMES and now is. */
bool oi_http_names_allow(struct oi_http_names *names, struct oi_text name);

struct oi_http_server_name {
    struct oi_text method; /* as it stands in a name: `GET`, or `HTTP` for one that is not known */
    struct oi_text route;  /* http.route; absent: there is none */
    struct oi_text path;   /* of the request; a query is left out */
    int status;            /* of the answer; 404 and 405 say that the path is nobody's route: it is not guessed */
    bool guess;            /* OTEL_NATIVE_HTTP_ROUTE_GUESS */
};

/* Appends the name to *out. A guess that does not fit is left out; a route is cut. */
void oi_http_server_name(const struct oi_http_server_name *request, struct oi_http_names *names, struct oi_buffer *out);

#endif
