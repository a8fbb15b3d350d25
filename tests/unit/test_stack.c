/* Call stacks as the agent keeps them. In a test everything is "our own object" but libc's frames: what is seen of a
 * stack here are the callers in libc. */
#include "agent/stack.h"

#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run.h"

static uint16_t here[4];
static size_t count;

static __attribute__((noinline)) uint16_t note(void)
{
    uint16_t stack = oi_stack_here();
    __asm__ volatile("");
    return stack;
}

static int order(const void *a, const void *b)
{
    uint16_t stack = note();
    if (here[count] == 0)
        here[count] = stack;
    return *(const int *)a - *(const int *)b;
}

static int numbers[] = {1, 2};

static void sort_once(void)
{
    qsort(numbers, 2, sizeof *numbers, order);
}

START_TEST(test_equal_stacks_are_one)
{
    struct oi_frame frames[OI_STACK_FRAMES];
    bool by_first;
    for (count = 0; count < 2; count++) /* of each, the first comparison */
        sort_once();
    ck_assert_uint_gt(here[0], 0);
    ck_assert_uint_eq(here[0], here[1]);
    size_t found = oi_stack_frames(here[0], frames, &by_first);
    ck_assert_uint_gt(found, 1);
    ck_assert(by_first);
    /* Where qsort goes on, in the addresses of its file. */
    bool inside = false;
    for (size_t i = 0; i < found; i++) {
        uintptr_t sort = (uintptr_t)&qsort - frames[i].image->bias;
        ck_assert_int_eq(frames[i].image->path[0], '/');
        inside = inside || frames[i].address - sort < 8192 || sort - frames[i].address < 8192;
    }
    ck_assert(inside);
    ck_assert(!oi_stack_overflowed());
}
END_TEST

START_TEST(test_no_stack)
{
    struct oi_frame frames[OI_STACK_FRAMES];
    bool by_first = true;
    ck_assert_uint_eq(oi_stack_frames(0, frames, &by_first), 0);
    ck_assert(!by_first);
}
END_TEST

static void handler(int signal)
{
    (void)signal;
    here[count++] = note();
}

START_TEST(test_a_signal_handler_has_none)
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(here[0], 0);
}
END_TEST

/* Stacks of all kinds, by a choice of lsearch and lfind in each other: `depth` bits of `path`. */
static uint32_t path;
static int depth;
static uint16_t last;

static int go_on(const void *a, const void *b)
{
    size_t one = 1;
    (void)a, (void)b;
    if (depth-- == 0)
        last = note();
    else if (path >> depth & 1)
        lfind(numbers, numbers, &one, sizeof *numbers, go_on);
    else
        lsearch(numbers, numbers, &one, sizeof *numbers, go_on);
    depth++;
    return 0;
}

static void take(uint32_t which)
{
    path = which;
    depth = 13;
    go_on(NULL, NULL);
}

START_TEST(test_a_full_table_keeps_what_it_has)
{
    uint16_t *first = calloc(8192, sizeof *first);
    size_t kept = 0;
    for (uint32_t i = 0; i < 8192; i++) {
        take(i);
        first[i] = last;
        kept += last > 0;
    }
    ck_assert(oi_stack_overflowed());
    ck_assert_uint_gt(kept, 3900);
    ck_assert_uint_le(kept, 4096);
    for (uint32_t i = 0; i < 8192; i++) {
        take(i);
        ck_assert_uint_eq(last, first[i]);
    }
    free(first);
}
END_TEST

static pthread_barrier_t together;

static void *many(void *seen)
{
    uint16_t *mine = seen;
    pthread_barrier_wait(&together);
    for (int i = 0; i < 500; i++) {
        uint16_t now = note();
        if (i == 0)
            *mine = now;
        else if (now != *mine)
            *mine = UINT16_MAX;
    }
    return NULL;
}

/* Each time in empty tables: what the threads disagree about is what they meet first. */
START_TEST(test_threads_agree)
{
    pthread_t threads[4];
    uint16_t seen[4];
    for (int round = 0; round < 40; round++) {
        ck_assert(oi_stack_init());
        pthread_barrier_init(&together, NULL, 4);
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, many, &seen[i]);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&together);
        ck_assert_uint_gt(seen[0], 0);
        ck_assert_uint_ne(seen[0], UINT16_MAX);
        for (int i = 1; i < 4; i++)
            ck_assert_uint_eq(seen[i], seen[0]);
    }
}
END_TEST

static void setup(void)
{
    memset(here, 0, sizeof here);
    count = 0;
    ck_assert(oi_stack_init());
    ck_assert(oi_stack_wanted);
}

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_equal_stacks_are_one);
    tcase_add_test(tests, test_no_stack);
    tcase_add_test(tests, test_a_signal_handler_has_none);
    tcase_add_test(tests, test_a_full_table_keeps_what_it_has);
    tcase_add_test(tests, test_threads_agree);
    return run_suite("stack", tests);
}
