#include "agent/url.h"

#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct {
    const char *url, *scheme, *host;
    int port;
    const char *path;
} urls[] = {
    {"http://example.com/a/b?c=/d#e", "http", "example.com", 0, "/a/b"},
    {"HTTPS://example.com:8443", "HTTPS", "example.com", 8443, ""},
    {"http://u:p@example.com:80/", "http", "example.com", 80, "/"},
    {"http://u:p@w@example.com/@x", "http", "example.com", 0, "/@x"},
    {"http://[::1]:8080/x", "http", "::1", 8080, "/x"},
    {"http://u@[fe80::1%25eth0]/", "http", "fe80::1%25eth0", 0, "/"},
    {"http://[::1", "http", "::1", 0, ""},
    {"http://[", "http", "", 0, ""},
    {"http:/example.com/", "http", "example.com", 0, "/"},
    {"http:///example.com/", "http", "example.com", 0, "/"},
    {"http:////example.com/", "http", "", 0, "/example.com/"},
    {"http://example.com:/", "http", "example.com", 0, "/"},
    {"http://example.com:65535/", "http", "example.com", 65535, "/"},
    {"http://example.com:65536/", "http", "example.com", 0, "/"},
    {"http://example.com:99999999999999999999/", "http", "example.com", 0, "/"},
    {"http://example.com:8x/", "http", "example.com", 0, "/"},
    {"http://example.com?q=a@b:1/c", "http", "example.com", 0, ""},
    {"http://example.com#f", "http", "example.com", 0, ""},
    {"http://", "http", "", 0, ""},
    {"http:", NULL, "http", 0, ""},
    {"localhost:8080/x", NULL, "localhost", 8080, "/x"},
    {"user:secret@localhost/x", NULL, "localhost", 0, "/x"},
    {"example.com", NULL, "example.com", 0, ""},
    {"a+b-c.9://h", "a+b-c.9", "h", 0, ""},
    {"9p://h", NULL, "9p", 0, "//h"},
    {"file:///etc/passwd", "file", "etc", 0, "/passwd"},
    {"/only/a/path", NULL, "", 0, "/only/a/path"},
    {"", NULL, "", 0, ""},
};

static void same(struct oi_text text, const char *expected)
{
    ck_assert_int_eq(oi_text_present(text), expected != NULL);
    ck_assert_msg(oi_text_equal(text, oi_text_from(expected)), "'%.*s' instead of '%s'", (int)text.len, text.at,
                  expected ? expected : "");
}

START_TEST(parts_are_found)
{
    const char *url = urls[_i].url;
    struct oi_url parts = oi_url_split(oi_text_of(guarded(url, strlen(url)), strlen(url)));
    same(parts.scheme, urls[_i].scheme);
    same(parts.host, urls[_i].host);
    ck_assert_int_eq(parts.port, urls[_i].port);
    same(parts.path, urls[_i].path);
}
END_TEST

START_TEST(every_beginning_is_split_without_reading_past_it)
{
    const char *url = urls[_i].url;
    for (size_t n = 0; n <= strlen(url); n++)
        oi_url_split(oi_text_of(guarded(url, n), n));
}
END_TEST

START_TEST(case_of_ascii_letters_does_not_matter)
{
    ck_assert(oi_text_equal_nocase(OI_TEXT("TraceParent"), OI_TEXT("traceparent")));
    ck_assert(!oi_text_equal_nocase(OI_TEXT("traceparent"), OI_TEXT("traceparen")));
    ck_assert(!oi_text_equal_nocase(OI_TEXT("[@"), OI_TEXT("{`"))); /* 0x20 apart, no letters */
    ck_assert(!oi_text_equal_nocase(OI_TEXT("\xc4"), OI_TEXT("\xe4")));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, parts_are_found, 0, sizeof urls / sizeof *urls);
    tcase_add_loop_test(tests, every_beginning_is_split_without_reading_past_it, 0, sizeof urls / sizeof *urls);
    tcase_add_test(tests, case_of_ascii_letters_does_not_matter);
    return run_suite("url", tests);
}
