#include "agent/clock.h"

#include "agent/futex.h"
#include "tests/unit/run.h"

START_TEST(both_clocks_are_right)
{
    uint64_t end = oi_mono_ns() + 50 * OI_NS_PER_MS;
    struct oi_time now = {0};
    for (size_t looks = 0; now.mono_ns < end; looks++) {
        uint64_t mono = oi_mono_ns(), wall = oi_clock_ns(CLOCK_REALTIME);
        now = oi_time_now();
        uint64_t wall_after = oi_clock_ns(CLOCK_REALTIME), mono_after = oi_mono_ns();
        ck_assert(now.mono_ns >= mono && now.mono_ns <= mono_after);
        /* What was remembered is as right as its measurement: within the microsecond that it may take, and what the
         * kernel slews the clock by in a millisecond. */
        ck_assert_msg(now.unix_ns + 3000 >= wall && now.unix_ns <= wall_after + 3000, "look %zu: %lld, %lld", looks,
                      (long long)(now.unix_ns - wall), (long long)(wall_after - now.unix_ns));
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, both_clocks_are_right);
    return run_suite("clock", tests);
}
