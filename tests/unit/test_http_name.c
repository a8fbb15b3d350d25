#include "agent/http_name.h"

#include <pthread.h>
#include <stdio.h>

#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static struct oi_http_names names;

static void start(void)
{
    memset(&names, 0, sizeof names);
    names.seed = 0x0123456789abcdef;
}

static const struct {
    const char *method, *route, *path;
    int status;
    bool guess;
    const char *name;
} requests[] = {
    {"GET", "/users/{id}", "/users/7", 200, true, "GET /users/{id}"},
    {"GET", "/users/{id}", "/users/7", 404, false, "GET /users/{id}"},
    {"HTTP", "/*", "/users/7", 200, true, "HTTP /*"},
    {"GET", NULL, "/users/7/messages?x", 200, true, "GET /users/{id}/messages"},
    {"GET", NULL, "/users/7/messages", 0, true, "GET /users/{id}/messages"},
    {"GET", NULL, "/users/7/messages", 500, true, "GET /users/{id}/messages"},
    {"GET", NULL, "/users/7/messages", 200, false, "GET"},
    {"GET", NULL, "/users/7/messages", 404, true, "GET"},
    {"POST", NULL, "/users/7/messages", 405, true, "POST"},
    {"OPTIONS", NULL, "*", 200, true, "OPTIONS"},
    {"GET", NULL, "/../etc/passwd", 200, true, "GET"},
    {"GET", NULL, "/a-path/that-does/not-fit/into-the-room/that-there-is/and-is/cut-off", 200, true, "GET"},
};

START_TEST(spans_are_named)
{
    start();
    char *room = guarded_copy(NULL, 64);
    struct oi_buffer out = {.at = room, .size = 64};
    struct oi_http_server_name request = {
        .method = oi_text_from(requests[_i].method),
        .route = oi_text_from(requests[_i].route),
        .path = oi_text_from(requests[_i].path),
        .status = requests[_i].status,
        .guess = requests[_i].guess,
    };
    for (int again = 0; again < 2; again++) {
        out.len = 0;
        oi_http_server_name(&request, &names, &out);
        ck_assert_msg(oi_text_equal(oi_buffer_text(&out), oi_text_from(requests[_i].name)), "%.*s", (int)out.len,
                      out.at);
        ck_assert(!out.truncated);
    }
    ck_assert_uint_eq(names.count, strchr(requests[_i].name, ' ') && !requests[_i].route);
}
END_TEST

START_TEST(there_is_room_for_nothing_or_the_method)
{
    start();
    struct oi_http_server_name request = {.method = OI_TEXT("GET"), .path = OI_TEXT("/a"), .guess = true};
    for (size_t size = 0; size < 8; size++) {
        struct oi_buffer out = {.at = guarded_copy(NULL, size), .size = size};
        oi_http_server_name(&request, &names, &out);
        ck_assert_uint_eq(out.len, size < 3 ? size : size < 6 ? 3 : 6);
    }
}
END_TEST

static bool allow(const char *format, int i)
{
    char text[64];
    snprintf(text, sizeof text, format, i);
    return oi_http_names_allow(&names, oi_text_from(text));
}

START_TEST(the_first_200_names_stay_allowed)
{
    start();
    for (int i = 0; i < 200; i++)
        ck_assert(allow("GET /first/%d", i));
    for (int i = 0; i < 5000; i++)
        ck_assert(!allow("GET /later/%d", i));
    for (int i = 0; i < 200; i++)
        ck_assert(allow("GET /first/%d", i));
    ck_assert_uint_eq(names.count, 200);
}
END_TEST

START_TEST(names_of_any_length_are_told_apart)
{
    start();
    static char text[101];
    memset(text, 0, sizeof text); /* lengths differ in nothing but zeros */
    for (size_t n = 0; n <= 100; n++)
        ck_assert(oi_http_names_allow(&names, oi_text_of(guarded(text, n), n)));
    ck_assert_uint_eq(names.count, 101);
}
END_TEST

enum { THREADS = 8 };

static void *use(void *allowed)
{
    for (int i = 0; i < 1000; i++)
        *(int *)allowed += allow("GET /%d", i);
    return NULL;
}

START_TEST(threads_share_the_200)
{
    for (int round = 0; round < 20; round++) {
        start();
        pthread_t threads[THREADS];
        int allowed[THREADS] = {0}, in_use = 0;
        for (int i = 0; i < THREADS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, use, &allowed[i]), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < 1000; i++)
            in_use += allow("GET /%d", i);
        /* A name may be turned down while another thread takes the last place back, and once more asked for. */
        ck_assert_uint_eq(names.count, 200);
        ck_assert_int_eq(in_use, 200);
        for (int i = 0; i < THREADS; i++)
            ck_assert_int_le(allowed[i], 200);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, spans_are_named, 0, sizeof requests / sizeof *requests);
    tcase_add_test(tests, there_is_room_for_nothing_or_the_method);
    tcase_add_test(tests, the_first_200_names_stay_allowed);
    tcase_add_test(tests, names_of_any_length_are_told_apart);
    tcase_add_test(tests, threads_share_the_200);
    return run_suite("http_name", tests);
}
