/* The fence between fork and the worker. */
#include <pthread.h>

#include "agent/futex.h"
#include "agent/worker.h"
#include "tests/unit/run.h"

static void *fork_that_cannot_wait(void *unused)
{
    (void)unused;
    oi_worker_fork_prepare();
    return NULL;
}

static void *fork_to_the_end(void *unused)
{
    (void)unused;
    oi_worker_fork_prepare();
    oi_worker_fork_parent();
    return NULL;
}

static void in_a_thread(void *(*work)(void *))
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, work, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(a_fork_that_waited_in_vain_leaves_the_other_ones_fence_alone)
{
    oi_worker_fork_prepare();
    in_a_thread(fork_that_cannot_wait);
    oi_worker_fork_parent();
    uint64_t before = oi_mono_ns();
    in_a_thread(fork_to_the_end);
    ck_assert_uint_lt(oi_mono_ns() - before, 500 * OI_NS_PER_MS);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_fork_that_waited_in_vain_leaves_the_other_ones_fence_alone);
    return run_suite("worker", tests);
}
