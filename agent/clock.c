#include "agent/clock.h"

#include "agent/futex.h"

/* A measurement that was interrupted for longer, in nanoseconds, is not remembered. */
enum { AT_ONCE = 1000 };

static _Atomic uint64_t distance; /* of the wall's clock from the other, */
static _Atomic uint64_t measured; /* and when that was measured; 0: never */

struct oi_time oi_time_now(void)
{
    uint64_t mono = oi_mono_ns(), at = atomic_load_explicit(&measured, memory_order_acquire);
    if (at != 0 && mono - at < OI_NS_PER_MS)
        return (struct oi_time){mono + atomic_load_explicit(&distance, memory_order_relaxed), mono};
    struct oi_time now = {oi_clock_ns(CLOCK_REALTIME), mono};
    if (oi_mono_ns() - mono < AT_ONCE) {
        atomic_store_explicit(&distance, now.unix_ns - mono, memory_order_relaxed);
        atomic_store_explicit(&measured, mono, memory_order_release);
    }
    return now;
}
