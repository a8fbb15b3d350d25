#include "agent/pool.h"

#include <pthread.h>
#include <string.h>

#include "tests/unit/run.h"

enum { SLOTS = 64, SLOT = 48, THREADS = 4, ROUNDS = 40000 };

static struct oi_pool pool;

START_TEST(every_slot_is_given_once)
{
    ck_assert(oi_pool_init(&pool, SLOT, SLOTS));
    char *slots[SLOTS];
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = oi_pool_take(&pool);
        ck_assert_ptr_nonnull(slots[i]);
        ck_assert_uint_eq((uintptr_t)slots[i] % 16, 0);
        memset(slots[i], i, SLOT);
    }
    ck_assert_ptr_null(oi_pool_take(&pool));
    for (int i = 0; i < SLOTS; i++)
        for (int k = 0; k < SLOT; k++)
            ck_assert_int_eq(slots[i][k], i);
}
END_TEST

START_TEST(the_last_slot_returned_is_the_next_one_taken)
{
    ck_assert(oi_pool_init(&pool, SLOT, SLOTS));
    void *first = oi_pool_take(&pool), *second = oi_pool_take(&pool);
    oi_pool_give(&pool, first);
    oi_pool_give(&pool, second);
    ck_assert_ptr_eq(oi_pool_take(&pool), second);
    ck_assert_ptr_eq(oi_pool_take(&pool), first);
    ck_assert_ptr_ne(oi_pool_take(&pool), first);
}
END_TEST

START_TEST(an_exhausted_pool_works_again_after_a_return)
{
    ck_assert(oi_pool_init(&pool, SLOT, 1));
    void *only = oi_pool_take(&pool);
    ck_assert_ptr_null(oi_pool_take(&pool));
    oi_pool_give(&pool, only);
    ck_assert_ptr_eq(oi_pool_take(&pool), only);
    ck_assert_ptr_null(oi_pool_take(&pool));
}
END_TEST

START_TEST(more_memory_than_there_is_fails)
{
    ck_assert(!oi_pool_init(&pool, (size_t)1 << 31, UINT32_MAX));
}
END_TEST

/* Takes a few, writes its own mark over all of each, and finds it untouched. */
static void *hammer(void *mark)
{
    long damaged = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char *held[3];
        int count = 0;
        while (count < 3 && (held[count] = oi_pool_take(&pool)))
            memset(held[count++], (int)(long)mark, SLOT);
        while (count-- > 0) {
            for (int k = 0; k < SLOT; k++)
                damaged += held[count][k] != (char)(long)mark;
            oi_pool_give(&pool, held[count]);
        }
    }
    return (void *)damaged;
}

START_TEST(threads_never_hold_the_same_slot)
{
    /* Fewer slots than could be wanted: threads meet on every one of them. */
    ck_assert(oi_pool_init(&pool, SLOT, THREADS * 3 - 2));
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, hammer, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++) {
        void *damaged;
        pthread_join(threads[i], &damaged);
        ck_assert_ptr_null(damaged);
    }
    int left = 0;
    while (oi_pool_take(&pool))
        left++;
    ck_assert_int_eq(left, THREADS * 3 - 2);
}
END_TEST

#ifdef __SANITIZE_ADDRESS__
START_TEST(a_free_slot_is_not_to_be_touched)
{
    ck_assert(oi_pool_init(&pool, SLOT, 2));
    volatile char *slot = oi_pool_take(&pool);
    slot[SLOT - 1] = 1;
    oi_pool_give(&pool, (void *)slot);
    slot[SLOT - 1] = 1;
}
END_TEST

START_TEST(a_slot_never_taken_is_not_to_be_touched)
{
    ck_assert(oi_pool_init(&pool, SLOT, 2));
    volatile char *slot = oi_pool_take(&pool);
    slot[SLOT] = 1;
}
END_TEST
#endif

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_slot_is_given_once);
    tcase_add_test(tests, the_last_slot_returned_is_the_next_one_taken);
    tcase_add_test(tests, an_exhausted_pool_works_again_after_a_return);
    tcase_add_test(tests, more_memory_than_there_is_fails);
    tcase_add_test(tests, threads_never_hold_the_same_slot);
#ifdef __SANITIZE_ADDRESS__
    tcase_add_exit_test(tests, a_free_slot_is_not_to_be_touched, 1);
    tcase_add_exit_test(tests, a_slot_never_taken_is_not_to_be_touched, 1);
#endif
    return run_suite("pool", tests);
}
