/* What a request that was served becomes: on the serving thread a few facts, on the worker's a span. */
#include "agent/http_server_span.h"

#include <arpa/inet.h>

#include "tests/unit/run.h"
#include "tests/unit/span_text.h"

static struct oi_http_server_call call;

static void setup(void)
{
    span_text_setup();
    oi_agent.semconv_http = OI_SEMCONV_OLD | OI_SEMCONV_NEW;
    oi_http_server_span_init(1);
    call = (struct oi_http_server_call){
        .texts = {[OI_SERVER_METHOD] = OI_TEXT("GET"), [OI_SERVER_TARGET] = OI_TEXT("/index.html")},
        .facts = {.scheme = "http", .minor = 1, .status = 200, .request_size = -1, .response_size = -1}};
}

START_TEST(a_request_of_which_little_is_known)
{
    oi_http_server_submit(&sampled_span, &test_scope, &call);
    ck_assert_int_eq(spans, 1);
    ck_span("GET /index.html\n"
            "SERVER unset\n"
            "http.method=\"GET\"\n"
            "http.request.method=\"GET\"\n"
            "http.scheme=\"http\"\n"
            "http.target=\"/index.html\"\n"
            "http.flavor=\"1.1\"\n"
            "url.path=\"/index.html\"\n"
            "url.scheme=\"http\"\n"
            "network.protocol.version=\"1.1\"\n"
            "http.status_code=200\n"
            "http.response.status_code=200\n");
}
END_TEST

START_TEST(a_request_of_which_all_is_known)
{
    call.texts[OI_SERVER_METHOD] = OI_TEXT("get");
    call.texts[OI_SERVER_TARGET] = OI_TEXT("/users/4711?sig=secret&page=2");
    call.texts[OI_SERVER_HOST] = OI_TEXT("inner:8080");
    call.texts[OI_SERVER_USER_AGENT] = OI_TEXT("Googlebot/2.1");
    call.texts[OI_SERVER_FORWARDED] = OI_TEXT("for=192.0.2.60;proto=https;host=outer.example");
    call.texts[OI_SERVER_X_FORWARDED_FOR] = OI_TEXT("192.0.2.61");
    call.facts.peer = (struct oi_address){.family = AF_INET, .port = 4712, .ip = {10, 0, 0, 255}};
    call.facts.local_port = 8080;
    call.facts.minor = 0;
    call.facts.status = 500;
    call.facts.request_size = 3;
    call.facts.response_size = 0;
    call.facts.error_type = OI_TEXT("ECONNRESET");
    oi_http_server_submit(&sampled_span, &test_scope, &call);
    ck_span("GET /users/{id}\n"
            "SERVER ERROR\n"
            "http.method=\"GET\"\n"
            "http.request.method=\"GET\"\n"
            "http.request.method_original=\"get\"\n"
            "http.scheme=\"http\"\n"
            "http.host=\"inner:8080\"\n"
            "net.host.name=\"inner:8080\"\n"
            "net.host.port=8080\n"
            "http.target=\"/users/4711?sig=REDACTED&page=2\"\n"
            "http.url=\"http://inner:8080/users/4711?sig=REDACTED&page=2\"\n"
            "net.peer.ip=\"10.0.0.255\"\n"
            "net.peer.port=4712\n"
            "http.user_agent=\"Googlebot/2.1\"\n"
            "http.flavor=\"1.0\"\n"
            "http.request_content_length=3\n"
            "http.response_content_length=0\n"
            "url.path=\"/users/4711\"\n"
            "url.query=\"sig=REDACTED&page=2\"\n"
            "url.scheme=\"https\"\n"
            "server.address=\"outer.example\"\n"
            "client.address=\"192.0.2.60\"\n"
            "network.peer.address=\"10.0.0.255\"\n"
            "network.peer.port=4712\n"
            "user_agent.original=\"Googlebot/2.1\"\n"
            "network.protocol.version=\"1.0\"\n"
            "user_agent.synthetic.type=\"bot\"\n"
            "http.status_code=500\n"
            "http.response.status_code=500\n"
            "error.type=\"ECONNRESET\"\n");
}
END_TEST

START_TEST(nothing_of_the_caller_is_looked_at_later)
{
    char target[] = "/one", host[] = "host", agent[] = "agent";
    call.texts[OI_SERVER_TARGET] = oi_text_from(target);
    call.texts[OI_SERVER_HOST] = oi_text_from(host);
    call.texts[OI_SERVER_USER_AGENT] = oi_text_from(agent);
    oi_agent.semconv_http = OI_SEMCONV_OLD;
    span_text_hold = true;
    oi_http_server_submit(&sampled_span, &test_scope, &call);
    ck_assert_int_eq(spans, 0);
    ck_assert_uint_eq(span_text_held->attribute_count, 0);
    memset(target, '?', sizeof target - 1);
    memset(host, '?', sizeof host - 1);
    memset(agent, '?', sizeof agent - 1);
    memset(&call, 0, sizeof call);
    span_text_hold = false;
    __wrap_oi_record_submit(span_text_held);
    ck_span("GET /one\n"
            "SERVER unset\n"
            "http.method=\"GET\"\n"
            "http.scheme=\"http\"\n"
            "http.host=\"host\"\n"
            "net.host.name=\"host\"\n"
            "http.target=\"/one\"\n"
            "http.url=\"http://host/one\"\n"
            "http.user_agent=\"agent\"\n"
            "http.flavor=\"1.1\"\n"
            "http.status_code=200\n");
}
END_TEST

/* Texts that stand beside the facts, in a piece of memory of their own, and in none. */
static const size_t lengths[] = {10, 100, 300, 500, 600, 700, 2000, 5000, 16000};

START_TEST(texts_of_any_length_are_all_there)
{
    static char target[20000], agent[20000], expected[sizeof span_text];
    int length = (int)lengths[_i];
    memset(target, 't', sizeof target);
    memset(agent, 'a', sizeof agent);
    target[0] = '/';
    call.texts[OI_SERVER_TARGET] = oi_text_of(target, (size_t)length);
    call.texts[OI_SERVER_USER_AGENT] = oi_text_of(agent, (size_t)length);
    call.facts.status = 404;
    oi_agent.semconv_http = OI_SEMCONV_NEW;
    oi_http_server_submit(&sampled_span, &test_scope, &call);
    snprintf(expected, sizeof expected,
             "GET\n"
             "SERVER unset\n"
             "http.request.method=\"GET\"\n"
             "url.path=\"%.*s\"\n"
             "url.scheme=\"http\"\n"
             "user_agent.original=\"%.*s\"\n"
             "network.protocol.version=\"1.1\"\n"
             "http.response.status_code=404\n",
             length, target, length, agent);
    ck_span(expected);
}
END_TEST

START_TEST(a_text_for_which_there_is_no_memory_is_cut_at_a_character)
{
    static char target[80000];
    for (size_t i = 0; i < sizeof target; i += 2)
        memcpy(target + i, "\xc3\xa4", 2);
    target[0] = '/';
    target[1] = 'x';
    call.texts[OI_SERVER_TARGET] = oi_text_of(target, sizeof target);
    call.texts[OI_SERVER_USER_AGENT] = OI_TEXT("agent");
    call.facts.status = 404;
    oi_agent.semconv_http = OI_SEMCONV_NEW;
    span_text_hold = true;
    oi_http_server_submit(&sampled_span, &test_scope, &call);
    oi_record_write(span_text_held);
    const struct oi_attribute *path = oi_record_attribute(span_text_held, 1);
    ck_assert_str_eq(path->key, "url.path");
    ck_assert_uint_gt(path->length, 60000);
    ck_assert_uint_eq(path->length % 2, 0);
    ck_assert_mem_eq(path->string, target, path->length);
    const struct oi_attribute *agent = oi_record_attribute(span_text_held, 3);
    ck_assert_str_eq(agent->key, "user_agent.original");
    ck_assert_uint_eq(agent->length, 0);
    oi_record_free(span_text_held);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, a_request_of_which_little_is_known);
    tcase_add_test(tests, a_request_of_which_all_is_known);
    tcase_add_test(tests, nothing_of_the_caller_is_looked_at_later);
    tcase_add_loop_test(tests, texts_of_any_length_are_all_there, 0, sizeof lengths / sizeof *lengths);
    tcase_add_test(tests, a_text_for_which_there_is_no_memory_is_cut_at_a_character);
    return run_suite("http_server_span", tests);
}
