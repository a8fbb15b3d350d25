/* Settings: one row a way of writing one, what it comes to, and what is said about it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_rows.h"
#include "tests/unit/run.h"

static char arena[OI_CONFIG_ARENA];
static char said[8192];

static void note(void *user, const char *sentence)
{
    size_t used = strlen(said);
    (void)user;
    snprintf(said + used, sizeof(said) - used, "%s%s", used ? "\n" : "", sentence);
}

static void parse(struct oi_config *config, const char *const *environment)
{
    said[0] = '\0';
    memset(arena, 'x', sizeof(arena));
    oi_config_parse(config, (char *const *)environment, arena, sizeof(arena), note, NULL);
}

/* What a field holds, as text. */
static const char *value_of(struct oi_config *config, int index)
{
    static char text[512];
    const struct oi_config_row *row = &oi_config_rows[index];
    const void *field = (const char *)config + row->field;
    struct oi_text rest = oi_text_from(oi_row_text(row->limits)), item = {0};
    const char *string;

    switch ((enum oi_config_type)row->type) {
    case OI_TYPE_BOOL:
        return *(const bool *)field ? "true" : "false";
    case OI_TYPE_UINT:
    case OI_TYPE_MILLIS:
        snprintf(text, sizeof(text), "%u", *(const uint32_t *)field);
        return text;
    case OI_TYPE_RATIO:
        snprintf(text, sizeof(text), "%.17g", *(const double *)field);
        return text;
    case OI_TYPE_CHOICE:
        for (int i = 0; i <= *(const int *)field; i++)
            ck_assert(oi_list_next(&rest, '|', &item));
        snprintf(text, sizeof(text), "%.*s", (int)item.len, item.at);
        return text;
    case OI_TYPE_STRING:
    case OI_TYPE_LIST:
        string = *(const char *const *)field;
        return string ? string : "-";
    }
    abort();
}

struct row {
    const char *environment[4];
    int index;         /* the setting looked at */
    const char *value; /* what it comes to */
    const char *said;  /* all that is said */
};

#define CAPTURED "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE"
#define CAPTURE CAPTURED "="
#define INT_RANGE "not a whole number from 0 to 2147483647"
#define MS_RANGE "not a whole number of milliseconds from 0 to 2147483647"

static const struct row rows[] = {
    /* unset and empty */
    {{0}, OI_ROW_sdk_disabled, "false", ""},
    {{"OTEL_SDK_DISABLED="}, OI_ROW_sdk_disabled, "false", ""},
    {{"OTEL_SDK_DISABLED=  "}, OI_ROW_sdk_disabled, "false", ""},
    {{"OTEL_SERVICE_NAME="}, OI_ROW_service_name, "-", ""},
    {{"OTEL_BSP_MAX_QUEUE_SIZE="}, OI_ROW_bsp_max_queue_size, "2048", ""},
    {{"OTEL_PROPAGATORS="}, OI_ROW_propagators, "tracecontext,baggage", ""},
    {{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="}, OI_ROW_attribute_value_length_limit, "4294967295", ""},
    {{"OTEL_SDK_DISABLED"}, OI_ROW_sdk_disabled, "false", ""}, /* an entry that is no assignment */
    {{"otel_sdk_disabled=true"}, OI_ROW_sdk_disabled, "false", ""},
    {{"OTEL_SDK_DISABLEDX=true"}, OI_ROW_sdk_disabled, "false", ""},
    /* regular expressions */
    {{0}, OI_ROW_capture_headers_sanitize, "cookie,token,secret,passw,api-?key,session,signature,credential", ""},
    {{CAPTURE "a.*, x-[bc]"}, OI_ROW_capture_headers_client_response, "a.*, x-[bc]", ""},
    {{CAPTURE "a(,b\001("},
     OI_ROW_capture_headers_client_response,
     "a(,b\001(",
     CAPTURED ": \"a(\" is not a regular expression that can be used; left out\n" CAPTURED
              ": \"b?(\" is not a regular expression that can be used; left out"},
    /* booleans */
    {{"OTEL_SDK_DISABLED=true"}, OI_ROW_sdk_disabled, "true", ""},
    {{"OTEL_SDK_DISABLED=TrUe"}, OI_ROW_sdk_disabled, "true", ""},
    {{"OTEL_SDK_DISABLED= true\n"}, OI_ROW_sdk_disabled, "true", ""},
    {{"OTEL_SDK_DISABLED=FALSE"}, OI_ROW_sdk_disabled, "false", ""},
    {{"OTEL_SDK_DISABLED=1"},
     OI_ROW_sdk_disabled,
     "false",
     "OTEL_SDK_DISABLED=1 is neither true nor false; using false"},
    {{"OTEL_NATIVE_SUMMARY=yes"},
     OI_ROW_summary,
     "false",
     "OTEL_NATIVE_SUMMARY=yes is neither true nor false; using false"},
    /* the first of several, as getenv has it */
    {{"OTEL_SERVICE_NAME=a", "OTEL_SERVICE_NAME=b"}, OI_ROW_service_name, "a", ""},
    /* integers */
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=0"}, OI_ROW_attribute_count_limit, "0", ""},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=2147483647"}, OI_ROW_attribute_count_limit, "2147483647", ""},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT= 7 "}, OI_ROW_attribute_count_limit, "7", ""},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=2147483648"},
     OI_ROW_attribute_count_limit,
     "128",
     "OTEL_ATTRIBUTE_COUNT_LIMIT=2147483648 is " INT_RANGE "; using 128"},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=18446744073709551617"},
     OI_ROW_attribute_count_limit,
     "128",
     "OTEL_ATTRIBUTE_COUNT_LIMIT=18446744073709551617 is " INT_RANGE "; using 128"},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=-1"},
     OI_ROW_attribute_count_limit,
     "128",
     "OTEL_ATTRIBUTE_COUNT_LIMIT=-1 is " INT_RANGE "; using 128"},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=+5"},
     OI_ROW_attribute_count_limit,
     "128",
     "OTEL_ATTRIBUTE_COUNT_LIMIT=+5 is " INT_RANGE "; using 128"},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=0x10"},
     OI_ROW_attribute_count_limit,
     "128",
     "OTEL_ATTRIBUTE_COUNT_LIMIT=0x10 is " INT_RANGE "; using 128"},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=1 2"},
     OI_ROW_attribute_count_limit,
     "128",
     "OTEL_ATTRIBUTE_COUNT_LIMIT=1 2 is " INT_RANGE "; using 128"},
    {{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=none"},
     OI_ROW_attribute_value_length_limit,
     "4294967295",
     "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=none is " INT_RANGE "; using no limit"},
    {{"OTEL_BSP_MAX_QUEUE_SIZE=0"},
     OI_ROW_bsp_max_queue_size,
     "2048",
     "OTEL_BSP_MAX_QUEUE_SIZE=0 is not a whole number from 1 to 1048576; using 2048"},
    /* durations */
    {{"OTEL_BSP_SCHEDULE_DELAY=200"}, OI_ROW_bsp_schedule_delay, "200", ""},
    {{"OTEL_BSP_SCHEDULE_DELAY=0.5"},
     OI_ROW_bsp_schedule_delay,
     "5000",
     "OTEL_BSP_SCHEDULE_DELAY=0.5 is " MS_RANGE "; using 5000"},
    {{"OTEL_NATIVE_STACKTRACE_MIN_DURATION=100ms"}, OI_ROW_stacktrace_min_duration, "100", ""},
    {{"OTEL_NATIVE_STACKTRACE_MIN_DURATION=ms"},
     OI_ROW_stacktrace_min_duration,
     "4294967295",
     "OTEL_NATIVE_STACKTRACE_MIN_DURATION=ms is " MS_RANGE "; using no limit"},
    {{"OTEL_BSP_SCHEDULE_DELAY=200 ms"},
     OI_ROW_bsp_schedule_delay,
     "5000",
     "OTEL_BSP_SCHEDULE_DELAY=200 ms is " MS_RANGE "; using 5000"},
    {{"OTEL_BSP_SCHEDULE_DELAY=5s"},
     OI_ROW_bsp_schedule_delay,
     "5000",
     "OTEL_BSP_SCHEDULE_DELAY=5s is " MS_RANGE "; using 5000"},
    {{"OTEL_EXPORTER_OTLP_TIMEOUT=0"}, OI_ROW_otlp_traces_timeout, "0", ""},
    {{"OTEL_EXPORTER_OTLP_TIMEOUT=100"}, OI_ROW_otlp_traces_timeout, "100", ""},
    {{"OTEL_EXPORTER_OTLP_TIMEOUT=99"},
     OI_ROW_otlp_traces_timeout,
     "99",
     "OTEL_EXPORTER_OTLP_TIMEOUT=99 means 99 milliseconds (the Python agent reads seconds); 99 seconds are 99000"},
    {{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=10"},
     OI_ROW_otlp_traces_timeout,
     "10",
     "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=10 means 10 milliseconds (the Python agent reads seconds); 10 seconds are "
     "10000"},
    {{"OTEL_NATIVE_SHUTDOWN_TIMEOUT=60001"},
     OI_ROW_shutdown_timeout,
     "2000",
     "OTEL_NATIVE_SHUTDOWN_TIMEOUT=60001 is not a whole number of milliseconds from 0 to 60000; using 2000"},
    /* choices */
    {{"OTEL_TRACES_SAMPLER=TraceIdRatio"}, OI_ROW_sampler, "traceidratio", ""},
    {{"OTEL_TRACES_SAMPLER=parentbased"},
     OI_ROW_sampler,
     "parentbased_always_on",
     "OTEL_TRACES_SAMPLER=parentbased is not one of always_on, always_off, traceidratio, parentbased_always_on, "
     "parentbased_always_off, parentbased_traceidratio; using parentbased_always_on"},
    {{"OTEL_TRACES_SAMPLER=xray"},
     OI_ROW_sampler,
     "parentbased_always_on",
     "OTEL_TRACES_SAMPLER=xray has no effect yet; using parentbased_always_on"},
    {{"OTEL_LOG_LEVEL=WARNING"}, OI_ROW_log_level, "warn", ""},
    {{"OTEL_LOG_LEVEL=loud"},
     OI_ROW_log_level,
     "info",
     "OTEL_LOG_LEVEL=loud is not one of none, error, warn, info, debug; using info"},
    {{"OTEL_LOG_LEVEL=error", "OTEL_SDK_DISABLED=1"}, OI_ROW_sdk_disabled, "false", ""},
    {{"OTEL_EXPORTER_OTLP_COMPRESSION=deflate"},
     OI_ROW_otlp_compression,
     "none",
     "OTEL_EXPORTER_OTLP_COMPRESSION=deflate has no effect yet; using none"},
    /* lists of names */
    {{"OTEL_PROPAGATORS= Baggage , ,baggage,TRACECONTEXT"}, OI_ROW_propagators, "baggage,tracecontext", ""},
    {{"OTEL_PROPAGATORS=tracecontext,b4"},
     OI_ROW_propagators,
     "tracecontext",
     "OTEL_PROPAGATORS=tracecontext,b4: \"b4\" is not known; using tracecontext"},
    {{"OTEL_PROPAGATORS=b4"},
     OI_ROW_propagators,
     "tracecontext,baggage",
     "OTEL_PROPAGATORS=b4: \"b4\" is not known; using tracecontext,baggage"},
    {{"OTEL_PROPAGATORS=xray-lambda,B3"},
     OI_ROW_propagators,
     "b3",
     "OTEL_PROPAGATORS=xray-lambda,B3: \"xray-lambda\" has no effect yet; using b3"},
    {{"OTEL_PROPAGATORS=b3,b3multi,jaeger,xray,ottrace"}, OI_ROW_propagators, "b3,b3multi,jaeger,xray,ottrace", ""},
    {{"OTEL_PROPAGATORS=none"}, OI_ROW_propagators, "none", ""},
    {{"OTEL_PROPAGATORS=baggage,none"},
     OI_ROW_propagators,
     "none",
     "OTEL_PROPAGATORS=baggage,none names others beside none; using none"},
    {{"OTEL_TRACES_EXPORTER=none"}, OI_ROW_traces_exporter, "none", ""},
    {{"OTEL_TRACES_EXPORTER=otlp,console"}, OI_ROW_traces_exporter, "otlp,console", ""},
    {{"OTEL_TRACES_EXPORTER=none,console"},
     OI_ROW_traces_exporter,
     "console",
     "OTEL_TRACES_EXPORTER=none,console names others beside none; using console"},
    {{"OTEL_TRACES_EXPORTER=zipkin"},
     OI_ROW_traces_exporter,
     "otlp",
     "OTEL_TRACES_EXPORTER=zipkin: \"zipkin\" has no effect yet; using otlp"},
    {{"OTEL_TRACES_EXPORTER=logging"}, OI_ROW_traces_exporter, "console", ""},
    {{"OTEL_TRACES_EXPORTER=otlp_proto_grpc,console"}, OI_ROW_traces_exporter, "otlp,console", ""},
    {{"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=*"}, OI_ROW_resource_detectors, "*", ""},
    /* control characters are not printed */
    {{"OTEL_TRACES_EXPORTER=a\x1b[31mb\n,c"},
     OI_ROW_traces_exporter,
     "otlp",
     "OTEL_TRACES_EXPORTER=a?[31mb?,c: \"a?[31mb\" is not known, \"c\" is not known; using otlp"},
    /* what comes later, what was replaced; no secret is printed */
    {{"OTEL_METRICS_EXPORTER=otlp"}, OI_ROW_metrics_exporter, "otlp", "OTEL_METRICS_EXPORTER=otlp has no effect yet"},
    {{"OTEL_METRICS_EXPORTER=none"}, OI_ROW_metrics_exporter, "none", ""},
    {{"OTEL_METRIC_EXPORT_INTERVAL=abc"},
     OI_ROW_metric_export_interval,
     "60000",
     "OTEL_METRIC_EXPORT_INTERVAL=abc has no effect yet"},
    {{"OTEL_PYTHON_LOG_CORRELATION=false"}, OI_ROW_python_log_correlation, "false", ""},
    {{"OTEL_EXPORTER_OTLP_METRICS_HEADERS=api-key=secret"},
     OI_ROW_otlp_metrics_headers,
     "api-key=secret",
     "OTEL_EXPORTER_OTLP_METRICS_HEADERS has no effect yet"},
    {{"OTEL_EXPORTER_JAEGER_PASSWORD=secret"},
     OI_ROW_jaeger_password,
     "secret",
     "OTEL_EXPORTER_JAEGER_PASSWORD has no effect; use OTEL_EXPORTER_OTLP_HEADERS instead"},
    {{"OTEL_PYTHON_ID_GENERATOR=xray"},
     OI_ROW_python_id_generator,
     "xray",
     "OTEL_PYTHON_ID_GENERATOR has no effect on native programs"},
    /* limits: the general one where there is none of its own */
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=9"}, OI_ROW_span_attribute_count_limit, "9", ""},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=9", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=5"}, OI_ROW_span_attribute_count_limit, "5", ""},
    {{"OTEL_ATTRIBUTE_COUNT_LIMIT=9", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x"},
     OI_ROW_span_attribute_count_limit,
     "9",
     "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x is " INT_RANGE "; using 9"},
    {{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=12"}, OI_ROW_span_attribute_value_length_limit, "12", ""},
    /* batches */
    {{"OTEL_BSP_MAX_QUEUE_SIZE=100"}, OI_ROW_bsp_max_export_batch_size, "100", ""},
    {{"OTEL_BSP_MAX_QUEUE_SIZE=100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=200"},
     OI_ROW_bsp_max_export_batch_size,
     "100",
     "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=200 is more than the queue holds; using 100"},
    /* OTLP: the general row where there is none for traces */
    {{"OTEL_EXPORTER_OTLP_HEADERS=a=b"}, OI_ROW_otlp_traces_headers, "a=b", ""},
    {{"OTEL_EXPORTER_OTLP_HEADERS=a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=c=d"},
     OI_ROW_otlp_traces_headers,
     "c=d",
     ""},
    {{"OTEL_EXPORTER_OTLP_INSECURE=true"}, OI_ROW_otlp_traces_insecure, "true", ""},
    {{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=zip"},
     OI_ROW_otlp_traces_compression,
     "gzip",
     "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=zip is not one of none, gzip; using gzip"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:1"}, OI_ROW_otlp_traces_endpoint, "-", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT= http://h:1\n"}, OI_ROW_otlp_endpoint, "http://h:1", ""},
    /* the protocol */
    {{0}, OI_ROW_otlp_traces_protocol, "http/protobuf", ""},
    {{"OTEL_EXPORTER_OTLP_PROTOCOL=GRPC"}, OI_ROW_otlp_traces_protocol, "grpc", ""},
    {{"OTEL_EXPORTER_OTLP_PROTOCOL=http/json"},
     OI_ROW_otlp_traces_protocol,
     "http/protobuf",
     "OTEL_EXPORTER_OTLP_PROTOCOL=http/json has no effect yet; using http/protobuf"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317"}, OI_ROW_otlp_traces_protocol, "grpc", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=h:4317"}, OI_ROW_otlp_protocol, "grpc", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=https://u:p@[::1]:4317/x"}, OI_ROW_otlp_traces_protocol, "grpc", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318/a:4317"}, OI_ROW_otlp_traces_protocol, "http/protobuf", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://[fe80::4317]"}, OI_ROW_otlp_traces_protocol, "http/protobuf", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:43170"}, OI_ROW_otlp_traces_protocol, "http/protobuf", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://h:4318/v1/traces"},
     OI_ROW_otlp_traces_protocol,
     "http/protobuf",
     ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
     OI_ROW_otlp_traces_protocol,
     "http/protobuf",
     ""},
    {{"OTEL_TRACES_EXPORTER=otlp_proto_grpc"}, OI_ROW_otlp_traces_protocol, "grpc", ""},
    {{"OTEL_TRACES_EXPORTER=otlp_proto_http", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
     OI_ROW_otlp_traces_protocol,
     "http/protobuf",
     ""},
    {{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"}, OI_ROW_otlp_protocol, "http/protobuf", ""},
    /* values taken apart later */
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://a b"},
     OI_ROW_otlp_endpoint,
     "-",
     "OTEL_EXPORTER_OTLP_ENDPOINT=http://a b holds a blank or a control character; using http://localhost:4318"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=ftp://h:4317"},
     OI_ROW_otlp_traces_protocol,
     "http/protobuf",
     "OTEL_EXPORTER_OTLP_ENDPOINT=ftp://h:4317 has a scheme other than http and https; using http://localhost:4318"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://u:secret@h:99999", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
     OI_ROW_otlp_endpoint,
     "-",
     "OTEL_EXPORTER_OTLP_ENDPOINT has a bad port; using http://localhost:4317"},
    {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://:80/", "OTEL_EXPORTER_OTLP_ENDPOINT=http://h"},
     OI_ROW_otlp_traces_endpoint,
     "-",
     "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://:80/ names no host; using OTEL_EXPORTER_OTLP_ENDPOINT"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://"},
     OI_ROW_otlp_endpoint,
     "-",
     "OTEL_EXPORTER_OTLP_ENDPOINT=http:// names no host; using http://localhost:4318"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://[::1"},
     OI_ROW_otlp_endpoint,
     "-",
     "OTEL_EXPORTER_OTLP_ENDPOINT=http://[::1 has a bracket that is not closed; using http://localhost:4318"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:/x"},
     OI_ROW_otlp_endpoint,
     "-",
     "OTEL_EXPORTER_OTLP_ENDPOINT=http://h:/x has a bad port; using http://localhost:4318"},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=HTTPS://[::1]:443/x?y"}, OI_ROW_otlp_endpoint, "HTTPS://[::1]:443/x?y", ""},
    {{"OTEL_EXPORTER_OTLP_ENDPOINT=collector"}, OI_ROW_otlp_endpoint, "collector", ""},
    {{"OTEL_EXPORTER_OTLP_HEADERS=a=b c,Api-Key = x%3D=y ,e="},
     OI_ROW_otlp_traces_headers,
     "a=b c,Api-Key = x%3D=y ,e=",
     ""},
    {{"OTEL_EXPORTER_OTLP_HEADERS=a=b,secret,c=d,=e,f=%0d,g=\"h\",i j=k"},
     OI_ROW_otlp_traces_headers,
     "a=b,c=d",
     "OTEL_EXPORTER_OTLP_HEADERS: what is no usable key=value is left out (member 2, 4, 5, 6, 7)"},
    {{"OTEL_EXPORTER_OTLP_HEADERS=secret"},
     OI_ROW_otlp_headers,
     "-",
     "OTEL_EXPORTER_OTLP_HEADERS: what is no usable key=value is left out (member 1)"},
    {{"OTEL_EXPORTER_OTLP_HEADERS=a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=secret"},
     OI_ROW_otlp_traces_headers,
     "-",
     "OTEL_EXPORTER_OTLP_TRACES_HEADERS: what is no usable key=value is left out (member 1)"},
    {{"OTEL_RESOURCE_ATTRIBUTES=a=b,c=%41"}, OI_ROW_resource_attributes, "a=b,c=%41", ""},
    {{"OTEL_RESOURCE_ATTRIBUTES=a=b,c"},
     OI_ROW_resource_attributes,
     "-",
     "OTEL_RESOURCE_ATTRIBUTES: \"c\" has no =; none of its attributes are used"},
    /* names */
    {{"OTEL_NATIVE_SUMARY=true"}, OI_ROW_summary, "false", "OTEL_NATIVE_SUMARY is not a setting; ignored"},
    {{"OTEL_NATIVE_A\nB=true"}, OI_ROW_summary, "false", "OTEL_NATIVE_A?B is not a setting; ignored"},
    {{"OTEL_SUMARY=true"}, OI_ROW_summary, "false", ""},
    {{"OTEL_NATIVE_CONFIG_ANNOUNCED=x"}, OI_ROW_summary, "false", ""},
    /* the Python agent's names */
    {{"OTEL_PYTHON_CONNECT_SPANS=true"}, OI_ROW_connect_spans, "true", ""},
    {{"OTEL_PYTHON_CONNECT_SPANS=true", "OTEL_NATIVE_CONNECT_SPANS=false"}, OI_ROW_connect_spans, "false", ""},
    {{"OTEL_PYTHON_SERVICE_NAME=x"}, OI_ROW_service_name, "x", ""},
    {{"OTEL_PYTHON_CONNECT_SPANS=1"},
     OI_ROW_connect_spans,
     "false",
     "OTEL_PYTHON_CONNECT_SPANS=1 is neither true nor false; using false"},
    {{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=redis, mysqlclient ,logging,no_such"},
     OI_ROW_disabled_instrumentations,
     "redis,hiredis,mysql,libmariadb",
     ""},
    {{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=*"}, OI_ROW_disabled_instrumentations, "*", ""},
    {{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=sqlite3"}, OI_ROW_disabled_instrumentations, "-", ""},
    {{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS=libcurl,Flask"},
     OI_ROW_disabled_instrumentations,
     "libcurl,http_server",
     ""},
    {{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS=hiredis", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=requests"},
     OI_ROW_disabled_instrumentations,
     "hiredis,http_client,libcurl",
     ""},
    {{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS=curl"},
     OI_ROW_disabled_instrumentations,
     "-",
     "OTEL_NATIVE_DISABLED_INSTRUMENTATIONS=curl: \"curl\" is not known; using none of it"},
    /* ratios */
    {{"OTEL_TRACES_SAMPLER_ARG=0"}, OI_ROW_sampler_arg, "0", ""},
    {{"OTEL_TRACES_SAMPLER_ARG=1"}, OI_ROW_sampler_arg, "1", ""},
    {{"OTEL_TRACES_SAMPLER_ARG=.5"}, OI_ROW_sampler_arg, "0.5", ""},
    {{"OTEL_TRACES_SAMPLER_ARG=0.1"}, OI_ROW_sampler_arg, "0.10000000000000001", ""},
    {{"OTEL_TRACES_SAMPLER_ARG=25e-2"}, OI_ROW_sampler_arg, "0.25", ""},
    {{"OTEL_TRACES_SAMPLER_ARG=1e-400"}, OI_ROW_sampler_arg, "0", ""},
    {{"OTEL_TRACES_SAMPLER_ARG=0.000001"}, OI_ROW_sampler_arg, "9.9999999999999995e-07", ""},
#define BAD_RATIO(text)                                                                                                \
    {                                                                                                                  \
        {"OTEL_TRACES_SAMPLER_ARG=" text}, OI_ROW_sampler_arg, "1",                                                    \
            "OTEL_TRACES_SAMPLER_ARG=" text " is not a number from 0 to 1; using 1.0"                                  \
    }
    BAD_RATIO("1.1"),
    BAD_RATIO("-0.1"),
    BAD_RATIO("nan"),
    BAD_RATIO("."),
    BAD_RATIO("0,5"),
    BAD_RATIO("0.5x"),
    BAD_RATIO("0.5e"),
    BAD_RATIO("1..2"),
    BAD_RATIO("50%"),
    BAD_RATIO("99999999999999999999"),
};

START_TEST(a_setting_comes_to_a_value)
{
    const struct row *row = &rows[_i];
    struct oi_config config;

    parse(&config, row->environment);
    ck_assert_msg(strcmp(value_of(&config, row->index), row->value) == 0, "%s: value %s, not %s", row->environment[0],
                  value_of(&config, row->index), row->value);
    ck_assert_msg(strcmp(said, row->said) == 0, "%s: said\n%s\nnot\n%s", row->environment[0], said, row->said);
}
END_TEST

START_TEST(set_tells_usable_values_from_defaults)
{
    const char *const environment[] = {"OTEL_EXPORTER_OTLP_TIMEOUT=200", "OTEL_BSP_SCHEDULE_DELAY=x",
                                       "OTEL_SERVICE_NAME=", "OTEL_PROPAGATORS=none,b4", NULL};
    struct oi_config config;

    parse(&config, environment);
    ck_assert(config.set.otlp_timeout);
    ck_assert(!config.set.otlp_traces_timeout); /* though it holds the general value */
    ck_assert(!config.set.bsp_schedule_delay);
    ck_assert(!config.set.service_name);
    ck_assert(config.set.propagators);
}
END_TEST

START_TEST(nothing_set_says_nothing)
{
    struct oi_config config;

    parse(&config, (const char *const[]){"PATH=/bin", "OTEL", NULL});
    ck_assert_str_eq(said, "");
    oi_config_parse(&config, NULL, arena, sizeof(arena), note, NULL);
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(a_value_too_long_is_ignored_whatever_the_arena)
{
    size_t size = 3 * OI_CONFIG_ARENA;
    char *entry = malloc(size);
    struct oi_config config;

    memset(entry, 'v', size - 1);
    entry[size - 1] = '\0';
    memcpy(entry, "OTEL_SERVICE_NAME=", 18);
    parse(&config, (const char *const[]){entry, NULL});
    ck_assert_ptr_null(config.service_name);
    ck_assert_str_eq(said, "OTEL_SERVICE_NAME is too long; using none of it");

    /* Every size of arena, down to none, leaves strings that end within it. */
    for (size_t arena_size = 0; arena_size < 64; arena_size++) {
        const char *const environment[] = {"OTEL_SERVICE_NAME=abcdefgh", "OTEL_PROPAGATORS=baggage,tracecontext",
                                           "OTEL_TRACES_EXPORTER=otlp_proto_grpc,console",
                                           "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=redis", NULL};
        char *exact = malloc(arena_size ? arena_size : 1);
        oi_config_parse(&config, (char *const *)environment, exact, arena_size, NULL, NULL);
        ck_assert(!config.service_name || strcmp(config.service_name, "abcdefgh") == 0);
        ck_assert(strlen(config.propagators) > 0);
        ck_assert(strlen(config.traces_exporter) > 0);
        free(exact);
    }
    free(entry);
}
END_TEST

START_TEST(a_long_value_is_cut_in_the_complaint)
{
    char entry[2000] = "OTEL_TRACES_SAMPLER=";
    struct oi_config config;

    memset(entry + 20, 'v', sizeof(entry) - 21);
    parse(&config, (const char *const[]){entry, NULL});
    ck_assert_uint_lt(strlen(said), 640);
    ck_assert_ptr_nonnull(strstr(said, "vvv... is not one of "));
}
END_TEST

/* --- lists and globs -------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *list, *name;
    bool has;
} list_rows[] = {
    {NULL, "a", false}, {"", "a", false},   {"a", "a", true},        {" A , b", "a", true}, {"ab", "a", false},
    {"a", "ab", false}, {"b,a", "A", true}, {"*", "anything", true}, {"b, * ", "a", true},  {"a b", "a", false},
};

START_TEST(a_list_has_a_name)
{
    ck_assert_msg(oi_list_has(list_rows[_i].list, list_rows[_i].name) == list_rows[_i].has, "%s in %s",
                  list_rows[_i].name, list_rows[_i].list ? list_rows[_i].list : "NULL");
}
END_TEST

static const struct {
    const char *list, *path;
    bool matches;
} glob_rows[] = {
    {NULL, "/bin/a", false},
    {"", "/bin/a", false},
    {"a", "/bin/a", true},
    {"a", NULL, false},
    {"a", "a", true},
    {"b", "/b/a", false},
    {"/bin/a", "/bin/a", true},
    {"/bin/*", "/bin/a", true},
    {"/bin/*", "/usr/bin/a", false},
    {"*/bin/*", "/usr/bin/a", true},
    {"c*l", "/usr/bin/curl", true},
    {"c?rl", "/usr/bin/curl", true},
    {"c?rl", "/usr/bin/crl", false},
    {"[a-c]url", "/usr/bin/curl", true},
    {"[!a-c]url", "/usr/bin/curl", false},
    {"[]c]url", "/usr/bin/curl", true},
    {"[c", "[c", true},
    {"[c", "c", false},
    {"x, curl", "/usr/bin/curl", true},
    {"*", "/usr/bin/curl", true},
    {"**l", "/usr/bin/curl", true},
    {"*.py", "/srv/a.py", true},
    {"*.py", "/srv/a.pyc", false},
    {"Curl", "/usr/bin/curl", false},
    {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(a_program_matches_a_glob)
{
    ck_assert_msg(oi_list_matches_program(glob_rows[_i].list, glob_rows[_i].path) == glob_rows[_i].matches,
                  "row %d: %s", _i, glob_rows[_i].list ? glob_rows[_i].list : "NULL");
}
END_TEST

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256 A63 A63 A63 A63 "aaaa"

static const struct {
    const char *list, *host;
    uint16_t port;
    bool matches;
} host_rows[] = {
    {"*", "example.com", 80, true},
    {"", "example.com", 80, false},
    {NULL, "example.com", 80, false},
    {"example.com", "example.com", 8080, true},
    {"Example.COM", "eXample.com", 80, true},
    {"example.com", "example.com.", 80, true},
    {"example.com.", "example.com", 80, true},
    {"example.com", "www.example.com", 80, false},
    {"example.com", "example.com.evil.org", 80, false},
    {"*.example.com", "www.example.com", 80, true},
    {"*.example.com", "example.com", 80, false},
    {"*.example.com", "a.b.example.com", 80, true},
    {"*.EXAMPLE.com", "www.example.COM", 80, true},
    {"a, b ,c", "b", 80, true},
    {"a,b,c", "d", 80, false},
    {"10.0.?.[1-9]", "10.0.3.7", 80, true},
    {"10.0.?.[1-9]", "10.0.3.0", 80, false},
    {"[ab].example.com", "b.example.com", 80, true},
    {"[ab].example.com:80", "b.example.com", 80, true},
    {"[ab].example.com:80", "b.example.com", 81, false},
    {"example.com:443", "example.com", 443, true},
    {"example.com:443", "example.com", 80, false},
    {"example.com.:443", "example.com", 443, true},
    {"*:8080", "anything", 8080, true},
    {"*:8080", "anything", 80, false},
    {"example.com:80*", "example.com", 8080, true},
    {"example.com:*", "example.com", 1, true},
    {"example.com:", "example.com", 80, false},
    {"example.com:65535", "example.com", 65535, true},
    {"::1", "::1", 80, true},
    {"[::1]", "::1", 80, true},
    {"[::1]:8080", "::1", 8080, true},
    {"[::1]:8080", "::1", 80, false},
    {"[FE80::*]:80", "fe80::abcd", 80, true},
    {"[::1]", ":", 80, false},
    {"fe80::*", "FE80::1", 80, true},
    {"example.com", "", 80, false},
    {"*", "", 80, true},
    {".", ".", 80, true},
    {"[", "[", 80, true},
    {"[::1", "[", 80, false},
    {A256, A256, 80, true},
    {"*", A256 "a", 80, false},
    {A256 "a,*", "example.com", 80, true},
};

START_TEST(a_host_matches_a_glob)
{
    ck_assert_msg(oi_list_matches_host(host_rows[_i].list, oi_text_from(host_rows[_i].host), host_rows[_i].port) ==
                      host_rows[_i].matches,
                  "%s in %s", host_rows[_i].host, host_rows[_i].list ? host_rows[_i].list : "NULL");
}
END_TEST

static const struct {
    const char *value;
    enum oi_semconv http, database;
} semconv_rows[] = {
    {"", OI_SEMCONV_OLD, OI_SEMCONV_OLD},
    {"http", OI_SEMCONV_NEW, OI_SEMCONV_OLD},
    {"database", OI_SEMCONV_OLD, OI_SEMCONV_NEW},
    {"http, database", OI_SEMCONV_NEW, OI_SEMCONV_NEW},
    {"http/dup", OI_SEMCONV_DUP, OI_SEMCONV_OLD},
    {"http/dup,http", OI_SEMCONV_DUP, OI_SEMCONV_OLD},
    {"database,http,database/dup", OI_SEMCONV_NEW, OI_SEMCONV_DUP},
    {"gen_ai_latest_experimental,nonsense,*", OI_SEMCONV_OLD, OI_SEMCONV_OLD},
};

START_TEST(the_opt_in_chooses_attribute_sets)
{
    char entry[100] = "OTEL_SEMCONV_STABILITY_OPT_IN=";
    struct oi_config config;

    strcat(entry, semconv_rows[_i].value);
    parse(&config, (const char *const[]){entry, NULL});
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(oi_config_semconv_http(&config), semconv_rows[_i].http);
    ck_assert_int_eq(oi_config_semconv_database(&config), semconv_rows[_i].database);
}
END_TEST

/* --- the mark --------------------------------------------------------------------------------------------------------
 */

START_TEST(the_mark_is_of_the_settings_alone)
{
    char mark[OI_CONFIG_MARK], other[OI_CONFIG_MARK], entry[80];
    const char *const one[] = {"OTEL_A=1", "OTEL_B=2", "PATH=/bin", NULL};
    const char *const turned[] = {"HOME=/", "OTEL_B=2", "OTEL_A=1", "TRACEPARENT=x", NULL};
    const char *const changed[] = {"OTEL_A=1", "OTEL_B=3", NULL};
    const char *const swapped[] = {"OTEL_A=2", "OTEL_B=1", NULL};

    oi_config_mark((char *const *)one, mark);
    ck_assert_uint_eq(strspn(mark, "0123456789abcdef"), 16);
    oi_config_mark((char *const *)turned, other);
    ck_assert_str_eq(mark, other);
    oi_config_mark((char *const *)changed, other);
    ck_assert_str_ne(mark, other);
    oi_config_mark((char *const *)swapped, other);
    ck_assert_str_ne(mark, other);

    snprintf(entry, sizeof(entry), "%s=%s", OI_CONFIG_ANNOUNCED, mark);
    ck_assert(!oi_config_announced((char *const *)one));
    ck_assert(oi_config_announced((char *const[]){entry, "OTEL_B=2", "OTEL_A=1", NULL}));
    ck_assert(!oi_config_announced((char *const[]){entry, "OTEL_B=3", "OTEL_A=1", NULL}));
    ck_assert(!oi_config_announced((char *const[]){entry, "OTEL_B=2", "OTEL_A=1", "OTEL_C=", NULL}));
    ck_assert(!oi_config_announced(NULL));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, a_setting_comes_to_a_value, 0, COUNT(rows));
    tcase_add_test(tests, set_tells_usable_values_from_defaults);
    tcase_add_test(tests, nothing_set_says_nothing);
    tcase_add_test(tests, a_value_too_long_is_ignored_whatever_the_arena);
    tcase_add_test(tests, a_long_value_is_cut_in_the_complaint);
    tcase_add_loop_test(tests, a_list_has_a_name, 0, COUNT(list_rows));
    tcase_add_loop_test(tests, a_program_matches_a_glob, 0, COUNT(glob_rows));
    tcase_add_loop_test(tests, a_host_matches_a_glob, 0, COUNT(host_rows));
    tcase_add_loop_test(tests, the_opt_in_chooses_attribute_sets, 0, COUNT(semconv_rows));
    tcase_add_test(tests, the_mark_is_of_the_settings_alone);
    return run_suite("config", tests);
}
