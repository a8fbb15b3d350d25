/* The agent's thread-local data and the guard around agent code.
 *
 * Thread-local data is initial-exec and at most 64 bytes: 8 KiB of it crashed a program with 16 KiB thread stacks.
 * The guard covers agent code only and is never held across a real call (cancellation, longjmp, exceptions and
 * coroutines leave a hook in the middle).
 */
#ifndef OI_AGENT_THREAD_H
#define OI_AGENT_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/context.h"
#include "agent/gate.h"
#include "agent/thread_offsets.h"

struct oi_thread {
    uint64_t random[2];              /* id generator */
    const struct oi_active *current; /* see context.h */
    uint32_t current_generation;
    uint32_t random_epoch; /* the process image (counts forks) the generator was seeded in; 0: never */
    volatile bool busy;    /* this thread is inside agent code */
    bool agent;            /* a thread of the agent's own: exempt from every hook */
    bool fence;            /* this thread is forking and holds the worker's fence */
    bool vforked;          /* it has called vfork: it may be the child */
    /* Of hooks/dynamic.h: the entry that was called, of which copy of a library, and from where; 0: none, or it has
     * been taken note of. And what dlerror has to say; 0: what libc says. */
    uint16_t entry;
    uint16_t undefined;
    const void *entry_caller;
    struct oi_gate *gate; /* its count of requests (agent/gate.h); NULL: it has read none */
    bool current_shown;   /* a descriptor said that `current` is it (oi_gate_show) */
};

extern __thread struct oi_thread oi_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));
_Static_assert(offsetof(struct oi_thread, vforked) == OI_THREAD_VFORKED, "hooks/stubs.S writes it");
_Static_assert(offsetof(struct oi_thread, entry) == OI_THREAD_ENTRY, "hooks/stubs.S writes it");
_Static_assert(offsetof(struct oi_thread, entry_caller) == OI_THREAD_ENTRY_CALLER, "hooks/stubs.S writes it");
_Static_assert(offsetof(struct oi_thread, undefined) == OI_THREAD_UNDEFINED, "hooks/stubs.S writes it");
_Static_assert(sizeof(struct oi_thread) <= 64, "thread-local data must stay small");

/* Enters agent code. False: pass through (the thread is ours, or a signal handler interrupted agent code). */
static inline bool oi_guard_enter(void)
{
    if (oi_thread.busy || oi_thread.agent)
        return false;
    oi_thread.busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
}

static inline void oi_guard_leave(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    oi_thread.busy = false;
}

#endif
