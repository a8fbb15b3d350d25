/* The one thread that exports: waits for a batch, a delay or a flush, never polls.
 *
 * Specification: trace/sdk.md#batching-processor. Leaving and forking: docs/architecture.md.
 */
#ifndef OI_AGENT_WORKER_H
#define OI_AGENT_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/span.h"

/* Maps the queue. From the constructor. False: no memory. */
bool oi_worker_init(void);

/* Queues a record and wakes the worker where that is due. False: full or too late (counted); the record stays the
 * caller's. Async-signal-safe. */
bool oi_worker_push(struct oi_record *record);

/* Whether a worker runs in this process image. */
bool oi_worker_running(void);

/* Starts it (agent/agent.h: oi_worker_need does so where that is allowed). False: not possible, which is said and not
 * tried again. `ahead`: nothing needs it yet; then it is not said, and the next one tries again. */
bool oi_worker_start(bool ahead);

/* Waits until everything queued before the call was exported or given up, at most until `deadline` (monotonic ns).
 * True: done. Async-signal-safe. */
bool oi_worker_flush(uint64_t deadline);

/* Flushes, then stops the worker outside libcurl and OpenSSL, for good: it is parked and touches nothing any more.
 * `deadline` bounds the export; a little more is allowed for the way out. Async-signal-safe. */
void oi_worker_park(uint64_t deadline);

/* The same, and the thread is gone afterwards: where the program's end depends on how many threads there are. */
void oi_worker_end(uint64_t deadline);

/* The same, and another can be started: for what a process of several threads may not do. */
void oi_worker_stop(uint64_t deadline);

/* Whether the running worker has the capabilities of the calling thread. */
bool oi_worker_as_capable(void);

/* Spans waiting for export. Async-signal-safe. */
bool oi_worker_has_work(void);

/* From here on the program's threads make no system call for the worker's sake: it looks for itself, now and then. */
void oi_worker_sandboxed(void);

/* Opens the exporter now, waiting for it at most until `deadline`. */
void oi_worker_open_exporter(uint64_t deadline);

/* Around fork: the parent waits, bounded, until the worker holds no lock of libcurl, OpenSSL or the loader. */
void oi_worker_fork_prepare(void);
void oi_worker_fork_parent(void);
/* In the child: empty queue, no thread, exporter forgotten. `by_handler`: the fork was prepared; otherwise (raw clone)
 * the exporter is not used again, because its state is unknown. */
void oi_worker_fork_child(bool by_handler);

#endif
