#include "agent/id.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/run.h"

enum { COUNT = 50000, THREADS = 4 };

static int by_value(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

static void assert_all_different(uint8_t (*ids)[8], size_t count)
{
    static const uint8_t none[8];
    qsort(ids, count, sizeof *ids, by_value);
    ck_assert_mem_ne(ids[0], none, 8);
    for (size_t i = 1; i < count; i++)
        ck_assert_mem_ne(ids[i - 1], ids[i], 8);
}

START_TEST(ids_are_different_and_never_zero)
{
    static uint8_t ids[COUNT * 2][8];
    oi_id_init();
    for (int i = 0; i < COUNT; i++) {
        uint8_t trace[16];
        oi_id_trace(trace);
        memcpy(ids[i], trace + 8, 8);
        oi_id_span(ids[COUNT + i]);
    }
    assert_all_different(ids, COUNT * 2);
}
END_TEST

/* Every bit of a trace id is random: W3C Level 2 asks for the low seven bytes, ratio sampling for the low eight. */
START_TEST(every_bit_is_set_in_half_of_the_ids)
{
    int set[128] = {0};
    oi_id_init();
    for (int i = 0; i < COUNT; i++) {
        uint8_t trace[16];
        oi_id_trace(trace);
        for (int bit = 0; bit < 128; bit++)
            set[bit] += trace[bit / 8] >> bit % 8 & 1;
    }
    for (int bit = 0; bit < 128; bit++) {
        ck_assert_int_gt(set[bit], COUNT / 2 - COUNT / 50);
        ck_assert_int_lt(set[bit], COUNT / 2 + COUNT / 50);
    }
}
END_TEST

static uint8_t thread_ids[THREADS][COUNT][8];

static void *make(void *ids)
{
    for (int i = 0; i < COUNT; i++)
        oi_id_span(((uint8_t(*)[8])ids)[i]);
    return NULL;
}

START_TEST(threads_make_different_ids)
{
    pthread_t threads[THREADS];
    oi_id_init();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, make, thread_ids[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_all_different(&thread_ids[0][0], THREADS * COUNT);
}
END_TEST

/* Parent and children go on from the same memory: each child must have ids of its own. */
START_TEST(forked_children_make_different_ids)
{
    enum { CHILDREN = 20, EACH = 100 };
    uint8_t(*ids)[8] = mmap(NULL, (CHILDREN + 1) * EACH * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(ids, MAP_FAILED);
    oi_id_init();
    uint8_t warm[8];
    oi_id_span(warm);
    for (int child = 0; child < CHILDREN; child++) {
        if (fork() == 0) {
            oi_id_init();
            for (int i = 0; i < EACH; i++)
                oi_id_span(ids[child * EACH + i]);
            _exit(0);
        }
    }
    for (int i = 0; i < EACH; i++)
        oi_id_span(ids[CHILDREN * EACH + i]);
    while (wait(NULL) > 0)
        ;
    assert_all_different(ids, (CHILDREN + 1) * EACH);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ids_are_different_and_never_zero);
    tcase_add_test(tests, every_bit_is_set_in_half_of_the_ids);
    tcase_add_test(tests, threads_make_different_ids);
    tcase_add_test(tests, forked_children_make_different_ids);
    return run_suite("id", tests);
}
