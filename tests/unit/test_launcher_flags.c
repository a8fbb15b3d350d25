/* The command line: what argparse makes of the same line, and where we say more. */
#include <string.h>

#include "launcher/flags.h"
#include "tests/unit/run.h"

static const char *values[256];
static struct oi_flags flags = {.values = values};

static enum oi_flags_wish parse(const char *const *arguments)
{
    char *argv[16] = {(char *)"otel-instrument"};
    int argc = 1;

    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    memset(values, 0, sizeof(values));
    return oi_flags_parse(&flags, argc, argv);
}

static const char *value_of(const char *flag)
{
    for (size_t i = 0; i < oi_flag_row_count; i++)
        if (oi_flag_rows[i].flag && strcmp(oi_flag_rows[i].flag, flag) == 0)
            return values[i];
    ck_abort_msg("no flag %s", flag);
}

struct row {
    const char *arguments[8];
    enum oi_flags_wish wish;
    const char *said;  /* FLAGS_WRONG: the message */
    int command;       /* FLAGS_RUN: index in argv */
    const char *flag;  /* FLAGS_RUN: a flag and its value */
    const char *value; /* NULL: not given */
};

#define WRONG(message) OI_FLAGS_WRONG, message, 0, NULL, NULL
#define RUN(command, flag, value) OI_FLAGS_RUN, "", command, flag, value

static const struct row rows[] = {
    {{"prog"}, RUN(1, "service_name", NULL)},
    {{"--service_name", "x", "prog"}, RUN(3, "service_name", "x")},
    {{"--service_name=x", "prog"}, RUN(2, "service_name", "x")},
    {{"--service_name", "", "prog"}, RUN(3, "service_name", "")},
    {{"--service_name=", "prog"}, RUN(2, "service_name", "")},
    {{"--service_name=a=b", "prog"}, RUN(2, "service_name", "a=b")},
    {{"--service_name", "x", "--service_name=y", "prog"}, RUN(4, "service_name", "y")},
    {{"--service", "x", "prog"}, RUN(3, "service_name", "x")},
    {{"--serv=x", "prog"}, RUN(2, "service_name", "x")},
    /* exact, though the beginning of others */
    {{"--exporter_otlp_timeout", "1", "prog"}, RUN(3, "exporter_otlp_timeout", "1")},
    {{"--traces_sampler", "always_on", "prog"}, RUN(3, "traces_sampler", "always_on")},
    {{"--attribute_count_limit=1", "prog"}, RUN(2, "attribute_count_limit", "1")},
    /* unique in the Python agent: our own flags do not make it ambiguous */
    {{"--propag=x", "prog"}, RUN(2, "propagators", "x")},
    {{"--r=x", "prog"}, RUN(2, "resource_attributes", "x")},
    {{"--experimental=x", "prog"}, RUN(2, "experimental_resource_detectors", "x")},
    {{"--process=true", "prog"}, RUN(2, "process_span", "true")},
    {{"--exporter_jaeger_us=x", "prog"}, RUN(2, "exporter_jaeger_user", "x")},
    /* values that look like options */
    {{"--service_name", "-1", "prog"}, RUN(3, "service_name", "-1")},
    {{"--service_name", "-1.5", "prog"}, RUN(3, "service_name", "-1.5")},
    {{"--service_name", "-.5", "prog"}, RUN(3, "service_name", "-.5")},
    {{"--service_name", "-", "prog"}, RUN(3, "service_name", "-")},
    {{"--service_name", "-a b", "prog"}, RUN(3, "service_name", "-a b")},
    {{"--service_name=-x", "prog"}, RUN(2, "service_name", "-x")},
    {{"--service_name=--", "prog"}, RUN(2, "service_name", "--")},
    {{"--service_name", "-x", "prog"}, WRONG("argument --service_name: expected one argument")},
    {{"--service_name", "-1x", "prog"}, WRONG("argument --service_name: expected one argument")},
    {{"--service_name", "-1.", "prog"}, WRONG("argument --service_name: expected one argument")},
    {{"--service_name", "--x", "prog"}, WRONG("argument --service_name: expected one argument")},
    {{"--service_name", "--", "prog"}, WRONG("argument --service_name: expected one argument")},
    {{"--service_name"}, WRONG("argument --service_name: expected one argument")},
    /* where the flags end */
    {{"--", "prog"}, RUN(2, "service_name", NULL)},
    {{"--service_name", "x", "--", "prog"}, RUN(4, "service_name", "x")},
    {{"--", "--service_name", "x"}, RUN(2, "service_name", NULL)},
    {{"prog", "--service_name", "x"}, RUN(1, "service_name", NULL)},
    {{"prog", "--", "--help"}, RUN(1, "service_name", NULL)},
    {{"--service_name", "x", "prog", "--service_name=y"}, RUN(3, "service_name", "x")},
    {{"", "x"}, RUN(1, "service_name", NULL)},
    {{"-", "x"}, RUN(1, "service_name", NULL)},
    {{NULL}, WRONG("the following arguments are required: command")},
    {{"--"}, WRONG("the following arguments are required: command")},
    {{"--service_name", "x"}, WRONG("the following arguments are required: command")},
    {{"--service_name=x", "--"}, WRONG("the following arguments are required: command")},
    /* unknown */
    {{"--nonsense", "prog"}, WRONG("unrecognized arguments: --nonsense")},
    {{"--nonsense=1", "prog"}, WRONG("unrecognized arguments: --nonsense=1")},
    {{"--SERVICE_NAME", "x", "prog"}, WRONG("unrecognized arguments: --SERVICE_NAME")},
    {{"--service_namex", "x", "prog"}, WRONG("unrecognized arguments: --service_namex")},
    {{"--service-name", "x", "prog"}, WRONG("unrecognized arguments: --service-name (did you mean --service_name?)")},
    {{"--service-name=x", "prog"}, WRONG("unrecognized arguments: --service-name=x (did you mean --service_name?)")},
    {{"-s", "x", "prog"}, WRONG("unrecognized arguments: -s")},
    {{"-service_name", "x", "prog"}, WRONG("unrecognized arguments: -service_name")},
    {{"--traces_s", "x", "prog"},
     WRONG("ambiguous option: --traces_s could match --traces_sampler, --traces_sampler_arg")},
    {{"--sdk=x", "prog"}, WRONG("ambiguous option: --sdk could match --sdk_disabled, --sdk_internal_metrics_enabled")},
    /* help and version */
    {{"-h"}, OI_FLAGS_HELP, "", 0, NULL, NULL},
    {{"--help", "prog"}, OI_FLAGS_HELP, "", 0, NULL, NULL},
    {{"--he"}, OI_FLAGS_HELP, "", 0, NULL, NULL},
    {{"--service_name", "x", "--help"}, OI_FLAGS_HELP, "", 0, NULL, NULL},
    {{"--version"}, OI_FLAGS_VERSION, "", 0, NULL, NULL},
    {{"--vers", "--nonsense"}, OI_FLAGS_VERSION, "", 0, NULL, NULL},
    {{"--help=1"}, WRONG("argument --help: ignored explicit argument '1'")},
    {{"--version=1"}, WRONG("argument --version: ignored explicit argument '1'")},
};

START_TEST(a_command_line_is_taken_as_argparse_takes_it)
{
    const struct row *row = &rows[_i];
    enum oi_flags_wish wish = parse(row->arguments);

    ck_assert_int_eq(wish, row->wish);
    if (wish == OI_FLAGS_WRONG)
        ck_assert_str_eq(flags.error, row->said);
    if (wish == OI_FLAGS_RUN) {
        ck_assert_int_eq(flags.command, row->command);
        ck_assert_pstr_eq(value_of(row->flag), row->value);
    }
}
END_TEST

/* Everything the Python agent takes, and its older versions took. */
static const char *const reference[] = {
    "auto_instrumentation_experimental_gevent_patch",
    "configurator",
    "disabled_instrumentations",
    "distro",
    "semconv_stability_opt_in",
    "logs_exporter",
    "metrics_exporter",
    "traces_exporter",
    "propagators",
    "context",
    "id_generator",
    "meter_provider",
    "tracer_provider",
    "sdk_disabled",
    "config_file",
    "resource_attributes",
    "service_name",
    "log_level",
    "experimental_resource_detectors",
    "traces_sampler",
    "traces_sampler_arg",
    "logger_configurator",
    "meter_configurator",
    "tracer_configurator",
    "sdk_internal_metrics_enabled",
    "bsp_schedule_delay",
    "bsp_export_timeout",
    "bsp_max_queue_size",
    "bsp_max_export_batch_size",
    "blrp_schedule_delay",
    "blrp_export_timeout",
    "blrp_max_queue_size",
    "blrp_max_export_batch_size",
    "attribute_count_limit",
    "attribute_value_length_limit",
    "span_attribute_count_limit",
    "span_attribute_value_length_limit",
    "span_event_count_limit",
    "span_link_count_limit",
    "event_attribute_count_limit",
    "link_attribute_count_limit",
    "logrecord_attribute_count_limit",
    "logrecord_attribute_value_length_limit",
#define OTLP(name)                                                                                                     \
    "exporter_otlp_" name, "exporter_otlp_traces_" name, "exporter_otlp_metrics_" name, "exporter_otlp_logs_" name
    OTLP("endpoint"),
    OTLP("protocol"),
    OTLP("headers"),
    OTLP("timeout"),
    OTLP("compression"),
    OTLP("certificate"),
    OTLP("client_key"),
    OTLP("client_certificate"),
    OTLP("insecure"),
    "exporter_otlp_metrics_temporality_preference",
    "exporter_otlp_metrics_default_histogram_aggregation",
    "metric_export_interval",
    "metric_export_timeout",
    "metrics_exemplar_filter",
    "exporter_prometheus_host",
    "exporter_prometheus_port",
    "exporter_zipkin_endpoint",
    "exporter_zipkin_timeout",
    /* the older ones */
    "exporter_jaeger_agent_host",
    "exporter_jaeger_agent_port",
    "exporter_jaeger_agent_split_oversized_batches",
    "exporter_jaeger_certificate",
    "exporter_jaeger_endpoint",
    "exporter_jaeger_grpc_insecure",
    "exporter_jaeger_password",
    "exporter_jaeger_timeout",
    "exporter_jaeger_user",
    "experimental_disable_prometheus_unit_normalization",
};

_Static_assert(sizeof(reference) / sizeof(reference[0]) == 88 + 10, "none is forgotten");

START_TEST(every_flag_of_the_python_agent_is_taken)
{
    char argument[100] = "--";

    strcat(strcat(argument, reference[_i]), "=value");
    ck_assert_int_eq(parse((const char *const[]){argument, "prog", NULL}), OI_FLAGS_RUN);
    ck_assert_pstr_eq(value_of(reference[_i]), "value");
}
END_TEST

START_TEST(no_two_rows_have_a_name_in_common)
{
    for (size_t i = 0; i < oi_flag_row_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct oi_flag_row *a = &oi_flag_rows[i], *b = &oi_flag_rows[j];
            ck_assert_str_ne(a->env, b->env);
            ck_assert_msg(!a->flag || !b->flag || strcmp(a->flag, b->flag) != 0, "%s", a->flag ? a->flag : "");
        }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, a_command_line_is_taken_as_argparse_takes_it, 0, COUNT(rows));
    tcase_add_loop_test(tests, every_flag_of_the_python_agent_is_taken, 0, COUNT(reference));
    tcase_add_test(tests, no_two_rows_have_a_name_in_common);
    return run_suite("launcher_flags", tests);
}
