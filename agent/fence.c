#include "agent/fence.h"

#include "agent/futex.h"

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
