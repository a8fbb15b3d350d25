/* From OTEL_EXPORTER_OTLP_* to what is posted where, with which headers and for how long. */
#include "exporter/settings.h"

#include <stdarg.h>
#include <stdio.h>

#include "tests/unit/run.h"

#define METHOD "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

static const struct {
    const char *text;
    enum oi_endpoint_form form;
    bool insecure;
    const char *url; /* NULL: refused */
    bool tls, loopback;
} endpoints[] = {
    {"http://localhost:4318", OI_ENDPOINT_BASE, 0, "http://localhost:4318/v1/traces", 0, 1},
    {"http://localhost:4318/", OI_ENDPOINT_BASE, 0, "http://localhost:4318/v1/traces", 0, 1},
    {"http://h/base", OI_ENDPOINT_BASE, 0, "http://h/base/v1/traces", 0, 0},
    {"http://h/base/", OI_ENDPOINT_BASE, 0, "http://h/base/v1/traces", 0, 0},
    {"https://h", OI_ENDPOINT_BASE, 0, "https://h/v1/traces", 1, 0},
    {"HTTPS://h", OI_ENDPOINT_BASE, 0, "https://h/v1/traces", 1, 0},
    {"http://h/x?key=1#f", OI_ENDPOINT_BASE, 0, "http://h/x/v1/traces?key=1", 0, 0},
    {"  http://h \n", OI_ENDPOINT_BASE, 0, "http://h/v1/traces", 0, 0},
    {"http://h", OI_ENDPOINT_EXACT, 0, "http://h", 0, 0},
    {"http://h/", OI_ENDPOINT_EXACT, 0, "http://h/", 0, 0},
    {"http://h:1/x/y?z", OI_ENDPOINT_EXACT, 0, "http://h:1/x/y?z", 0, 0},
    {"collector:4318", OI_ENDPOINT_BASE, 0, "http://collector:4318/v1/traces", 0, 0},
    {"http://127.0.0.1:4317", OI_ENDPOINT_GRPC, 0, "http://127.0.0.1:4317" METHOD, 0, 1},
    {"http://h:4317/ignored?x", OI_ENDPOINT_GRPC, 0, "http://h:4317" METHOD, 0, 0},
    {"https://h:4317", OI_ENDPOINT_GRPC, 1, "https://h:4317" METHOD, 1, 0},
    {"http://h:4317", OI_ENDPOINT_GRPC, 0, "http://h:4317" METHOD, 0, 0},
    {"h:4317", OI_ENDPOINT_GRPC, 0, "https://h:4317" METHOD, 1, 0},
    {"h:4317", OI_ENDPOINT_GRPC, 1, "http://h:4317" METHOD, 0, 0},
    {"[::1]:4317", OI_ENDPOINT_GRPC, 1, "http://[::1]:4317" METHOD, 0, 1},
    {"http://[2001:db8::1]", OI_ENDPOINT_BASE, 0, "http://[2001:db8::1]/v1/traces", 0, 0},
    {"http://u:p@h:1", OI_ENDPOINT_BASE, 0, "http://u:p@h:1/v1/traces", 0, 0},
    {"http://127.example.com", OI_ENDPOINT_EXACT, 0, "http://127.example.com", 0, 0},
    {"http://LOCALHOST", OI_ENDPOINT_EXACT, 0, "http://LOCALHOST", 0, 1},
    {"http://a.localhost", OI_ENDPOINT_EXACT, 0, "http://a.localhost", 0, 1},
    {"", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://:4318", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"ftp://h", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"unix:///run/otel", OI_ENDPOINT_GRPC, 0, NULL, 0, 0},
    {"http://h:x", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://h:", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://h:0", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://h:65536", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://h:99999999999999999999", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://[::1", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://h/a b", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
    {"http://h/a\rb", OI_ENDPOINT_BASE, 0, NULL, 0, 0},
};

START_TEST(endpoint)
{
    struct oi_endpoint out;
    const char *wrong = oi_endpoint_parse(&out, endpoints[_i].text, endpoints[_i].form, endpoints[_i].insecure);
    if (!endpoints[_i].url) {
        ck_assert_ptr_nonnull(wrong);
        return;
    }
    ck_assert_ptr_null(wrong);
    ck_assert_str_eq(out.url, endpoints[_i].url);
    ck_assert_int_eq(out.tls, endpoints[_i].tls);
    ck_assert_int_eq(out.loopback, endpoints[_i].loopback);
}
END_TEST

START_TEST(endpoint_hides_secrets)
{
    struct oi_endpoint out;
    ck_assert_ptr_null(oi_endpoint_parse(&out, "http://user:pass@word@h:1/x", OI_ENDPOINT_EXACT, false));
    ck_assert_str_eq(out.url, "http://user:pass@word@h:1/x");
    ck_assert_str_eq(out.display, "http://h:1/x");
    ck_assert_ptr_null(oi_endpoint_parse(&out, "http://user@h:1/x?key=secret", OI_ENDPOINT_BASE, false));
    ck_assert_str_eq(out.display, "http://h:1/x/v1/traces");
    ck_assert_ptr_null(oi_endpoint_parse(&out, "http://user:p@h:1/x?key=secret", OI_ENDPOINT_GRPC, false));
    ck_assert_str_eq(out.display, "http://h:1");
}
END_TEST

START_TEST(endpoint_is_bounded)
{
    static char text[OI_ENDPOINT_MAX + 2];
    struct oi_endpoint out;
    memset(text, 'h', OI_ENDPOINT_MAX);
    ck_assert_ptr_null(oi_endpoint_parse(&out, text, OI_ENDPOINT_GRPC, false));
    ck_assert_uint_eq(strlen(out.url), strlen("https://") + OI_ENDPOINT_MAX + strlen(METHOD));
    text[OI_ENDPOINT_MAX] = 'h';
    ck_assert_ptr_nonnull(oi_endpoint_parse(&out, text, OI_ENDPOINT_GRPC, false));
}
END_TEST

/* The golden vectors measured on the reference, and what must never become a header. */
static const struct {
    const char *list;
    const char *expected; /* name: value; … */
    const char *rejected; /* numbers of members */
} lists[] = {
    {"A=1", "a: 1; ", ""},
    {"a=b%20c", "a: b c; ", ""},
    {"a=b c", "a: b c; ", ""},
    {"Authorization=Basic dGVz==", "authorization: Basic dGVz==; ", ""},
    {"a = 1 , b= 2", "a: 1; b: 2; ", ""},
    {"a=1,b=2,", "a: 1; b: 2; ", ""},
    {"a==", "a: =; ", ""},
    {"a=", "a: ; ", ""},
    {"=1", "", "1 "},
    {"a", "", "1 "},
    {"a;b=1", "", "1 "},
    {"a=1;p=2", "", "1 "},
    {"a=\"x\"", "", "1 "},
    {"a=\xC3\xA9", "", "1 "},
    {"a=1,a=2", "a: 2; ", ""},
    {"a=1,=,b=2,c", "a: 1; b: 2; ", "2 4 "},
    {"a=1,A=2,b=3", "a: 2; b: 3; ", ""},
    {"a=%zz%4", "a: %zz%4; ", ""},
    {"x%2Dy=1", "x-y: 1; ", ""},
    {"x%20y=1", "", "1 "},
    {"a=1%0d%0ax: y", "", "1 "},
    {"a=1%00", "", "1 "},
    {"a%00=1", "", "1 "},
    {"a=\\", "", "1 "},
    {" , ,", "", ""},
    {"", "", ""},
    {NULL, "", ""},
};

static void remember(void *user, size_t member)
{
    char *rejected = user;
    sprintf(rejected + strlen(rejected), "%zu ", member);
}

START_TEST(headers)
{
    struct oi_headers out;
    char rejected[64] = "", got[256] = "";
    oi_headers_parse(&out, lists[_i].list, remember, rejected);
    for (size_t i = 0; i < out.count; i++)
        sprintf(got + strlen(got), "%s: %s; ", out.at[i].name, out.at[i].value);
    ck_assert_str_eq(got, lists[_i].expected);
    ck_assert_str_eq(rejected, lists[_i].rejected);
    oi_headers_free(&out);
}
END_TEST

/* --- all of it together ------------------------------------------------------------------------------------------- */

static char logged[512];

__attribute__((format(printf, 2, 3))) static void log_here(enum oi_log_level level, const char *format, ...)
{
    va_list arguments;
    (void)level;
    va_start(arguments, format);
    vsnprintf(logged, sizeof logged, format, arguments);
    va_end(arguments);
}

static const struct {
    const char *environment[4];
    const char *url;
    uint32_t budget;
    bool gzip;
} settings[] = {
    {{NULL}, "http://localhost:4318/v1/traces", 10000, false},
    {{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "http://localhost:4317" METHOD, 10000, false},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317"}, "http://h:4317" METHOD, 10000, false},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
     "http://h:4317/v1/traces",
     10000,
     false},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://b/"},
     "http://b/",
     10000,
     false},
    {{"OTEL_EXPORTER_OTLP_TIMEOUT=300", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=200"},
     "http://localhost:4318/v1/traces",
     200,
     false},
    {{"OTEL_EXPORTER_OTLP_TIMEOUT=0"}, "http://localhost:4318/v1/traces", 30000, false},
    {{"OTEL_EXPORTER_OTLP_TIMEOUT=0", "OTEL_BSP_EXPORT_TIMEOUT=0"}, "http://localhost:4318/v1/traces", 0, false},
    {{"OTEL_BSP_EXPORT_TIMEOUT=700"}, "http://localhost:4318/v1/traces", 700, false},
    {{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}, "http://localhost:4318/v1/traces", 10000, true},
    {{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none"},
     "http://localhost:4318/v1/traces",
     10000,
     false},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=ftp://h"}, "http://localhost:4318/v1/traces", 10000, false},
};

START_TEST(resolved)
{
    static struct oi_config config;
    static char arena[OI_CONFIG_ARENA];
    struct oi_otlp_settings out;
    struct oi_export_host host = {.config = &config, .log = log_here};
    logged[0] = '\0';
    oi_config_parse(&config, (char *const *)(uintptr_t)settings[_i].environment, arena, sizeof arena, NULL, NULL);
    oi_otlp_settings(&out, &host, config.otlp_traces_protocol == OI_PROTOCOL_GRPC);
    ck_assert_str_eq(out.endpoint.url, settings[_i].url);
    ck_assert_uint_eq(out.budget_ms, settings[_i].budget);
    ck_assert_int_eq(out.gzip, settings[_i].gzip);
    ck_assert_str_eq(logged, "");
}
END_TEST

/* agent/config.c complains first; this is for what it lets through. */
START_TEST(says_what_cannot_be_used)
{
    struct oi_config config = {.otlp_endpoint = "ftp://h"};
    struct oi_otlp_settings out;
    struct oi_export_host host = {.config = &config, .log = log_here};
    oi_otlp_settings(&out, &host, false);
    ck_assert_str_eq(out.endpoint.url, "http://localhost:4318/v1/traces");
    ck_assert_str_eq(logged, "OTEL_EXPORTER_OTLP_ENDPOINT=ftp://h has a scheme other than http and https; using "
                             "http://localhost:4318/v1/traces");
    config = (struct oi_config){.otlp_traces_endpoint = "ftp://u:p@h", .otlp_traces_protocol = OI_PROTOCOL_GRPC};
    oi_otlp_settings(&out, &host, true);
    ck_assert_str_eq(out.endpoint.url, "http://localhost:4317" METHOD);
    ck_assert_str_eq(logged, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT has a scheme other than http and https; using "
                             "http://localhost:4317");
    config = (struct oi_config){.otlp_traces_headers = "secret", .set.otlp_traces_headers = true};
    oi_otlp_settings(&out, &host, false);
    ck_assert_str_eq(logged, "OTEL_EXPORTER_OTLP_TRACES_HEADERS: member 1 is not a usable key=value and is left out");
    oi_headers_free(&out.headers);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, endpoint, 0, sizeof endpoints / sizeof *endpoints);
    tcase_add_test(tests, endpoint_hides_secrets);
    tcase_add_test(tests, endpoint_is_bounded);
    tcase_add_loop_test(tests, headers, 0, sizeof lists / sizeof *lists);
    tcase_add_loop_test(tests, resolved, 0, sizeof settings / sizeof *settings);
    tcase_add_test(tests, says_what_cannot_be_used);
    return run_suite("otlp_settings", tests);
}
