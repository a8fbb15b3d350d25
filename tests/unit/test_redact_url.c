/* URLs are recorded without credentials and secret parameters, and otherwise byte for byte. */
#include <stdlib.h>

#include "agent/redact.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct {
    const char *url, *expected; /* NULL: unchanged */
} rows[] = {
    /* credentials */
    {"http://h/", NULL},
    {"http://h", NULL},
    {"http://h:8080/p?a=1#f", NULL},
    {"http://u:p@h/p?sig=1", "http://REDACTED:REDACTED@h/p?sig=REDACTED"},
    {"http://u@h/", "http://REDACTED:REDACTED@h/"},
    {"http://:p@h/", "http://REDACTED:REDACTED@h/"},
    {"http://@h/", "http://REDACTED:REDACTED@h/"},
    {"http://u:p@@h/", "http://REDACTED:REDACTED@h/"},
    {"http://u:p@x@h/", "http://REDACTED:REDACTED@h/"},
    {"http://u:p@h", "http://REDACTED:REDACTED@h"},
    {"http://u:p@h?a=1", "http://REDACTED:REDACTED@h?a=1"},
    {"http://u:p@h#f", "http://REDACTED:REDACTED@h#f"},
    {"http://u:p@h:8080/p@th", "http://REDACTED:REDACTED@h:8080/p@th"},
    {"http://u:p@[::1]:80/a@b", "http://REDACTED:REDACTED@[::1]:80/a@b"},
    {"http://[::1]:80/a@b", NULL},
    {"HTTPS://u:p@h/", "HTTPS://REDACTED:REDACTED@h/"},
    {"ftp://u:p@h/", "ftp://REDACTED:REDACTED@h/"},
    {"http:/u:p@h/", "http:/REDACTED:REDACTED@h/"},
    {"http:///u:p@h/", "http:///REDACTED:REDACTED@h/"},
    {"user:pass@h/p", "REDACTED:REDACTED@h/p"}, /* libcurl guesses the scheme and uses these */
    {"h/p@th", NULL},
    {"h:8080/p@th", NULL},
    {"file:///home/a@b", NULL},
    {"https://example.com/p@th?foo=b@r", NULL},
    {"http://u:p/w@h/x", "http://REDACTED:REDACTED@h/x"}, /* unescaped: no client can use it, nobody shall see it */
    {"http://u:p?w@h/x", "http://REDACTED:REDACTED@h/x"},
    {"http://u:p#w@h/x", "http://REDACTED:REDACTED@h/x"},
    {"http://h:80/a@b", NULL},
    {"http://h:/a@b", NULL},

    /* parameters */
    {"http://h/?Signature=a&x=1&sig=", "http://h/?Signature=REDACTED&x=1&sig="},
    {"https://h/p?a=1&sig=x&a=2", "https://h/p?a=1&sig=REDACTED&a=2"},
    {"http://h/p?x&sig=1#f", "http://h/p?x&sig=REDACTED#f"},
    {"http://h/p?SIG=1", "http://h/p?SIG=REDACTED"},
    {"http://h/p?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3",
     "http://h/p?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED"},
    {"http://h/?AWSAccessKeyId=1&X-Goog-Signature=2", "http://h/?AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED"},
    {"http://h/?token=1&access_token=2&id_token=3&refresh_token=4",
     "http://h/?token=REDACTED&access_token=REDACTED&id_token=REDACTED&refresh_token=REDACTED"},
    {"http://h/?password=1&secret=2&client_secret=3&api_key=4&apikey=5",
     "http://h/?password=REDACTED&secret=REDACTED&client_secret=REDACTED&api_key=REDACTED&apikey=REDACTED"},
    {"http://h/?key=1&code=2&session=3&sid=4", "http://h/?key=REDACTED&code=REDACTED&session=REDACTED&sid=REDACTED"},
    {"http://h/?Api_Key=1&PASSWORD=2", "http://h/?Api_Key=REDACTED&PASSWORD=REDACTED"},
    {"http://h/?%6bey=1&%53IG=2", "http://h/?%6bey=REDACTED&%53IG=REDACTED"}, /* the server decodes names */
    {"http://h/?ke=1&keys=2&monkey=3&sig%=4", NULL},
    {"http://h/?key", NULL},
    {"http://h/?key=", NULL},
    {"http://h/?key=&a=1", NULL},
    {"http://h/?a=1;key=2", "http://h/?a=1;key=REDACTED"},
    {"http://h/?key=1;2&a=3", "http://h/?key=REDACTED&a=3"}, /* the ; may belong to the value */
    {"http://h/?key=1=2", "http://h/?key=REDACTED"},
    {"http://h/?key=1?2", "http://h/?key=REDACTED"},
    {"http://h/?a=1?key=2", "http://h/?a=1?key=REDACTED"},
    {"http://h?key=1", "http://h?key=REDACTED"},
    {"http://h/#access_token=1&a=2", "http://h/#access_token=REDACTED&a=2"},
    {"http://h/?key=1#sig=2", "http://h/?key=REDACTED#sig=REDACTED"},
    {"http://h/#/p?token=1", "http://h/#/p?token=REDACTED"},
    {"/p?key=1", "/p?key=REDACTED"},
    {"http://h/key=1/sig=2", NULL},
    {"http://h/?&&=&;?#", NULL},
    {"http://h/?\xff=\xfe&key=\x80", "http://h/?\xff=\xfe&key=REDACTED"},

    /* names of the program's own */
    {"http://h/?mine=1&Other=2&third=3", "http://h/?mine=REDACTED&Other=REDACTED&third=3"},
    {"http://h/?min=1&minee=1&=1", NULL},
    {"", NULL},
    {"?", NULL},
    {"@", "REDACTED:REDACTED@"},
};

START_TEST(test_rows)
{
    const char *expected = rows[_i].expected ? rows[_i].expected : rows[_i].url;
    size_t length = strlen(rows[_i].url), room = strlen(expected);
    struct oi_buffer out = {.at = guarded_copy(NULL, room), .size = room};
    oi_redact_url(oi_text_of(guarded(rows[_i].url, length), length), " mine ,,other", &out);
    ck_assert_msg(oi_text_equal(oi_text_of(out.at, out.len), oi_text_from(expected)), "%s\n  became %.*s\n  and not %s",
                  rows[_i].url, (int)out.len, out.at, expected);
    ck_assert(!out.truncated);
}
END_TEST

/* A URL may end anywhere and the buffer too. */
START_TEST(test_cut_anywhere)
{
    char room[16];
    for (size_t length = 0; length <= strlen(rows[_i].url); length++) {
        struct oi_buffer out = {.at = guarded_copy(NULL, sizeof room), .size = sizeof room};
        oi_redact_url(oi_text_of(guarded(rows[_i].url, length), length), NULL, &out);
        ck_assert(out.len <= sizeof room);
    }
}
END_TEST

START_TEST(test_absent)
{
    struct oi_buffer out = {0};
    oi_redact_url((struct oi_text){NULL, 0}, NULL, &out);
    ck_assert(out.len == 0 && !out.truncated);
}
END_TEST

START_TEST(test_time_is_linear)
{
    static const char *const patterns[] = {"@",    ":",      "/", "?", "&", "=",
                                           "key=", "&key=1", "%", "#", ";", "http://u:p@"};
    size_t size = 4 << 20;
    char *text = malloc(size), *space = malloc(3 * size);
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        for (size_t i = 0; i < size; i++)
            text[i] = patterns[p][i % strlen(patterns[p])];
        struct oi_buffer out = {.at = space, .size = 3 * size};
        oi_redact_url(oi_text_of(text, size), "a,b,c", &out);
        ck_assert(!out.truncated);
    }
    free(text);
    free(space);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(tests, test_rows, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, test_cut_anywhere, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_absent);
    tcase_add_test(tests, test_time_is_linear);
    return run_suite("redact_url", tests);
}
