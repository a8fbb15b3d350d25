#include "agent/context.h"

#include <pthread.h>
#include <time.h>

#include "tests/unit/run.h"

static struct oi_context context_of(uint8_t number)
{
    struct oi_context context = {.flags = OI_FLAG_SAMPLED};
    memset(context.trace_id, number, sizeof context.trace_id);
    memset(context.span_id, number + 100, sizeof context.span_id);
    context.tracestate = OI_TEXT("vendor=1");
    context.baggage = OI_TEXT("user=7");
    return context;
}

/* 0: none. */
static int current(void)
{
    struct oi_context now;
    bool there = oi_context_current(&now);
    ck_assert_int_eq(there, oi_context_valid(&now));
    if (there)
        ck_assert_int_eq(now.span_id[7], now.trace_id[15] + 100);
    return there ? now.trace_id[15] : 0;
}

static void begin(struct oi_active *active, uint8_t number)
{
    struct oi_context context = context_of(number);
    oi_active_begin(active, &context);
}

START_TEST(a_thread_starts_with_none)
{
    struct oi_context now;
    memset(&now, 1, sizeof now);
    ck_assert(!oi_context_current(&now));
    ck_assert(!oi_context_valid(&now));
    ck_assert(!oi_text_present(now.tracestate) && !oi_text_present(now.baggage));
}
END_TEST

START_TEST(what_was_set_is_current_with_all_its_parts)
{
    static struct oi_active active;
    struct oi_context wanted = context_of(3), now;
    wanted.remote = true;
    oi_active_begin(&active, &wanted);
    oi_context_set(&active);
    ck_assert(oi_context_current(&now));
    ck_assert_mem_eq(now.trace_id, wanted.trace_id, 16);
    ck_assert_mem_eq(now.span_id, wanted.span_id, 8);
    ck_assert_int_eq(now.flags, OI_FLAG_SAMPLED);
    ck_assert(now.remote);
    ck_assert(oi_text_equal(now.tracestate, wanted.tracestate) && oi_text_equal(now.baggage, wanted.baggage));
    oi_context_set(NULL);
    ck_assert_int_eq(current(), 0);
}
END_TEST

START_TEST(an_ended_span_is_nobodys_current)
{
    static struct oi_active active;
    begin(&active, 3);
    oi_context_set(&active);
    oi_active_end(&active);
    ck_assert_int_eq(current(), 0);
}
END_TEST

START_TEST(memory_that_serves_another_span_does_not_bring_the_ended_one_back)
{
    static struct oi_active active;
    begin(&active, 3);
    oi_context_set(&active);
    oi_active_end(&active);
    begin(&active, 4);
    ck_assert_int_eq(current(), 0);
    oi_context_set(&active);
    ck_assert_int_eq(current(), 4);
}
END_TEST

START_TEST(a_span_that_never_began_is_none)
{
    static struct oi_active active;
    oi_context_set(&active);
    ck_assert_int_eq(current(), 0);
    oi_active_end(&active);
    begin(&active, 5);
    ck_assert_int_eq(current(), 0);
}
END_TEST

static void *look_in_thread(void *found)
{
    *(int *)found = current();
    return NULL;
}

static int current_of_new_thread(void)
{
    pthread_t thread;
    int found = -1;
    pthread_create(&thread, NULL, look_in_thread, &found);
    pthread_join(thread, NULL);
    return found;
}

START_TEST(another_thread_has_its_own)
{
    static struct oi_active active;
    begin(&active, 3);
    oi_context_set(&active);
    ck_assert_int_eq(current_of_new_thread(), 0);
    ck_assert_int_eq(current(), 3);
}
END_TEST

START_TEST(the_environments_parent_is_every_threads_until_detached)
{
    static struct oi_active active;
    struct oi_context root = context_of(1);
    oi_root_from_environment(&root);
    ck_assert_int_eq(current(), 1);
    ck_assert_int_eq(current_of_new_thread(), 1);
    begin(&active, 3);
    oi_context_set(&active);
    ck_assert_int_eq(current(), 3);
    oi_active_end(&active);
    ck_assert_int_eq(current(), 1);
    ck_assert(!oi_root_detached());
    oi_root_detach();
    ck_assert(oi_root_detached());
    ck_assert_int_eq(current(), 0);
    ck_assert_int_eq(current_of_new_thread(), 0);
    begin(&active, 4);
    oi_context_set(&active);
    ck_assert_int_eq(current(), 4);
}
END_TEST

START_TEST(the_process_span_goes_before_the_environment_until_it_ends)
{
    struct oi_context root = context_of(1), own = context_of(2);
    oi_root_from_environment(&root);
    oi_root_from_process_span(&own);
    ck_assert_int_eq(current(), 2);
    oi_root_from_process_span(NULL);
    ck_assert_int_eq(current(), 1);
}
END_TEST

START_TEST(baggage_travels_without_a_parent)
{
    struct oi_context root = {.baggage = OI_TEXT("user=7")}, now;
    oi_root_from_environment(&root);
    ck_assert(!oi_context_current(&now));
    ck_assert(!oi_context_valid(&now));
    ck_assert(oi_text_equal(now.baggage, OI_TEXT("user=7")));
}
END_TEST

START_TEST(a_callers_decision_travels_without_a_parent)
{
    struct oi_context root = {.decision = OI_DECISION_DENY}, now;
    oi_root_from_environment(&root);
    ck_assert(!oi_context_current(&now));
    ck_assert(!oi_context_valid(&now));
    ck_assert_int_eq(now.decision, OI_DECISION_DENY);
    oi_root_detach();
    ck_assert(!oi_context_current(&now));
    ck_assert_int_eq(now.decision, OI_DECISION_FLAGS);
}
END_TEST

_Static_assert(sizeof(struct oi_context) == 64, "one cache line");

static struct oi_active shared;
static _Atomic bool over;

/* The number in every part of what is read must be one and the same: no half of one span and half of another. */
static void *keep_looking(void *unused)
{
    (void)unused;
    long seen = 0;
    while (!atomic_load(&over) || seen == 0) { /* the last one stays: there is something to see */
        oi_context_set(&shared);
        struct oi_context now;
        if (!oi_context_current(&now))
            continue;
        for (int i = 0; i < 16; i++)
            ck_assert_int_eq(now.trace_id[i], now.trace_id[0]);
        ck_assert_int_eq(now.span_id[0], (uint8_t)(now.trace_id[0] + 100));
        seen++;
    }
    return (void *)seen;
}

START_TEST(a_span_that_ends_meanwhile_is_read_whole_or_not_at_all)
{
    pthread_t thread;
    void *seen;
    pthread_create(&thread, NULL, keep_looking, NULL);
    for (int i = 0; i < 200000; i++) {
        begin(&shared, (uint8_t)(1 + i % 100));
        oi_active_end(&shared);
    }
    begin(&shared, 1);
    atomic_store(&over, true);
    pthread_join(thread, &seen);
    ck_assert_int_gt((long)seen, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_thread_starts_with_none);
    tcase_add_test(tests, what_was_set_is_current_with_all_its_parts);
    tcase_add_test(tests, an_ended_span_is_nobodys_current);
    tcase_add_test(tests, memory_that_serves_another_span_does_not_bring_the_ended_one_back);
    tcase_add_test(tests, a_span_that_never_began_is_none);
    tcase_add_test(tests, another_thread_has_its_own);
    tcase_add_test(tests, the_environments_parent_is_every_threads_until_detached);
    tcase_add_test(tests, the_process_span_goes_before_the_environment_until_it_ends);
    tcase_add_test(tests, baggage_travels_without_a_parent);
    tcase_add_test(tests, a_callers_decision_travels_without_a_parent);
    tcase_add_test(tests, a_span_that_ends_meanwhile_is_read_whole_or_not_at_all);
    return run_suite("context", tests);
}
