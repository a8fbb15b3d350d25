/* The fence between fork and the worker: held by the worker while it may hold a lock of libcurl, OpenSSL or the loader,
 * and by a thread that forks, so that no child inherits such a lock held by a thread it does not have.
 * Async-signal-safe. */
#ifndef OI_AGENT_FENCE_H
#define OI_AGENT_FENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Waits for the fence, at most until `until` (monotonic ns). False: it was not to be had. */
bool oi_fence_take(uint64_t until);

/* The same without end: the worker. */
void oi_fence_hold(void);

void oi_fence_leave(void);

/* In a forked child: nobody holds it. */
void oi_fence_reset(void);

#endif
