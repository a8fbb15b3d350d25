#include "agent/gate.h"

#include <pthread.h>

#include "agent/context.h"
#include "agent/futex.h"
#include "agent/id.h"
#include "agent/span.h"
#include "tests/unit/run.h"

START_TEST(one_request_at_a_time_never_closes_it)
{
    oi_gate_init(OI_GATE_COUNTS);
    ck_assert(!oi_gate_closed());
    for (int i = 0; i < 1000; i++) {
        struct oi_gate_ticket ticket = oi_gate_enter();
        ck_assert(!oi_gate_closed());
        oi_gate_leave(&ticket);
    }
    ck_assert(!oi_gate_closed());
}
END_TEST

START_TEST(two_requests_close_it_until_one_is_answered)
{
    oi_gate_init(OI_GATE_COUNTS);
    struct oi_gate_ticket first = oi_gate_enter(), second = oi_gate_enter(), third = oi_gate_enter();
    ck_assert(oi_gate_closed());
    oi_gate_leave(&second);
    ck_assert(oi_gate_closed());
    oi_gate_leave(&second); /* once a ticket */
    ck_assert(oi_gate_closed());
    oi_gate_leave(&first);
    ck_assert(!oi_gate_closed());
    oi_gate_leave(&third);
}
END_TEST

static void *answer(void *ticket)
{
    ck_assert(!oi_gate_closed()); /* it has read none itself */
    oi_gate_leave(ticket);
    return NULL;
}

START_TEST(another_thread_may_answer)
{
    oi_gate_init(OI_GATE_COUNTS);
    pthread_t thread;
    struct oi_gate_ticket first = oi_gate_enter(), second = oi_gate_enter();
    pthread_create(&thread, NULL, answer, &first);
    pthread_join(thread, NULL);
    ck_assert(!oi_gate_closed());
    oi_gate_leave(&second);
}
END_TEST

static void *read_one(void *ticket)
{
    *(struct oi_gate_ticket *)ticket = oi_gate_enter();
    return NULL;
}

/* The memory of a thread that is gone serves another one, which must not be charged with what the first one left. */
START_TEST(a_thread_may_end_before_its_request_is_answered)
{
    oi_gate_init(OI_GATE_COUNTS);
    struct oi_gate_ticket left[100];
    pthread_t thread;
    for (int i = 0; i < 100; i++) {
        pthread_create(&thread, NULL, read_one, &left[i]);
        pthread_join(thread, NULL);
    }
    struct oi_gate_ticket own = oi_gate_enter();
    ck_assert(!oi_gate_closed());
    for (int i = 0; i < 100; i++)
        oi_gate_leave(&left[i]);
    struct oi_gate_ticket more = oi_gate_enter();
    ck_assert(oi_gate_closed());
    oi_gate_leave(&more);
    oi_gate_leave(&own);
}
END_TEST

START_TEST(the_user_may_open_it)
{
    oi_gate_init(OI_GATE_OPEN);
    struct oi_gate_ticket first = oi_gate_enter(), second = oi_gate_enter();
    ck_assert(!oi_gate_closed());
    oi_gate_leave(&first);
    oi_gate_leave(&second);
}
END_TEST

START_TEST(a_wait_that_lasted_as_long_as_it_might_closes_it_for_a_turn)
{
    const int64_t second = 1000000000;
    oi_gate_init(OI_GATE_COUNTS);
    struct oi_gate_ticket ticket = oi_gate_enter();
    oi_gate_turn(60 * second); /* since when, nobody knows */
    ck_assert(oi_gate_closed());
    oi_gate_turn(60 * second);
    ck_assert(!oi_gate_closed());
    oi_gate_turn(0); /* something was to be done at once */
    ck_assert(oi_gate_closed());
    oi_gate_turn(-1); /* no timer */
    ck_assert(!oi_gate_closed());
    oi_gate_turn(second / 1000); /* clocks are not that exact */
    ck_assert(oi_gate_closed());
    oi_gate_turn(60 * second);
    ck_assert(!oi_gate_closed());
    oi_gate_leave(&ticket);
}
END_TEST

START_TEST(what_it_shows_ends_when_timers_may_run)
{
    static struct oi_active active, another;
    struct oi_context context = {.trace_id = {1}, .span_id = {1}}, found;
    const int64_t limit = 500000000;
    oi_gate_init(OI_GATE_COUNTS);
    oi_active_begin(&active, &context);
    oi_active_begin(&another, &context);
    struct oi_gate_ticket ticket = oi_gate_enter();
    uint64_t begin = oi_mono_ns();
    oi_gate_turn(-1);
    oi_gate_turn(limit);
    oi_gate_show(&active, active.generation);
    ck_assert(oi_context_current(&found));
    while (oi_context_current(&found))
        ck_assert_uint_lt(oi_mono_ns() - begin, 5 * (uint64_t)limit);
    ck_assert_uint_ge(oi_mono_ns() - begin, (uint64_t)limit - 20000000);
    oi_context_set(&another); /* a library's function is called for it */
    ck_assert(oi_context_current(&found));
    oi_context_set(NULL);
    oi_gate_leave(&ticket);
}
END_TEST

START_TEST(what_it_showed_is_found_by_those_who_know_better)
{
    static struct oi_active active;
    struct oi_context context = {.trace_id = {1}, .span_id = {1}}, found;
    uint32_t generation = 0;
    oi_gate_init(OI_GATE_COUNTS);
    oi_active_begin(&active, &context);
    struct oi_gate_ticket ticket = oi_gate_enter();
    oi_gate_turn(-1);
    oi_gate_turn(0);
    oi_gate_show(&active, active.generation);
    struct oi_current before = oi_context_now();
    ck_assert_ptr_null(oi_context_keep().active);
    ck_assert_ptr_eq(oi_context_of(&active, active.generation, &found, &generation),
                     &active); /* its ids are handed on */
    ck_assert_uint_eq(generation, active.generation);
    struct oi_span span;
    oi_id_init();
    oi_span_start_in(&span, &active, active.generation);
    ck_assert(span.has_parent && span.parent == &active);
    ck_assert(!oi_context_current(&found));
    oi_context_set(&active); /* a library's function is called for it */
    ck_assert(oi_context_current(&found));
    ck_assert_ptr_eq(oi_context_keep().active, &active);
    oi_context_exchange(before);
    ck_assert(!oi_context_current(&found));
    oi_gate_leave(&ticket);
}
END_TEST

START_TEST(a_program_that_follows_may_read_many_but_not_put_off)
{
    oi_gate_init(OI_GATE_FOLLOWS);
    ck_assert(oi_gate_follows());
    struct oi_gate_ticket first = oi_gate_enter(), second = oi_gate_enter();
    ck_assert(!oi_gate_closed());
    oi_gate_doubt();
    ck_assert(oi_gate_closed());
    oi_gate_turn(-1);
    ck_assert(!oi_gate_closed());
    oi_gate_leave(&first);
    oi_gate_leave(&second);
}
END_TEST

START_TEST(what_threads_of_one_loop_read_says_nothing)
{
    struct oi_active active = {.generation = 1};
    oi_gate_init(OI_GATE_COUNTS);
    struct oi_gate_ticket ticket = oi_gate_enter();
    ck_assert(oi_gate_reads(true));
    oi_gate_show(&active, 1);
    ck_assert(!oi_gate_over());
    oi_gate_share();
    ck_assert(oi_gate_over());
    ck_assert(!oi_gate_reads(true));
    ck_assert(oi_gate_reads(false) && !oi_gate_over() && !oi_gate_closed()); /* this one is its own */
    oi_gate_leave(&ticket);
}
END_TEST

START_TEST(the_user_may_have_several_threads_run_a_loop)
{
    struct oi_active active = {.generation = 1};
    oi_gate_init(OI_GATE_OPEN);
    oi_gate_share();
    ck_assert(oi_gate_reads(true));
    oi_gate_show(&active, 1);
    ck_assert(!oi_gate_over());
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, one_request_at_a_time_never_closes_it);
    tcase_add_test(tests, two_requests_close_it_until_one_is_answered);
    tcase_add_test(tests, another_thread_may_answer);
    tcase_add_test(tests, a_thread_may_end_before_its_request_is_answered);
    tcase_add_test(tests, the_user_may_open_it);
    tcase_add_test(tests, a_wait_that_lasted_as_long_as_it_might_closes_it_for_a_turn);
    tcase_add_test(tests, what_it_shows_ends_when_timers_may_run);
    tcase_add_test(tests, what_it_showed_is_found_by_those_who_know_better);
    tcase_add_test(tests, a_program_that_follows_may_read_many_but_not_put_off);
    tcase_add_test(tests, what_threads_of_one_loop_read_says_nothing);
    tcase_add_test(tests, the_user_may_have_several_threads_run_a_loop);
    return run_suite("gate", tests);
}
