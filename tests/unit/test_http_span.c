/* HTTP client spans: whole ones, in both attribute sets. */
#include "tests/unit/span_text.h"

#include "agent/http_headers.h"
#include "agent/http_span.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static struct oi_http_client_call get(void)
{
    return (struct oi_http_client_call){
        .method = OI_TEXT("GET"),
        .url = OI_TEXT("http://u:p@api.example:8080/a?key=s3cret&b=1"),
        .host = OI_TEXT("api.example"),
        .port = 8080,
        .peer_address = OI_TEXT("10.0.0.7"),
        .peer_port = 8080,
        .status = 200,
        .version = OI_TEXT("1.1"),
        .user_agent = OI_TEXT("curl/8"),
        .request_body_size = -1,
        .response_body_size = 17,
    };
}

static void submit(struct oi_http_client_call call)
{
    spans = 0;
    oi_http_client_submit(&sampled_span, &test_scope, &call);
    ck_assert_int_eq(spans, 1);
}

#define URL "\"http://REDACTED:REDACTED@api.example:8080/a?key=REDACTED&b=1\"\n"
#define PEER                                                                                                           \
    "server.address=\"api.example\"\nserver.port=8080\nnetwork.peer.address=\"10.0.0.7\"\nnetwork.peer.port=8080\n"

START_TEST(test_old)
{
    submit(get());
    ck_span("GET\nCLIENT unset\nhttp.method=\"GET\"\nhttp.url=" URL
            "http.response_content_length=17\nuser_agent.original=\"curl/8\"\nhttp.status_code=200\n");
}
END_TEST

START_TEST(test_new)
{
    oi_agent.semconv_http = OI_SEMCONV_NEW;
    submit(get());
    ck_span("GET\nCLIENT unset\nhttp.request.method=\"GET\"\nurl.full=" URL PEER
            "network.protocol.version=\"1.1\"\nuser_agent.original=\"curl/8\"\nhttp.response.status_code=200\n");
}
END_TEST

START_TEST(test_both)
{
    struct oi_http_client_call call = get();
    call.method = OI_TEXT("POST");
    call.request_body_size = 0;
    call.response_body_size = -1;
    call.user_agent = (struct oi_text){NULL, 0};
    call.resend_count = 2;
    oi_agent.semconv_http = OI_SEMCONV_DUP;
    submit(call);
    ck_span("POST\nCLIENT unset\nhttp.method=\"POST\"\nhttp.request.method=\"POST\"\nhttp.url=" URL
            "http.request_content_length=0\nurl.full=" URL PEER
            "network.protocol.version=\"1.1\"\nhttp.request.resend_count=2\nhttp.status_code=200\n"
            "http.response.status_code=200\n");
}
END_TEST

START_TEST(test_timings_and_headers)
{
    struct oi_http_client_call call = get();
    char room[200];
    struct oi_buffer kept = {.at = room, .size = sizeof room};
    struct oi_config config = oi_agent.config;
    config.capture_headers_client_request = config.capture_headers_client_response = ".*";
    oi_http_headers_init(&config);
    oi_http_headers_keep(&kept, OI_CLIENT_REQUEST, OI_TEXT("X-A"), OI_TEXT("1"));
    call.request_headers = oi_buffer_text(&kept);
    call.response_headers = oi_buffer_text(&kept);
    call.timings = (struct oi_http_timings){250000, 1, 1500000, 3};
    submit(call);
    ck_span("GET\nCLIENT unset\nhttp.method=\"GET\"\nhttp.url=" URL
            "http.response_content_length=17\nuser_agent.original=\"curl/8\"\nhttp.status_code=200\n"
            "http.client.timing.dns=0.25\nhttp.client.timing.connect=1e-06\nhttp.client.timing.tls=1.5\n"
            "http.client.timing.first_byte=3e-06\n"
            "http.request.header.x_a=[\"1\"]\nhttp.response.header.x_a=[\"1\"]\n");
}
END_TEST

static const struct {
    const char *sent, *name, *method;
    bool original;
} methods[] = {
    {"GET", "GET", "GET", false},      {"QUERY", "QUERY", "QUERY", false},   {"get", "GET", "GET", true},
    {"Patch", "PATCH", "PATCH", true}, {"FOO", "HTTP", "_OTHER", true},      {"GETS", "HTTP", "_OTHER", true},
    {"GE", "HTTP", "_OTHER", true},    {"GET,HEAD", "HTTP", "_OTHER", true},
};

START_TEST(test_method)
{
    struct oi_http_client_call call = get();
    char expected[200];
    call.method = oi_text_of(guarded(methods[_i].sent, strlen(methods[_i].sent)), strlen(methods[_i].sent));
    oi_agent.semconv_http = OI_SEMCONV_DUP;
    submit(call);
    int length = sprintf(expected, "%s\nCLIENT unset\nhttp.method=\"%s\"\nhttp.request.method=\"%s\"\n",
                         methods[_i].name, methods[_i].method, methods[_i].method);
    if (methods[_i].original)
        sprintf(expected + length, "http.request.method_original=\"%s\"\n", methods[_i].sent);
    strcat(expected, "http.url=");
    ck_assert_msg(strncmp(span_text, expected, strlen(expected)) == 0, "%s\nis not\n%s", span_text, expected);
}
END_TEST

START_TEST(test_known_methods_are_a_setting)
{
    struct oi_http_client_call call = get();
    oi_agent.config.known_http_methods = "PROPFIND, foo";
    call.method = OI_TEXT("PROPFIND");
    submit(call);
    ck_assert(strncmp(span_text, "PROPFIND\n", 9) == 0);
    call.method = OI_TEXT("foo");
    submit(call);
    ck_assert(strncmp(span_text, "foo\n", 4) == 0);
    call.method = OI_TEXT("GET");
    submit(call);
    ck_assert(strncmp(span_text, "HTTP\n", 5) == 0);
}
END_TEST

static const struct {
    int status;
    const char *span_status, *error_type; /* NULL: none */
} statuses[] = {
    {42, "ERROR", "42"},   {100, "unset", NULL},  {101, "unset", NULL},  {204, "unset", NULL},
    {304, "unset", NULL},  {399, "unset", NULL},  {400, "ERROR", "400"}, {404, "ERROR", "404"},
    {500, "ERROR", "500"}, {503, "ERROR", "503"}, {999, "ERROR", "999"},
};

START_TEST(test_status)
{
    struct oi_http_client_call call = get();
    char expected[128];
    call.status = statuses[_i].status;
    oi_agent.semconv_http = OI_SEMCONV_NEW;
    submit(call);
    sprintf(expected, "GET\nCLIENT %s\n", statuses[_i].span_status);
    ck_assert_msg(strncmp(span_text, expected, strlen(expected)) == 0, "%s", span_text);
    sprintf(expected, "http.response.status_code=%d\n", statuses[_i].status);
    if (statuses[_i].error_type)
        sprintf(expected + strlen(expected), "error.type=\"%s\"\n", statuses[_i].error_type);
    size_t length = strlen(span_text);
    ck_assert_msg(length > strlen(expected) && strcmp(span_text + length - strlen(expected), expected) == 0, "%s",
                  span_text);
}
END_TEST

START_TEST(test_no_answer)
{
    struct oi_http_client_call call = {
        .method = OI_TEXT("GET"),
        .url = OI_TEXT("http://nosuch/"),
        .host = OI_TEXT("nosuch"),
        .port = 80,
        .request_body_size = -1,
        .response_body_size = -1,
        .error_type = OI_TEXT("CURLE_COULDNT_RESOLVE_HOST"),
        .error_message = OI_TEXT("Couldn't resolve host name"),
    };
    submit(call);
    ck_span("GET\nCLIENT ERROR Couldn't resolve host name\nhttp.method=\"GET\"\nhttp.url=\"http://nosuch/\"\n");
    oi_agent.semconv_http = OI_SEMCONV_NEW;
    submit(call);
    ck_span("GET\nCLIENT ERROR Couldn't resolve host name\nhttp.request.method=\"GET\"\nurl.full=\"http://nosuch/\"\n"
            "server.address=\"nosuch\"\nserver.port=80\nerror.type=\"CURLE_COULDNT_RESOLVE_HOST\"\n");
}
END_TEST

/* The answer began well and broke off. */
START_TEST(test_broken_answer)
{
    struct oi_http_client_call call = get();
    call.error_type = OI_TEXT("CURLE_PARTIAL_FILE");
    call.error_message = OI_TEXT("Transferred a partial file");
    oi_agent.semconv_http = OI_SEMCONV_NEW;
    submit(call);
    ck_assert(strncmp(span_text, "GET\nCLIENT ERROR Transferred a partial file\n", 44) == 0);
    ck_assert(strstr(span_text, "\nhttp.response.status_code=200\nerror.type=\"CURLE_PARTIAL_FILE\"\n"));
}
END_TEST

/* Given up by the program itself: no error, no status. */
START_TEST(test_given_up)
{
    struct oi_http_client_call call = get();
    call.status = 0;
    oi_agent.semconv_http = OI_SEMCONV_DUP;
    submit(call);
    ck_assert(strncmp(span_text, "GET\nCLIENT unset\n", 17) == 0);
    ck_assert(!strstr(span_text, "status_code") && !strstr(span_text, "error.type"));
}
END_TEST

START_TEST(test_setting_redacts_more)
{
    struct oi_http_client_call call = get();
    call.url = OI_TEXT("http://h/?mine=s3cret");
    oi_agent.config.redact_query = "mine";
    submit(call);
    ck_assert(strstr(span_text, "\nhttp.url=\"http://h/?mine=REDACTED\"\n"));
}
END_TEST

/* Much longer when redacted. */
START_TEST(test_growing_url)
{
    char url[3000] = "http://h/?", expected[9000] = "\nhttp.url=\"http://h/?";
    while (strlen(url) < 2900) {
        strcat(url, "&key=x");
        strcat(expected, "&key=REDACTED");
    }
    strcat(expected, "\"\n");
    struct oi_http_client_call call = get();
    call.url = oi_text_of(guarded(url, strlen(url)), strlen(url));
    submit(call);
    ck_assert_msg(strstr(span_text, expected), "%s", span_text);
}
END_TEST

START_TEST(test_nothing_known)
{
    struct oi_http_client_call call = {.request_body_size = -1, .response_body_size = -1};
    oi_agent.semconv_http = OI_SEMCONV_DUP;
    submit(call);
    ck_assert(strncmp(span_text, "HTTP\nCLIENT unset\nhttp.method=\"_OTHER\"\nhttp.request.method=\"_OTHER\"\n", 70) ==
              0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, span_text_setup, NULL);
    tcase_add_test(tests, test_old);
    tcase_add_test(tests, test_new);
    tcase_add_test(tests, test_both);
    tcase_add_test(tests, test_timings_and_headers);
    tcase_add_loop_test(tests, test_method, 0, sizeof methods / sizeof *methods);
    tcase_add_test(tests, test_known_methods_are_a_setting);
    tcase_add_loop_test(tests, test_status, 0, sizeof statuses / sizeof *statuses);
    tcase_add_test(tests, test_no_answer);
    tcase_add_test(tests, test_broken_answer);
    tcase_add_test(tests, test_given_up);
    tcase_add_test(tests, test_setting_redacts_more);
    tcase_add_test(tests, test_growing_url);
    tcase_add_test(tests, test_nothing_known);
    return run_suite("http_span", tests);
}
