/* Which headers become attributes of which name, and what is masked in them. */
#include "tests/unit/span_text.h"

#include "agent/http_headers.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static char room[4096];
static struct oi_buffer kept;

static void settings(const char *wanted, const char *masked)
{
    struct oi_config config = oi_agent.config;
    config.capture_headers_client_request = config.capture_headers_server_response = wanted;
    config.capture_headers_sanitize = masked ? masked : oi_agent.config.capture_headers_sanitize;
    oi_http_headers_init(&config);
    kept = (struct oi_buffer){.at = room, .size = sizeof room};
}

static void keep(enum oi_message message, const char *name, const char *value)
{
    oi_http_headers_keep(&kept, message, oi_text_of(guarded(name, strlen(name)), strlen(name)),
                         oi_text_of(guarded(value, strlen(value)), strlen(value)));
}

/* The attributes alone. */
static void put(enum oi_semconv sets, enum oi_message message)
{
    struct oi_record *record = oi_span_end(&sampled_span, &test_scope, OI_KIND_CLIENT);
    ck_assert_ptr_nonnull(record);
    oi_record_name(record, OI_TEXT("n"));
    oi_http_headers_put(record, sets, message, oi_buffer_text(&kept));
    oi_record_submit(record);
}

#define ck_attributes(expected) ck_span("n\nCLIENT unset\n" expected)

#define MASKED "[REDACTED]"
static const struct {
    const char *wanted, *masked; /* NULL: the default */
    const char *name, *value;
    const char *shown; /* NULL: nothing */
} rows[] = {
    /* the whole name, in any case */
    {"etag", NULL, "ETag", "\"1\"", "\"1\""},
    {"ETag", NULL, "etag", "\"1\"", "\"1\""},
    {"tag", NULL, "etag", "\"1\"", NULL},
    {"eta", NULL, "etag", "\"1\"", NULL},
    {"x-.*", NULL, "X-Request-Id", "7", "7"},
    {"x-.*", NULL, "Ax-b", "7", NULL},
    {"a, x-b ,c", NULL, "x-b", "7", "7"},
    {"a|x-b", NULL, "x-b", "7", "7"},
    {"(", NULL, "(", "7", NULL},
    {"", NULL, "etag", "7", NULL},
    {NULL, NULL, "etag", "7", NULL},
    {".*", NULL, "Empty", "", ""},
    /* dashes and underscores are different characters of a name */
    {"x-a", NULL, "x_a", "7", NULL},
    {"x_a", NULL, "X_A", "7", "7"},
    /* names that are none */
    {".*", NULL, "", "7", NULL},
    {".*", NULL, "a b", "7", NULL},
    {".*", NULL, "a\xc3\xa9", "7", NULL},
    {".*", NULL, ":status", "200", NULL},
    {".*", NULL, "a\"b", "200", NULL},
    /* secrets, by default */
    {".*", NULL, "Authorization", "Basic dTpw", MASKED},
    {".*", NULL, "Proxy-Authorization", "Basic dTpw", MASKED},
    {".*", NULL, "X-My-Authorization-2", "x", MASKED},
    {".*", NULL, "Cookie", "a=b", MASKED},
    {"set-cookie", NULL, "Set-Cookie", "a=b; HttpOnly", MASKED},
    {".*", NULL, "X-Api-Key", "k", MASKED},
    {".*", NULL, "ApiKey", "k", MASKED},
    {".*", NULL, "X-Auth-Token", "k", MASKED},
    {".*", NULL, "X-Amz-Security-Token", "k", MASKED},
    {".*", NULL, "X-Amz-Signature", "k", MASKED},
    {".*", NULL, "X-Session-Id", "k", MASKED},
    {".*", NULL, "X-Password", "k", MASKED},
    {".*", NULL, "X-Client-Secret", "k", MASKED},
    {".*", NULL, "WWW-Authenticate", "Basic realm=\"r\"", "Basic realm=\"r\""},
    {".*", NULL, "Keep-Alive", "timeout=5", "timeout=5"},
    /* the program's own list takes their place, but for authorization */
    {".*", "x-inner", "X-Inner-Thing", "k", MASKED},
    {".*", "X-INNER", "x-inner", "", MASKED},
    {".*", "^inner$", "x-inner", "k", "k"},
    {".*", "x-inner", "Set-Cookie", "a=b", "a=b"},
    {".*", "x-inner", "Authorization", "Basic dTpw", MASKED},
    {".*", "x-inner,.*sess.*", "My-Session", "k", MASKED},
    {".*", "(", "Cookie", "a=b", "a=b"},
    /* URLs */
    {".*", NULL, "Location", "https://u:p@h/a?token=1&b=2", "https://REDACTED:REDACTED@h/a?token=REDACTED&b=2"},
    {".*", NULL, "location", "/a?b=2&sig=3", "/a?b=2&sig=REDACTED"},
    {".*", NULL, "Referer", "http://h/?key=1", "http://h/?key=REDACTED"},
    {".*", NULL, "Content-Location", "/x?password=1", "/x?password=REDACTED"},
    {".*", "location", "Location", "/a", MASKED},
    {".*", NULL, "X-Location", "/a?sig=3", "/a?sig=3"},
};

START_TEST(what_is_kept_and_masked)
{
    char expected[600], lower[100];
    size_t length = strlen(rows[_i].name);
    settings(rows[_i].wanted, rows[_i].masked);
    keep(OI_CLIENT_REQUEST, rows[_i].name, rows[_i].value);
    ck_assert(!kept.truncated);
    ck_assert_int_eq(kept.len > 0, rows[_i].shown != NULL);
    put(OI_SEMCONV_NEW, OI_CLIENT_REQUEST);
    strcpy(expected, "n\nCLIENT unset\n");
    for (size_t i = 0; i <= length; i++)
        lower[i] =
            (char)(rows[_i].name[i] >= 'A' && rows[_i].name[i] <= 'Z' ? rows[_i].name[i] | 0x20 : rows[_i].name[i]);
    if (rows[_i].shown)
        sprintf(expected + strlen(expected), "http.request.header.%s=[\"%s\"]\n", lower, rows[_i].shown);
    ck_assert_msg(strcmp(span_text, expected) == 0, "is\n%s\nand not\n%s", span_text, expected);
}
END_TEST

START_TEST(each_time_a_header_stands_is_a_text)
{
    settings(".*", "");
    keep(OI_CLIENT_REQUEST, "Accept", "a");
    keep(OI_CLIENT_REQUEST, "X-One", "1");
    keep(OI_CLIENT_REQUEST, "accept", "b, c");
    keep(OI_CLIENT_REQUEST, "ACCEPT", "");
    put(OI_SEMCONV_NEW, OI_CLIENT_REQUEST);
    ck_attributes("http.request.header.accept=[\"a\",\"b, c\",\"\"]\nhttp.request.header.x-one=[\"1\"]\n");
}
END_TEST

START_TEST(names_in_each_set)
{
    settings(".*", NULL);
    keep(OI_SERVER_RESPONSE, "Content-Type", "text/html");
    keep(OI_SERVER_RESPONSE, "Server", "s");
    keep(OI_SERVER_REQUEST, "Not-Wanted", "here");
    put(OI_SEMCONV_OLD, OI_SERVER_RESPONSE);
    ck_attributes("http.response.header.content_type=[\"text/html\"]\nhttp.response.header.server=[\"s\"]\n");
    put(OI_SEMCONV_NEW, OI_SERVER_RESPONSE);
    ck_attributes("http.response.header.content-type=[\"text/html\"]\nhttp.response.header.server=[\"s\"]\n");
    put(OI_SEMCONV_DUP, OI_SERVER_RESPONSE);
    ck_attributes(
        "http.response.header.content_type=[\"text/html\"]\nhttp.response.header.content-type=[\"text/html\"]\n"
        "http.response.header.server=[\"s\"]\n");
}
END_TEST

START_TEST(what_has_no_room_is_left_out)
{
    settings(".*", "");
    kept.size = 2 * (4 + 5 + 3) + 5;
    keep(OI_CLIENT_REQUEST, "first", "one");
    keep(OI_CLIENT_REQUEST, "third", "three of them");
    ck_assert(kept.truncated);
    keep(OI_CLIENT_REQUEST, "other", "two");
    put(OI_SEMCONV_NEW, OI_CLIENT_REQUEST);
    ck_attributes("http.request.header.first=[\"one\"]\nhttp.request.header.other=[\"two\"]\n");
}
END_TEST

START_TEST(a_long_value_is_cut_at_a_character)
{
    static char value[OI_HEADER_VALUE_MAX + 100], large[8192];
    struct oi_text shown;
    settings(".*", "");
    kept = (struct oi_buffer){.at = large, .size = sizeof large};
    memset(value, 'x', sizeof value - 1);
    memcpy(value + OI_HEADER_VALUE_MAX - 1, "é", 2);
    keep(OI_CLIENT_REQUEST, "long", value);
    struct oi_record *record = oi_span_end(&sampled_span, &test_scope, OI_KIND_CLIENT);
    oi_http_headers_put(record, OI_SEMCONV_NEW, OI_CLIENT_REQUEST, oi_buffer_text(&kept));
    const struct oi_attribute *attribute = oi_record_attribute(record, 0);
    struct oi_text packed = oi_text_of(attribute->string, attribute->length);
    ck_assert(oi_strings_take_last(&packed, &shown));
    ck_assert_uint_eq(shown.len, OI_HEADER_VALUE_MAX - 1);
    oi_record_free(record);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_none)
{
    char name[OI_HEADER_NAME_MAX + 2];
    settings(".*", "");
    memset(name, 'x', sizeof name);
    name[OI_HEADER_NAME_MAX + 1] = '\0';
    keep(OI_CLIENT_REQUEST, name, "v");
    ck_assert_uint_eq(kept.len, 0);
    name[OI_HEADER_NAME_MAX] = '\0';
    keep(OI_CLIENT_REQUEST, name, "v");
    ck_assert_uint_gt(kept.len, OI_HEADER_NAME_MAX);
}
END_TEST

START_TEST(nothing_is_wanted_by_default)
{
    oi_http_headers_init(&oi_agent.config);
    for (int message = 0; message < OI_MESSAGES; message++)
        ck_assert(!oi_http_headers_wanted((enum oi_message)message));
    settings("a", NULL);
    ck_assert(oi_http_headers_wanted(OI_CLIENT_REQUEST) && !oi_http_headers_wanted(OI_CLIENT_RESPONSE));
    put(OI_SEMCONV_NEW, OI_CLIENT_REQUEST);
    kept.at = NULL;
    put(OI_SEMCONV_NEW, OI_CLIENT_REQUEST);
    ck_attributes("");
    oi_http_headers_put(NULL, OI_SEMCONV_NEW, OI_CLIENT_REQUEST, OI_TEXT("x"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, span_text_setup, NULL);
    tcase_add_loop_test(tests, what_is_kept_and_masked, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, each_time_a_header_stands_is_a_text);
    tcase_add_test(tests, names_in_each_set);
    tcase_add_test(tests, what_has_no_room_is_left_out);
    tcase_add_test(tests, a_long_value_is_cut_at_a_character);
    tcase_add_test(tests, a_name_that_is_too_long_is_none);
    tcase_add_test(tests, nothing_is_wanted_by_default);
    return run_suite("http_headers", tests);
}
