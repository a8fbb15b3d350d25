/* Settings: what the rows of config_settings.h come to, and what holds of all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/config_settings.h"
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
    tcase_add_loop_test(tests, the_opt_in_chooses_attribute_sets, 0, COUNT(semconv_rows));
    tcase_add_test(tests, the_mark_is_of_the_settings_alone);
    return run_suite("config", tests);
}
