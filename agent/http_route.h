/* What a request's path is an instance of: the route that the user named, or a guess for the span's name.
 *
 * Semantic conventions: http/http-spans.md (http.route, and names of low cardinality). Pure functions over text,
 * async-signal-safe, no allocation; time bounded by the product of the lengths, in practice by their sum.
 */
#ifndef OI_AGENT_HTTP_ROUTE_H
#define OI_AGENT_HTTP_ROUTE_H

#include "agent/text.h"

/* The first template of OTEL_NATIVE_HTTP_ROUTES (a comma list; NULL: none) that the path matches; absent: none.
 * `{name}` is one or more characters without a slash, `*` any number of them, and at the end of a template whatever is
 * left, slashes included. All else is compared as it is, percent-encoding, case and a slash at the end included. A
 * query or fragment is no part of the path. The text is the list's. */
struct oi_text oi_http_route(const char *list, struct oi_text path);

/* Appends a guess of the route to *out: the path with `{id}` for each segment that looks like a value (numbers, dates,
 * hashes, UUIDs, addresses, long or odd ones) and `*` for what lies deeper than eight segments. False, and nothing
 * appended, where the path is not one to name a span after: it does not start with a slash, steps back with `..`, or
 * there is no room. A guess is for names only, never for http.route. */
bool oi_http_route_guess(struct oi_text path, struct oi_buffer *out);

#endif
