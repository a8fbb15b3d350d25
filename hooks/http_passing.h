/* Requests that are being served, by what they brought along: the trace id and parent id of their caller. A proxy hands
 * a traceparent on as it came; a request that goes out with one of these is that request, passed on (docs/context.md).
 *
 * Lock-free and async-signal-safe.
 */
#ifndef OI_HOOKS_HTTP_PASSING_H
#define OI_HOOKS_HTTP_PASSING_H

#include "hooks/http_request.h"

/* A request's span has begun; it is found until it ends. */
void oi_passing_add(struct oi_request *request);

/* The request that came with this context, and its generation. NULL: none, or several, none of which is this thread's
 * current one. */
const struct oi_active *oi_passing_find(const struct oi_context *carried, uint32_t *generation);

#endif
