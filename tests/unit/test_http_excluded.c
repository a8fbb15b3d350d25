#include "agent/http_excluded.h"

#include <stdlib.h>

#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct {
    const char *own, *python, *url;
    bool excluded;
} rows[] = {
    {"healthz,ready", NULL, "http://localhost:8080/healthz", true},
    {"healthz,ready", NULL, "http://localhost:8080/x/ready?x=1", true},
    {"healthz,ready", NULL, "http://localhost:8080/Healthz", false},
    {"healthz,ready", NULL, "http://localhost:8080/health", false},
    {NULL, "healthz,ready", "http://localhost:8080/ready", true},
    {"metrics", "ready", "http://localhost:8080/ready", true},
    {"metrics", "ready", "http://localhost:8080/metrics", true},
    {"metrics", "ready", "http://localhost:8080/", false},
    {"/healthz$", NULL, "http://localhost/healthz", true},
    {"/healthz$", NULL, "http://localhost/healthz?x", false},
    {"^http://internal[.:]", NULL, "http://internal:80/x", true},
    {"^http://internal[.:]", NULL, "http://h/?http://internal.x", false},
    {"/(live|ready)z?(\\?|$)", NULL, "http://h/live", true},
    {"/(live|ready)z?(\\?|$)", NULL, "http://h/readyz?verbose", true},
    {"/(live|ready)z?(\\?|$)", NULL, "http://h/readyzz", false},
    {"/users/[0-9]+/avatar", NULL, "http://h/users/42/avatar", true},
    {"/users/[0-9]+/avatar", NULL, "http://h/users/me/avatar", false},
    {"/users/\\d+$", NULL, "http://h/users/42", true},
    {"/users/[[:digit:]]+$", NULL, "http://h/users/42", true},
    {"/users/[[:digit:]]+$", NULL, "http://h/users/4d", false},
    {"client/.*/info,healthcheck", NULL, "http://h/client/7/info", true},
    {" a , b ", NULL, "http://h/x/b", true},
    {"a(,/b", NULL, "http://h/b", true}, /* the bad one is left out */
    {"a(", NULL, "http://h/a(", false},
    {"", "", "http://h/", false},
    {NULL, NULL, "http://h/", false},
    {"x", NULL, "", false},
};

START_TEST(urls_are_excluded)
{
    oi_http_excluded_init(rows[_i].own, rows[_i].python);
    const char *url = rows[_i].url;
    ck_assert_int_eq(oi_http_excluded(oi_text_of(guarded(url, strlen(url)), strlen(url))), rows[_i].excluded);
    ck_assert(oi_http_excluded_any() || !rows[_i].excluded);
    for (size_t n = 0; n < strlen(url); n++)
        oi_http_excluded(oi_text_of(guarded(url, n), n));
}
END_TEST

START_TEST(nothing_set_is_nothing_to_look_at)
{
    ck_assert(!oi_http_excluded_any());
    oi_http_excluded_init(NULL, "");
    ck_assert(!oi_http_excluded_any());
    oi_http_excluded_init(NULL, "x");
    ck_assert(oi_http_excluded_any());
    oi_http_excluded_init("x", NULL);
    ck_assert(oi_http_excluded_any());
    oi_http_excluded_init("(", NULL);
    ck_assert(!oi_http_excluded_any());
}
END_TEST

/* What is exponential for a matcher that goes back. */
START_TEST(no_url_takes_long)
{
    static char url[16001];
    memset(url, 'a', sizeof url - 1);
    oi_http_excluded_init("(a*)*b,(a|aa)+c", NULL);
    ck_assert(!oi_http_excluded(oi_text_from(url)));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, urls_are_excluded, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, nothing_set_is_nothing_to_look_at);
    tcase_add_test(tests, no_url_takes_long);
    return run_suite("http_excluded", tests);
}
