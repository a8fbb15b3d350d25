/* The time, as spans need it: by the wall, and by the clock that nobody sets.
 *
 * Each look at a clock takes 25 to 40 ns. The distance between the two clocks is remembered for a millisecond, so that
 * mostly one look is enough: what sets or slews the wall's clock is seen a millisecond late at most. Lock-free and
 * async-signal-safe. */
#ifndef OI_AGENT_CLOCK_H
#define OI_AGENT_CLOCK_H

#include <stdint.h>

struct oi_time {
    uint64_t unix_ns, mono_ns;
};

struct oi_time oi_time_now(void);

#endif
