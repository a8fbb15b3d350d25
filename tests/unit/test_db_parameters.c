/* Parameters of SQL statements in both attribute sets: a table. */
#include "tests/unit/span_text.h"

#include "agent/db_span.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

/* A parameter as written here: u unknown, n NULL, 7 a number, 't text. */
static struct oi_sql_parameter written(const void *user, size_t i, char *scratch)
{
    const char *text = ((const char *const *)user)[i];
    size_t length = strlen(text);
    switch (*text) {
    case 'u':
        return (struct oi_sql_parameter){.kind = OI_SQL_PARAMETER_UNKNOWN};
    case 'n':
        return (struct oi_sql_parameter){.kind = OI_SQL_PARAMETER_NULL};
    case '\'':
        return (struct oi_sql_parameter){OI_SQL_PARAMETER_TEXT, {guarded_copy(text + 1, length - 1), length - 1}};
    default:
        ck_assert_uint_lt(length, OI_SQL_PARAMETER_SCRATCH);
        memcpy(scratch, text, length);
        return (struct oi_sql_parameter){OI_SQL_PARAMETER_NUMBER, {scratch, length}};
    }
}

static void submit(enum oi_semconv semconv, size_t count, const char *const *parameters)
{
    oi_agent.semconv_database = semconv;
    spans = 0;
    struct oi_record *record = oi_span_end(&sampled_span, &test_scope, OI_KIND_CLIENT);
    ck_assert_ptr_nonnull(record);
    oi_db_sql_parameters(record, count, written, parameters);
    oi_record_submit(record);
    ck_assert_int_eq(spans, 1);
}

static const struct row {
    const char *parameters[6];
    const char *old; /* NULL: no attribute */
    const char *new;
} rows[] = {
    {{NULL}, NULL, ""},
    {{"'x"}, "('x',)", "0=x"},
    {{"7"}, "(7,)", "0=7"},
    {{"n"}, "(None,)", "0=NULL"},
    {{"u"}, "(?,)", ""},
    {{"'"}, "('',)", "0="},
    {{"'x", "1", "n"}, "('x', 1, None)", "0=x 1=1 2=NULL"},
    {{"u", "-2.5", "u"}, "(?, -2.5, ?)", "1=-2.5"},
    {{"'it's"}, "('it\\'s',)", "0=it's"},
    {{"'a\\b"}, "('a\\\\b',)", "0=a\\b"},
    {{"'\\'", "''"}, "('\\\\\\'', '\\'')", "0=\\' 1='"},
    {{"'None", "'NULL", "'?"}, "('None', 'NULL', '?')", "0=None 1=NULL 2=?"},
    {{"'1, 2)"}, "('1, 2)',)", "0=1, 2)"},
    {{"'a\nb\tc"}, "('a\nb\tc',)", "0=a\nb\tc"},
    {{"'caf\xc3\xa9"}, "('caf\xc3\xa9',)", "0=caf\xc3\xa9"},
    {{"18446744073709551615", "-9223372036854775808"},
     "(18446744073709551615, -9223372036854775808)",
     "0=18446744073709551615 1=-9223372036854775808"},
    {{"n", "n", "n", "n", "n", "'last"},
     "(None, None, None, None, None, 'last')",
     "0=NULL 1=NULL 2=NULL 3=NULL 4=NULL 5=last"},
};

/* What the new set is, in full: `0=x 1=y` stands for two attributes. Values here hold no ` <digit>=`. */
static void put_new(char *out, size_t size, const char *shown)
{
    size_t used = strlen(out);
    while (*shown) {
        const char *value = strchr(shown, '=') + 1, *end = value;
        while (*end && !(end[0] == ' ' && end[1] >= '0' && end[1] <= '9' && end[2] == '='))
            end++;
        used += (size_t)snprintf(out + used, size - used, "db.query.parameter.%c=\"%.*s\"\n", *shown,
                                 (int)(end - value), value);
        shown = *end ? end + 1 : end;
    }
}

START_TEST(test_row)
{
    const struct row *row = &rows[_i];
    char old[1024] = "\nCLIENT unset\n", new[1024] = "\nCLIENT unset\n", both[1024];
    size_t count = 0;
    while (count < sizeof row->parameters / sizeof *row->parameters && row->parameters[count])
        count++;
    if (row->old)
        snprintf(old + strlen(old), sizeof old - strlen(old), "db.statement.parameters=\"%s\"\n", row->old);
    memcpy(both, old, sizeof both);
    put_new(new, sizeof new, row->new);
    put_new(both, sizeof both, row->new);
    submit(OI_SEMCONV_OLD, count, row->parameters);
    ck_span(old);
    submit(OI_SEMCONV_NEW, count, row->parameters);
    ck_span(new);
    submit(OI_SEMCONV_DUP, count, row->parameters);
    ck_span(both);
}
END_TEST

START_TEST(test_a_long_text_is_cut_between_characters)
{
    char text[400] = "'", expected[1024];
    for (size_t i = 0; i < 150; i++)
        memcpy(text + 1 + 2 * i, "\xc3\xa9", 2);
    const char *parameters[] = {text};
    size_t kept = OI_SQL_PARAMETER_TEXT_MAX / 2 * 2;
    snprintf(expected, sizeof expected, "\nCLIENT unset\ndb.query.parameter.0=\"%.*s\"\n", (int)kept, text + 1);
    submit(OI_SEMCONV_NEW, 1, parameters);
    ck_span(expected);
    snprintf(expected, sizeof expected, "\nCLIENT unset\ndb.statement.parameters=\"('%.*s',)\"\n", (int)kept, text + 1);
    submit(OI_SEMCONV_OLD, 1, parameters);
    ck_span(expected);
}
END_TEST

START_TEST(test_the_longest_of_all)
{
    static const char *parameters[OI_SQL_PARAMETERS_MAX];
    static char text[OI_SQL_PARAMETER_TEXT_MAX + 2], expected[65536];
    text[0] = '\'';
    memset(text + 1, '\'', OI_SQL_PARAMETER_TEXT_MAX);
    size_t used = (size_t)snprintf(expected, sizeof expected, "\nCLIENT unset\ndb.statement.parameters=\"(");
    for (size_t i = 0; i < OI_SQL_PARAMETERS_MAX; i++) {
        parameters[i] = text;
        expected[used++] = '\'';
        for (size_t at = 0; at < OI_SQL_PARAMETER_TEXT_MAX; at++, used += 2)
            memcpy(expected + used, "\\'", 2);
        used += (size_t)snprintf(expected + used, sizeof expected - used, "'%s",
                                 i + 1 < OI_SQL_PARAMETERS_MAX ? ", " : ")");
    }
    snprintf(expected + used, sizeof expected - used, "\"\n");
    submit(OI_SEMCONV_OLD, OI_SQL_PARAMETERS_MAX, parameters);
    ck_span(expected);
}
END_TEST

START_TEST(test_more_than_are_shown)
{
    static const char *parameters[OI_SQL_PARAMETERS_MAX + 8];
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        parameters[i] = i < OI_SQL_PARAMETERS_MAX ? "7" : "8";
    submit(OI_SEMCONV_NEW, sizeof parameters / sizeof *parameters, parameters);
    ck_assert_ptr_nonnull(strstr(span_text, "db.query.parameter.31=\"7\"\n"));
    ck_assert_ptr_null(strstr(span_text, "=\"8\""));
    ck_assert_ptr_null(strstr(span_text, "parameter.32"));
    submit(OI_SEMCONV_OLD, sizeof parameters / sizeof *parameters, parameters);
    ck_assert_ptr_null(strchr(span_text, '8'));
}
END_TEST

START_TEST(test_no_record)
{
    const char *parameters[] = {"'x"};
    oi_db_sql_parameters(NULL, 1, written, parameters);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, span_text_setup, NULL);
    tcase_add_loop_test(tests, test_row, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, test_a_long_text_is_cut_between_characters);
    tcase_add_test(tests, test_the_longest_of_all);
    tcase_add_test(tests, test_more_than_are_shown);
    tcase_add_test(tests, test_no_record);
    return run_suite("parameters", tests);
}
