/* The console exporter's text, exactly: one write a trace, when its local root has come. */
#include "exporter/sinks.h"

#include "exporter/console_text.h"
#include "tests/unit/otlp_records.h"
#include "tests/unit/run.h"

static char written[1 << 20];
static size_t writes;
static bool unsafe; /* no process may fork */

static void write_here(const char *at, size_t len)
{
    size_t had = strlen(written);
    ck_assert_uint_lt(had + len, sizeof written);
    memcpy(written + had, at, len);
    written[had + len] = '\0';
    ck_assert(!unsafe); /* it may take its time */
    writes++;
}

static void begin_unsafe(void)
{
    ck_assert(!unsafe);
    unsafe = true;
}

static void end_unsafe(void)
{
    ck_assert(unsafe);
    unsafe = false;
}

static const struct oi_export_host host = {
    .write_stderr = write_here, .unsafe_begin = begin_unsafe, .unsafe_end = end_unsafe};
static const struct oi_scope scope = {"s", OI_AREA_OTHER};
static const struct oi_attribute service = {.key = "service.name", .key_length = 12, .string = "board", .length = 5};
static const struct oi_resource resource = {.attributes = &service, .count = 1};
static const uint64_t start = UINT64_C(1785585600000000000);

static struct oi_exporter *console;

static void setup(void)
{
    console = oi_console_open(&host);
    ck_assert_ptr_nonnull(console);
    written[0] = '\0';
    writes = 0;
}

/* Ids are small numbers; parent 0: none. Times in microseconds after `start`. */
static struct oi_record *span(uint8_t trace, uint8_t id, uint8_t parent, const char *name, uint64_t from, uint64_t to)
{
    struct oi_record *record = new_record(&scope, oi_text_from(name));
    memset(record->trace_id, trace, sizeof record->trace_id);
    memset(record->span_id, id, sizeof record->span_id);
    memset(record->parent_id, parent, sizeof record->parent_id);
    record->has_parent = parent != 0;
    record->start_unix_ns = start + from * 1000;
    record->end_unix_ns = start + to * 1000;
    return record;
}

static struct oi_record *failed(struct oi_record *record, const char *message)
{
    record->status = OI_STATUS_ERROR;
    record->status_message = oi_text_from(message);
    return record;
}

static void export(struct oi_record *record)
{
    struct oi_export_result result = console->export_spans(console, &resource, &record, 1);
    ck_assert_uint_eq(result.delivered, 1);
    ck_assert_uint_eq(result.failed + result.rejected, 0);
}

#define TRACE_1 "otel-instrument: trace 01010101010101010101010101010101, board, "
#define TRACE_2 "otel-instrument: trace 02020202020202020202020202020202, board, "

START_TEST(prints_a_tree_when_the_root_comes)
{
    struct oi_record *record = span(1, 2, 1, "SELECT messages", 1200, 4610);
    add_string(record, "db.system", "mysql");
    add_string(record, "db.statement", "SELECT *\n  FROM messages\tWHERE id = ?");
    add_string(record, "net.peer.name", "127.0.0.1");
    add_int(record, "net.peer.port", 23306);
    add_string(record, "db.name", "shop");
    add_int(record, "db.rows_affected", 1);
    export(record);
    record = span(1, 3, 1, "LPUSH", 5000, 5210);
    add_string(record, "db.query.text", "LPUSH api_logs ?");
    add_string(record, "db.system.name", "redis");
    add_string(record, "server.address", "/run/redis.sock");
    export(record);
    record = failed(span(1, 5, 4, "GET", 6000, 12000), "");
    add_string(record, "http.url", "http://127.0.0.1:8080/");
    add_int(record, "http.status_code", 404);
    add_string(record, "error.type", "404");
    export(record);
    export(span(1, 4, 1, "fetch", 5900, 12345));
    record = failed(span(1, 6, 1, "connect", 12400, 12401), "Connection refused");
    add_string(record, "server.address", "db.example");
    add_int(record, "server.port", 3307);
    add_string(record, "db.system.name", "mariadb");
    export(record);
    ck_assert_uint_eq(writes, 0);
    record = span(1, 1, 0, "board", 0, 20100);
    add_int(record, "process.exit.code", 0);
    export(record);
    ck_assert_str_eq(written,
                     TRACE_1 "6 spans, 20.1 ms\n"
                             "     0 µs    20.1 ms  board               exit 0\n"
                             "  1.20 ms    3.41 ms  ├─ SELECT messages  SELECT * FROM messages WHERE id = ?  mysql "
                             "127.0.0.1:23306/shop  1 row\n"
                             "  5.00 ms     210 µs  ├─ LPUSH            LPUSH api_logs ?  redis /run/redis.sock\n"
                             "  5.90 ms    6.45 ms  ├─ fetch\n"
                             "  6.00 ms    6.00 ms  │  └─ GET           ERROR: 404  http://127.0.0.1:8080/  404\n"
                             "  12.4 ms       1 µs  └─ connect          ERROR: Connection refused  mariadb "
                             "db.example:3307\n");
    ck_assert_uint_eq(writes, 1);
}
END_TEST

START_TEST(a_remote_parent_makes_a_local_root)
{
    struct oi_record *record = span(1, 2, 9, "GET /", 0, 10);
    record->parent_remote = true;
    record->kind = OI_KIND_SERVER;
    export(record);
    ck_assert_str_eq(written, TRACE_1 "1 span, 10 µs\n"
                                      "     0 µs      10 µs  GET /\n");
}
END_TEST

START_TEST(keeps_traces_apart)
{
    struct oi_record *batch[] = {span(1, 2, 1, "a", 1, 2), span(2, 2, 1, "b", 1, 2), span(2, 1, 0, "two", 0, 3),
                                 span(1, 1, 0, "one", 0, 4)};
    ck_assert_uint_eq(console->export_spans(console, &resource, batch, 4).delivered, 4);
    ck_assert_str_eq(written, TRACE_2 "2 spans, 3 µs\n"
                                      "     0 µs       3 µs  two\n"
                                      "     1 µs       1 µs  └─ b\n" //
                     TRACE_1 "2 spans, 4 µs\n"
                                      "     0 µs       4 µs  one\n"
                                      "     1 µs       1 µs  └─ a\n");
    ck_assert_uint_eq(writes, 2);
}
END_TEST

START_TEST(prints_only_what_belongs_to_the_root)
{
    export(span(1, 2, 1, "child of the first", 1, 2));
    export(span(1, 4, 3, "child of the second", 1, 2));
    struct oi_record *first = span(1, 1, 9, "first", 0, 3);
    first->parent_remote = true;
    struct oi_record *second = span(1, 3, 9, "second", 0, 5);
    second->parent_remote = true;
    struct oi_record *batch[] = {first, second};
    console->export_spans(console, &resource, batch, 2);
    ck_assert_str_eq(written, TRACE_1 "2 spans, 3 µs\n"
                                      "     0 µs       3 µs  first\n"
                                      "     1 µs       1 µs  └─ child of the first\n" //
                     TRACE_1 "2 spans, 5 µs\n"
                                      "     0 µs       5 µs  second\n"
                                      "     1 µs       1 µs  └─ child of the second\n");
}
END_TEST

START_TEST(prints_late_spans_at_once)
{
    export(span(1, 1, 0, "root", 0, 10));
    written[0] = '\0';
    export(span(1, 2, 1, "late", 5, 3000000));
    ck_assert_str_eq(written, TRACE_1 "1 span, 3.00 s (after its root)\n"
                                      "     0 µs     3.00 s  late\n");
}
END_TEST

START_TEST(flush_prints_what_waits)
{
    export(span(1, 2, 1, "a", 1, 2));
    export(span(2, 3, 1, "b", 1, 2));
    export(span(1, 3, 2, "c", 2, 3));
    export(span(1, 4, 9, "d", 3, 4));
    ck_assert_uint_eq(writes, 0);
    console->flush(console);
    ck_assert_str_eq(written, TRACE_1 "3 spans, 3 µs (incomplete)\n"
                                      "     0 µs       1 µs  a\n"
                                      "     1 µs       1 µs  └─ c\n"
                                      "     2 µs       1 µs  d\n" //
                     TRACE_2 "1 span, 1 µs (incomplete)\n"
                                      "     0 µs       1 µs  b\n");
    console->flush(console);
    ck_assert_uint_eq(writes, 2);
}
END_TEST

START_TEST(what_waits_is_bounded)
{
    for (size_t i = 0; i < 3000; i++)
        export(span(1, 2, 1, "orphan", 0, 1));
    ck_assert_uint_eq(writes, 2);
    ck_assert_ptr_eq(strstr(written, TRACE_1 "1024 spans, 1 µs (incomplete)\n"), written);
    console->flush(console);
    ck_assert_uint_eq(writes, 3);
}
END_TEST

START_TEST(a_circle_of_parents_ends)
{
    export(span(1, 1, 2, "a", 0, 1));
    export(span(1, 2, 1, "b", 0, 1));
    export(span(1, 3, 3, "own parent", 0, 1));
    console->flush(console);
    ck_assert_str_eq(written, TRACE_1 "1 span, 1 µs (incomplete)\n"
                                      "     0 µs       1 µs  own parent\n");
    console->flush(console);
    ck_assert_uint_eq(writes, 1);
}
END_TEST

START_TEST(deep_trees_end)
{
    struct oi_record *batch[200];
    for (uint8_t i = 0; i < 200; i++)
        batch[i] = span(1, (uint8_t)(i + 1), i, "x", i, 400u - i);
    console->export_spans(console, &resource, batch, 200);
    ck_assert_ptr_eq(strstr(written, TRACE_1 "200 spans, 400 µs\n"), written);
    size_t lines = 0;
    for (const char *c = written; *c; c++)
        lines += *c == '\n';
    ck_assert_uint_eq(lines, 201);
    ck_assert_ptr_nonnull(strstr(written, "   199 µs       2 µs  "));
}
END_TEST

START_TEST(a_forked_child_prints_nothing_of_its_parent)
{
    export(span(1, 2, 1, "parent's", 0, 1));
    console->forked(console);
    console->flush(console);
    ck_assert_uint_eq(writes, 0);
}
END_TEST

START_TEST(says_something_of_unknown_spans)
{
    struct oi_record *record = span(1, 1, 0, "job", 0, 1);
    add_string(record, "queue", "mail");
    add_int(record, "try", 3);
    struct oi_attribute *attribute = new_attribute(record, "dry");
    attribute->type = OI_VALUE_BOOL;
    attribute->boolean = true;
    add_string(record, "fourth", "not shown");
    export(record);
    ck_assert_str_eq(written, TRACE_1 "1 span, 1 µs\n"
                                      "     0 µs       1 µs  job  queue=mail  try=3  dry=true\n");
}
END_TEST

START_TEST(shows_arrays)
{
    static const struct oi_text texts[] = {OI_TEXT("1"), OI_TEXT("2"), OI_TEXT("3"), OI_TEXT("4"), OI_TEXT("5")};
    struct oi_record *record = span(1, 1, 0, "job", 0, 1);
    add_strings(record, "none", texts, 0);
    add_strings(record, "four", texts, 4);
    add_strings(record, "five", texts, 5);
    export(record);
    ck_assert_str_eq(written, TRACE_1 "1 span, 1 µs\n"
                                      "     0 µs       1 µs  job  none=  four=1, 2, 3, 4  five=…, 2, 3, 4, 5\n");
}
END_TEST

START_TEST(says_what_a_process_was_that_became_another)
{
    struct oi_record *record = span(1, 1, 0, "env", 0, 1);
    add_string(record, "process.executable.name", "env");
    add_string(record, "process.executable.path", "/usr/bin/env");
    add_int(record, "process.pid", 4711);
    export(record);
    ck_assert_str_eq(written, TRACE_1 "1 span, 1 µs\n"
                                      "     0 µs       1 µs  env  /usr/bin/env\n");
}
END_TEST

/* Names as they are in the cloud. */
START_TEST(shows_where_and_who_in_full)
{
    struct oi_attribute own = {.key = "service.name", .key_length = 12};
    own.string = "unknown_service:inventory-replication-controller-x86_64";
    own.length = (uint32_t)strlen(own.string);
    struct oi_resource of_own = {.attributes = &own, .count = 1};
    struct oi_record *record = span(1, 1, 0, "connect", 0, 1);
    add_string(record, "server.address", "orders-production.cluster-c9akciq32rx.eu-central-1.rds.amazonaws.com");
    add_string(record, "db.system.name", "mysql");
    console->export_spans(console, &of_own, &record, 1);
    ck_assert_str_eq(written, "otel-instrument: trace 01010101010101010101010101010101, "
                              "unknown_service:inventory-replication-controller-x86_64, 1 span, 1 µs\n"
                              "     0 µs       1 µs  connect  mysql "
                              "orders-production.cluster-c9akciq32rx.eu-central-1.rds.amazonaws.com\n");
}
END_TEST

static const struct {
    const char *in;
    size_t in_len;
    size_t max;
    const char *out;
} cleaned[] = {
    {"plain text", 10, 40, "plain text"},
    {"  a \n\t b  ", 10, 40, "a b"},
    {"\x1B[31mred\a\0x", 11, 40, "[31mred x"},
    {"caf\xC3\xA9", 5, 40, "caf\xC3\xA9"},
    {"\xC2\x9B"
     "31m",
     5, 40, "31m"},
    {"a\xFF\xFE"
     "b",
     4, 40,
     "a\xEF\xBF\xBD\xEF\xBF\xBD"
     "b"},
    {"12345", 5, 5, "12345"},
    {"123456", 6, 5, "12345…"},
    {"éééééé", 12, 5, "ééééé…"},
    {"1234 6", 6, 5, "1234…"},
    {"12345  ", 7, 5, "12345"},
    {"", 0, 5, ""},
};

START_TEST(cleans_text)
{
    struct oi_console_out out = {0};
    oi_console_clean(&out, oi_text_of(cleaned[_i].in, cleaned[_i].in_len), cleaned[_i].max);
    oi_console_put(&out, "", 1);
    ck_assert_str_eq(out.at, cleaned[_i].out);
    free(out.at);
}
END_TEST

static const struct {
    uint64_t ns;
    const char *out;
} times[] = {
    {0, "     0 µs"},
    {999, "     1 µs"},
    {1499, "     1 µs"},
    {999499, "   999 µs"},
    {999499, "   999 µs"},
    {999500, "  1.00 ms"},
    {1000000, "  1.00 ms"},
    {9994000, "  9.99 ms"},
    {9999999, "  10.0 ms"},
    {12345678, "  12.3 ms"},
    {123456789, "   123 ms"},
    {999999999, "   1.00 s"},
    {1500000000, "   1.50 s"},
    {12345678901, "   12.3 s"},
    {86400000000000, "86400.0 s"},
    {UINT64_MAX, "18446744073.7 s"},
};

START_TEST(writes_times)
{
    struct oi_console_out out = {0};
    oi_console_time(&out, times[_i].ns);
    oi_console_put(&out, "", 1);
    ck_assert_str_eq(out.at, times[_i].out);
    free(out.at);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, prints_a_tree_when_the_root_comes);
    tcase_add_test(tests, a_remote_parent_makes_a_local_root);
    tcase_add_test(tests, keeps_traces_apart);
    tcase_add_test(tests, prints_only_what_belongs_to_the_root);
    tcase_add_test(tests, prints_late_spans_at_once);
    tcase_add_test(tests, flush_prints_what_waits);
    tcase_add_test(tests, what_waits_is_bounded);
    tcase_add_test(tests, a_circle_of_parents_ends);
    tcase_add_test(tests, deep_trees_end);
    tcase_add_test(tests, a_forked_child_prints_nothing_of_its_parent);
    tcase_add_test(tests, says_something_of_unknown_spans);
    tcase_add_test(tests, shows_arrays);
    tcase_add_test(tests, says_what_a_process_was_that_became_another);
    tcase_add_test(tests, shows_where_and_who_in_full);
    tcase_add_loop_test(tests, cleans_text, 0, sizeof cleaned / sizeof *cleaned);
    tcase_add_loop_test(tests, writes_times, 0, sizeof times / sizeof *times);
    return run_suite("console", tests);
}
