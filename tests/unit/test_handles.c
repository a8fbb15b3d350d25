#include "agent/handles.h"

#include <pthread.h>
#include <string.h>

#include "tests/unit/run.h"

struct state {
    long number;
    char text[40];
};

static struct oi_handles map = OI_HANDLES(struct state);

static const void *handle(long number)
{
    return (const void *)(number * 16);
}

START_TEST(an_unknown_handle_has_no_state)
{
    ck_assert_ptr_null(oi_handles_find(&map, handle(1)));
    ck_assert_ptr_null(oi_handles_find(&map, NULL));
    ck_assert_ptr_null(oi_handles_add(&map, NULL));
    oi_handles_remove(&map, handle(1));
    oi_handles_remove(&map, NULL);
    ck_assert_ptr_null(oi_handles_find(&map, handle(1)));
}
END_TEST

START_TEST(a_state_is_zeroed_aligned_and_found_again)
{
    struct state *state = oi_handles_add(&map, handle(1));
    static const struct state empty;
    ck_assert_ptr_nonnull(state);
    ck_assert_uint_eq((uintptr_t)state % 16, 0);
    ck_assert_mem_eq(state, &empty, sizeof empty);
    state->number = 7;
    ck_assert_ptr_eq(oi_handles_find(&map, handle(1)), state);
    oi_handles_remove(&map, handle(1));
    ck_assert_ptr_null(oi_handles_find(&map, handle(1)));
}
END_TEST

START_TEST(a_handle_made_again_at_the_same_address_starts_anew)
{
    struct state *state = oi_handles_add(&map, handle(1));
    memset(state, 0xff, sizeof *state);
    state = oi_handles_add(&map, handle(1));
    ck_assert_int_eq(state->number, 0);
    memset(state, 0xff, sizeof *state);
    oi_handles_remove(&map, handle(1));
    state = oi_handles_add(&map, handle(1));
    ck_assert_int_eq(state->number, 0);
    ck_assert_int_eq(state->text[39], 0);
}
END_TEST

/* Programs that open and close for ever must not grow: a removed handle's memory serves the next one of its bucket. */
START_TEST(memory_is_used_again)
{
    const void *first = oi_handles_add(&map, handle(1));
    for (int i = 0; i < 100000; i++) {
        oi_handles_remove(&map, handle(1));
        ck_assert_ptr_eq(oi_handles_add(&map, handle(1)), first);
    }
}
END_TEST

enum { MANY = 20000 };

START_TEST(many_handles_share_buckets_and_stay_apart)
{
    for (long i = 1; i <= MANY; i++)
        ((struct state *)oi_handles_add(&map, handle(i)))->number = i;
    for (long i = 1; i <= MANY; i += 2)
        oi_handles_remove(&map, handle(i));
    for (long i = 1; i <= MANY; i++) {
        struct state *state = oi_handles_find(&map, handle(i));
        if (i % 2)
            ck_assert_ptr_null(state);
        else
            ck_assert_int_eq(state->number, i);
    }
}
END_TEST

static long visited, sum;

static void visit(void *state)
{
    visited++;
    sum += ((struct state *)state)->number;
}

START_TEST(each_visits_what_is_known_and_nothing_else)
{
    for (long i = 1; i <= 100; i++)
        ((struct state *)oi_handles_add(&map, handle(i)))->number = i;
    for (long i = 51; i <= 100; i++)
        oi_handles_remove(&map, handle(i));
    oi_handles_each(&map, visit);
    ck_assert_int_eq(visited, 50);
    ck_assert_int_eq(sum, 50 * 51 / 2);
}
END_TEST

enum { THREADS = 4, ROUNDS = 300, EACH = 100 };

/* Makes, uses and frees handles of its own, while the others do the same in the same buckets. */
static void *work(void *user)
{
    long thread = (long)user, wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (long i = 0; i < EACH; i++)
            ((struct state *)oi_handles_add(&map, handle(1 + i * THREADS + thread)))->number = i * THREADS + thread;
        for (long i = 0; i < EACH; i++) {
            struct state *state = oi_handles_find(&map, handle(1 + i * THREADS + thread));
            wrong += !state || state->number != i * THREADS + thread;
            oi_handles_remove(&map, handle(1 + i * THREADS + thread));
            wrong += oi_handles_find(&map, handle(1 + i * THREADS + thread)) != NULL;
        }
    }
    return (void *)wrong;
}

START_TEST(threads_with_handles_of_their_own_do_not_meet)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    oi_handles_each(&map, visit);
    ck_assert_int_eq(visited, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_unknown_handle_has_no_state);
    tcase_add_test(tests, a_state_is_zeroed_aligned_and_found_again);
    tcase_add_test(tests, a_handle_made_again_at_the_same_address_starts_anew);
    tcase_add_test(tests, memory_is_used_again);
    tcase_add_test(tests, many_handles_share_buckets_and_stay_apart);
    tcase_add_test(tests, each_visits_what_is_known_and_nothing_else);
    tcase_add_test(tests, threads_with_handles_of_their_own_do_not_meet);
    return run_suite("handles", tests);
}
