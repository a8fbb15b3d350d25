#include "agent/fence.h"

#include <time.h>

#include "agent/futex.h"

enum {
    IDLE_WAIT_MS = 1000,  /* how long fork waits for a worker that does nothing */
    BUSY_WAIT_MS = 10000, /* and for one that works */
    WORK_MS = 10,         /* of processor time, in IDLE_WAIT_MS: it works */
};

static _Atomic uint32_t fence; /* 0 free, 1 held, 2 held and waited for */

bool oi_fence_take(uint64_t until)
{
    uint32_t free = 0;
    if (atomic_compare_exchange_strong(&fence, &free, 1))
        return true;
    while (atomic_exchange(&fence, 2) != 0) {
        if (!oi_futex_wait(&fence, 2, until))
            return false;
    }
    return true;
}

/* Of a thread of this process; 0 if that cannot be said. */
static uint64_t processor_ns(pid_t thread)
{
    enum { CLOCK_OF_THREAD = 6 }; /* the kernel's CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED */
    struct timespec spent;
    clockid_t clock = (clockid_t)(~(unsigned)thread << 3 | CLOCK_OF_THREAD);
    if (thread == 0 || clock_gettime(clock, &spent) != 0)
        return 0;
    return (uint64_t)spent.tv_sec * OI_NS_PER_S + (uint64_t)spent.tv_nsec;
}

bool oi_fence_take_to_fork(pid_t worker)
{
    uint32_t free = 0;
    if (atomic_compare_exchange_strong(&fence, &free, 1))
        return true;
    uint64_t begun = oi_mono_ns(), spent = processor_ns(worker), before;
    for (uint64_t now = begun; now - begun < BUSY_WAIT_MS * OI_NS_PER_MS; now = oi_mono_ns()) {
        if (oi_fence_take(now + IDLE_WAIT_MS * OI_NS_PER_MS))
            return true;
        before = spent;
        spent = processor_ns(worker);
        if (spent < before + WORK_MS * OI_NS_PER_MS)
            break;
    }
    return false;
}

void oi_fence_hold(void)
{
    oi_fence_take(OI_FOREVER);
}

void oi_fence_leave(void)
{
    if (atomic_exchange(&fence, 0) == 2)
        oi_futex_wake(&fence, 1);
}

void oi_fence_reset(void)
{
    atomic_store(&fence, 0);
}
