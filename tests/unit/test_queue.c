#include "agent/queue.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/run.h"

enum { PRODUCERS = 4, ITEMS = 20000 };

static struct oi_queue queue;

static void *item(long number)
{
    return (void *)number;
}

START_TEST(items_come_out_in_the_order_they_went_in)
{
    ck_assert(oi_queue_init(&queue, 8));
    for (long round = 0; round < 1000; round++) {
        for (long i = 1; i <= 5; i++)
            ck_assert_uint_eq(oi_queue_push(&queue, item(round * 5 + i)), (uint64_t)i);
        ck_assert_uint_eq(oi_queue_size(&queue), 5);
        for (long i = 1; i <= 5; i++)
            ck_assert_ptr_eq(oi_queue_pop(&queue), item(round * 5 + i));
        ck_assert_ptr_null(oi_queue_pop(&queue));
        ck_assert_uint_eq(oi_queue_size(&queue), 0);
    }
}
END_TEST

/* The configured capacity counts, whatever the number of slots. */
static const uint32_t capacities[] = {1, 2, 3, 5, 8, 100, 2048};

START_TEST(capacity_is_exact)
{
    uint32_t capacity = capacities[_i];
    ck_assert(oi_queue_init(&queue, capacity));
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 1; i <= capacity; i++)
            ck_assert_uint_eq(oi_queue_push(&queue, item(i)), i);
        ck_assert_uint_eq(oi_queue_push(&queue, item(999)), 0);
        ck_assert_ptr_eq(oi_queue_pop(&queue), item(1));
        ck_assert_uint_eq(oi_queue_push(&queue, item(capacity + 1)), capacity);
        ck_assert_uint_eq(oi_queue_push(&queue, item(999)), 0);
        for (uint32_t i = 2; i <= capacity + 1; i++)
            ck_assert_ptr_eq(oi_queue_pop(&queue), item(i));
        ck_assert_ptr_null(oi_queue_pop(&queue));
    }
}
END_TEST

static long given, given_sum;

static void give(void *taken)
{
    given++;
    given_sum += (long)taken;
}

START_TEST(reset_returns_every_item_and_starts_anew)
{
    ck_assert(oi_queue_init(&queue, 8));
    for (long i = 1; i <= 20; i++) {
        oi_queue_push(&queue, item(i));
        if (i > 4)
            oi_queue_pop(&queue);
    }
    oi_queue_reset(&queue, give);
    ck_assert_int_eq(given, 4);
    ck_assert_int_eq(given_sum, 17 + 18 + 19 + 20);
    ck_assert_ptr_null(oi_queue_pop(&queue));
    for (long i = 1; i <= 8; i++)
        ck_assert_uint_eq(oi_queue_push(&queue, item(i)), (uint64_t)i);
    ck_assert_uint_eq(oi_queue_push(&queue, item(9)), 0);
    for (long i = 1; i <= 8; i++)
        ck_assert_ptr_eq(oi_queue_pop(&queue), item(i));
}
END_TEST

START_TEST(reset_of_a_queue_never_used_returns_nothing)
{
    ck_assert(oi_queue_init(&queue, 8));
    oi_queue_reset(&queue, give);
    ck_assert_int_eq(given, 0);
    ck_assert_uint_eq(oi_queue_push(&queue, item(1)), 1);
}
END_TEST

/* Bytes of address space in use: a sanitizer's are many. */
static rlim_t mapped(void)
{
    char line[256];
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert(file && fgets(line, sizeof line, file));
    fclose(file);
    unsigned long pages = strtoul(line, NULL, 10);
    ck_assert_uint_gt(pages, 0);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

START_TEST(more_memory_than_there_is_fails)
{
    rlim_t some = mapped() + (256 << 20);
    struct rlimit limit = {some, some};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert(!oi_queue_init(&queue, 1U << 30));
    ck_assert(oi_queue_init(&queue, 1U << 10));
}
END_TEST

static void *produce(void *producer)
{
    for (long i = 1; i <= ITEMS; i++)
        while (oi_queue_push(&queue, item((long)producer << 32 | i)) == 0)
            sched_yield();
    return NULL;
}

START_TEST(producers_lose_nothing_and_keep_their_order)
{
    ck_assert(oi_queue_init(&queue, 64));
    pthread_t threads[PRODUCERS];
    long last[PRODUCERS] = {0};
    for (long i = 0; i < PRODUCERS; i++)
        pthread_create(&threads[i], NULL, produce, (void *)i);
    for (long taken = 0; taken < PRODUCERS * ITEMS;) {
        long got = (long)oi_queue_pop(&queue);
        ck_assert_uint_le(oi_queue_size(&queue), 64 + 1);
        if (!got) {
            sched_yield();
            continue;
        }
        ck_assert_int_eq(got & 0xffffffff, ++last[got >> 32]);
        taken++;
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_ptr_null(oi_queue_pop(&queue));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, items_come_out_in_the_order_they_went_in);
    tcase_add_loop_test(tests, capacity_is_exact, 0, sizeof capacities / sizeof *capacities);
    tcase_add_test(tests, reset_returns_every_item_and_starts_anew);
    tcase_add_test(tests, reset_of_a_queue_never_used_returns_nothing);
    tcase_add_test(tests, more_memory_than_there_is_fails);
    tcase_add_test(tests, producers_lose_nothing_and_keep_their_order);
    return run_suite("queue", tests);
}
