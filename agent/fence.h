/* The fence between fork and the worker: held by the worker, or for it while it begins, as long as it may hold a lock
 * of libcurl, OpenSSL, the loader or an allocator, and by a thread that forks, so that no child inherits such a lock
 * held by a thread it does not have. Async-signal-safe. */
#ifndef OI_AGENT_FENCE_H
#define OI_AGENT_FENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Waits for the fence, at most until `until` (monotonic ns). False: it was not to be had. */
bool oi_fence_take(uint64_t until);

/* The same for a thread that forks while `worker` (a thread's number, 0: not known) may hold the fence: it waits a
 * second, and up to ten while the worker spends processor time: a child that is forked in the middle of dlopen may
 * break. A worker that spends none may wait for a lock that the forking thread holds. */
bool oi_fence_take_to_fork(pid_t worker);

/* The same without end: the worker. */
void oi_fence_hold(void);

void oi_fence_leave(void);

/* In a forked child: nobody holds it. */
void oi_fence_reset(void);

#endif
