/* The hand-written encoder against protobuf-c: the same bytes for the same data, whatever the data. */
#include "exporter/encode.h"

#include <inttypes.h>
#include <time.h>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"
#include "tests/unit/otlp_records.h"
#include "tests/unit/run.h"

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest request_t;
typedef Opentelemetry__Proto__Trace__V1__ResourceSpans resource_spans_t;
typedef Opentelemetry__Proto__Trace__V1__ScopeSpans scope_spans_t;
typedef Opentelemetry__Proto__Trace__V1__Span span_t;
typedef Opentelemetry__Proto__Trace__V1__Status status_t;
typedef Opentelemetry__Proto__Resource__V1__Resource resource_t;
typedef Opentelemetry__Proto__Common__V1__InstrumentationScope scope_t;
typedef Opentelemetry__Proto__Common__V1__KeyValue pair_t;
typedef Opentelemetry__Proto__Common__V1__AnyValue value_t;
typedef Opentelemetry__Proto__Common__V1__ArrayValue array_t;
#define REQUEST(what) opentelemetry__proto__collector__trace__v1__export_trace_service_request__##what
#define INIT(kind) OPENTELEMETRY__PROTO__##kind##__INIT

enum { LIMIT = 64 * 1024 * 1024 };

static const struct oi_scope other_scope = {"otel-instrument.process", OI_AREA_OTHER};
static const struct oi_scope http_scope = {"otel-instrument.libcurl", OI_AREA_HTTP};
static const struct oi_scope database_scope = {"otel-instrument.hiredis", OI_AREA_DATABASE};
static const struct oi_scope *const scopes[] = {&other_scope, &http_scope, &database_scope};

static struct oi_config config;
static const struct oi_export_host host = {.abi = OI_EXPORT_ABI, .config = &config, .version = "1.2.3"};
static struct oi_writer writer;
static request_t *decoded;

static request_t *decode(const struct oi_resource *resource, struct oi_record *const *records, size_t count)
{
    oi_writer_reset(&writer, LIMIT);
    ck_assert(oi_encode_request(&writer, &host, resource, records, count));
    decoded = REQUEST(unpack)(NULL, oi_writer_len(&writer), writer.at);
    ck_assert_ptr_nonnull(decoded);
    return decoded;
}

static void free_decoded(void)
{
    REQUEST(free_unpacked)(decoded, NULL);
}

static request_t *decode_one(struct oi_record *record)
{
    static const struct oi_resource none;
    return decode(&none, &record, 1);
}

static span_t *only_span(request_t *request)
{
    ck_assert_uint_eq(request->n_resource_spans, 1);
    ck_assert_uint_eq(request->resource_spans[0]->n_scope_spans, 1);
    ck_assert_uint_eq(request->resource_spans[0]->scope_spans[0]->n_spans, 1);
    return request->resource_spans[0]->scope_spans[0]->spans[0];
}

/* --- the same through protobuf-c ---------------------------------------------------------------------------------- */

#define NEW(type, init)                                                                                                \
    ({                                                                                                                 \
        type *made_ = keep(sizeof *made_);                                                                             \
        *made_ = (type)init;                                                                                           \
        made_;                                                                                                         \
    })

/* Taken apart from the end, as they can only be. */
static array_t *build_array(struct oi_text packed)
{
    array_t *array = NEW(array_t, INIT(COMMON__V1__ARRAY_VALUE));
    struct oi_text rest = packed, text;
    while (oi_strings_take_last(&rest, &text))
        array->n_values++;
    array->values = keep(array->n_values * sizeof *array->values + 1);
    for (size_t i = array->n_values; i-- > 0;) {
        ck_assert(oi_strings_take_last(&packed, &text));
        char *copy = keep(text.len + 1);
        memcpy(copy, text.at, text.len);
        array->values[i] = NEW(value_t, INIT(COMMON__V1__ANY_VALUE));
        array->values[i]->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
        array->values[i]->string_value = copy;
    }
    return array;
}

static pair_t *build_pair(const struct oi_attribute *from)
{
    pair_t *pair = NEW(pair_t, INIT(COMMON__V1__KEY_VALUE));
    value_t *value = NEW(value_t, INIT(COMMON__V1__ANY_VALUE));
    pair->key = (char *)(uintptr_t)from->key;
    pair->value = value;
    switch (from->type) {
    case OI_VALUE_STRING:
        value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
        value->string_value = (char *)(uintptr_t)from->string;
        break;
    case OI_VALUE_INT:
        value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
        value->int_value = from->integer;
        break;
    case OI_VALUE_DOUBLE:
        value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE;
        value->double_value = from->real;
        break;
    case OI_VALUE_STRINGS:
        value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_ARRAY_VALUE;
        value->array_value = build_array(oi_text_of(from->string, from->length));
        break;
    default:
        value->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE;
        value->bool_value = from->boolean;
    }
    return pair;
}

static span_t *build_span(const struct oi_record *from)
{
    span_t *span = NEW(span_t, INIT(TRACE__V1__SPAN));
    span->trace_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)from->trace_id};
    span->span_id = (ProtobufCBinaryData){8, (uint8_t *)(uintptr_t)from->span_id};
    if (from->has_parent)
        span->parent_span_id = (ProtobufCBinaryData){8, (uint8_t *)(uintptr_t)from->parent_id};
    if (from->tracestate.len)
        span->trace_state = (char *)(uintptr_t)from->tracestate.at;
    if (from->name.len)
        span->name = (char *)(uintptr_t)from->name.at;
    span->kind = from->kind;
    span->start_time_unix_nano = from->start_unix_ns;
    span->end_time_unix_nano = from->end_unix_ns;
    span->dropped_attributes_count = from->dropped_attributes;
    span->flags = from->flags | 0x100u | (from->parent_remote ? 0x200u : 0);
    span->n_attributes = from->attribute_count;
    span->attributes = keep(from->attribute_count * sizeof *span->attributes);
    for (size_t i = 0; i < from->attribute_count; i++)
        span->attributes[i] = build_pair(oi_record_attribute(from, i));
    if (from->status != OI_STATUS_UNSET) {
        span->status = NEW(status_t, INIT(TRACE__V1__STATUS));
        span->status->code = from->status;
        if (from->status == OI_STATUS_ERROR && from->status_message.len)
            span->status->message = (char *)(uintptr_t)from->status_message.at;
    }
    return span;
}

static scope_spans_t *build_scope_spans(const struct oi_scope *from, struct oi_record *const *records, size_t count)
{
    static char *schemas[] = {NULL, "https://opentelemetry.io/schemas/1.11.0",
                              "https://opentelemetry.io/schemas/1.11.0"};
    scope_spans_t *scope_spans = NEW(scope_spans_t, INIT(TRACE__V1__SCOPE_SPANS));
    scope_spans->scope = NEW(scope_t, INIT(COMMON__V1__INSTRUMENTATION_SCOPE));
    scope_spans->scope->name = (char *)(uintptr_t)from->name;
    scope_spans->scope->version = "1.2.3";
    if (schemas[from->area])
        scope_spans->schema_url = schemas[from->area];
    scope_spans->spans = keep(count * sizeof *scope_spans->spans);
    for (size_t i = 0; i < count; i++)
        if (records[i]->scope == from)
            scope_spans->spans[scope_spans->n_spans++] = build_span(records[i]);
    return scope_spans;
}

/* Scopes in the order of their last spans, as the encoder writes them. */
static request_t *build(const struct oi_resource *resource, struct oi_record *const *records, size_t count)
{
    request_t *request = NEW(request_t, INIT(COLLECTOR__TRACE__V1__EXPORT_TRACE_SERVICE_REQUEST));
    resource_spans_t *all = NEW(resource_spans_t, INIT(TRACE__V1__RESOURCE_SPANS));
    request->n_resource_spans = 1;
    request->resource_spans = keep(sizeof *request->resource_spans);
    request->resource_spans[0] = all;
    if (resource->schema_url)
        all->schema_url = (char *)(uintptr_t)resource->schema_url;
    if (resource->count) {
        all->resource = NEW(resource_t, INIT(RESOURCE__V1__RESOURCE));
        all->resource->n_attributes = resource->count;
        all->resource->attributes = keep(resource->count * sizeof *all->resource->attributes);
        for (size_t i = 0; i < resource->count; i++)
            all->resource->attributes[i] = build_pair(&resource->attributes[i]);
    }
    all->scope_spans = keep(3 * sizeof *all->scope_spans);
    for (size_t i = 0; i < count; i++) {
        bool last = true;
        for (size_t j = i + 1; j < count; j++)
            last = last && records[j]->scope != records[i]->scope;
        if (last)
            all->scope_spans[all->n_scope_spans++] = build_scope_spans(records[i]->scope, records, count);
    }
    return request;
}

/* --- random records ----------------------------------------------------------------------------------------------- */

static uint64_t state;

static uint64_t random_below(uint64_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % bound;
}

/* Valid UTF-8 without NULs (protobuf-c's strings end there), mostly short, sometimes past every varint boundary. */
static struct oi_text random_text(void)
{
    static const char *const characters[] = {"a", "Z", " ", "\x7F", "é", "ß", "€", "漢", "\U0001F600", "\x01"};
    static const size_t sizes[] = {0, 1, 7, 8, 9, 20, 63, 127, 128, 200, 20000};
    size_t most = random_below(40) ? sizes[random_below(9)] : sizes[random_below(11)];
    bool ascii = random_below(3) > 0;
    char *text = keep(most * 4 + 1);
    size_t len = 0;
    for (size_t i = 0; i < most; i++) {
        const char *next = characters[random_below(ascii ? 4 : 10)];
        memcpy(text + len, next, strlen(next));
        len += strlen(next);
    }
    return oi_text_of(text, len);
}

static int64_t random_integer(void)
{
    return (int64_t)(random_below(UINT64_MAX) >> random_below(64)) * (random_below(2) ? 1 : -1);
}

static void random_attribute(struct oi_attribute *attribute)
{
    struct oi_text key = random_text(), value = random_text();
    *attribute =
        (struct oi_attribute){.key = key.at, .key_length = (uint16_t)key.len, .type = (uint8_t)random_below(5)};
    if (attribute->type == OI_VALUE_STRING) {
        attribute->string = value.at;
        attribute->length = (uint32_t)value.len;
    } else if (attribute->type == OI_VALUE_DOUBLE) {
        attribute->real = (double)random_integer() / 3;
    } else if (attribute->type == OI_VALUE_INT) {
        attribute->integer = random_integer();
    } else if (attribute->type == OI_VALUE_STRINGS) {
        struct oi_text texts[6];
        size_t count = random_below(7);
        for (size_t i = 0; i < count; i++)
            texts[i] = random_text();
        struct oi_text packed = pack_strings(texts, count);
        attribute->string = packed.at;
        attribute->length = (uint32_t)packed.len;
    } else {
        attribute->boolean = random_below(2);
    }
}

static struct oi_record *random_record(void)
{
    struct oi_record *record = new_record(scopes[random_below(3)], random_text());
    for (size_t i = 0; i < 16; i++)
        record->trace_id[i] = (uint8_t)random_below(256);
    for (size_t i = 0; i < 8; i++) {
        record->span_id[i] = (uint8_t)random_below(256);
        record->parent_id[i] = (uint8_t)random_below(256);
    }
    record->has_parent = random_below(2);
    record->parent_remote = random_below(2);
    record->flags = (uint8_t)random_below(256);
    record->kind = (uint8_t)random_below(6);
    record->status = (uint8_t)random_below(3);
    record->status_message = random_text();
    record->tracestate = random_below(2) ? random_text() : (struct oi_text){0};
    record->start_unix_ns = random_below(UINT64_MAX);
    record->end_unix_ns = random_below(2) ? random_below(UINT64_MAX) : 0;
    record->dropped_attributes = random_below(3) ? 0 : (uint32_t)random_below(UINT32_MAX);
    for (size_t count = random_below(ATTRIBUTES_MAX); count > 0; count--)
        random_attribute(new_attribute(record, ""));
    return record;
}

static void assert_equals_protobuf_c(const struct oi_resource *resource, struct oi_record *const *records, size_t count)
{
    request_t *expected = build(resource, records, count);
    size_t size = REQUEST(get_packed_size)(expected);
    uint8_t *packed = keep(size);
    REQUEST(pack)(expected, packed);
    oi_writer_reset(&writer, LIMIT);
    ck_assert(oi_encode_request(&writer, &host, resource, records, count));
    ck_assert_uint_eq(oi_writer_len(&writer), size);
    ck_assert(memcmp(writer.at, packed, size) == 0);
    let_go();
}

/* All of whose lengths are one byte each, and those just above. */
START_TEST(short_attributes_of_every_length)
{
    enum { MOST = 132 };
    static const struct oi_resource none;
    char text[MOST + 1], key[MOST + 1];
    memset(text, 'v', MOST);
    memset(key, 'k', MOST);
    text[MOST] = key[MOST] = 0;
    for (size_t key_length = 1; key_length <= MOST; key_length++) {
        for (size_t length = 0; length <= MOST;) {
            struct oi_record *record = new_record(&http_scope, OI_TEXT("name"));
            for (int i = 0; i < ATTRIBUTES_MAX && length <= MOST; i++, length++) {
                struct oi_attribute *attribute = new_attribute(record, key + MOST - key_length);
                attribute->type = length % 3 == 2 ? OI_VALUE_INT : OI_VALUE_STRING;
                if (attribute->type == OI_VALUE_INT) {
                    attribute->integer = (int64_t)(UINT64_MAX >> (length % 64));
                } else {
                    attribute->string = text + MOST - length;
                    attribute->length = (uint32_t)length;
                }
            }
            assert_equals_protobuf_c(&none, &record, 1);
        }
    }
}
END_TEST

START_TEST(equals_protobuf_c)
{
    state = (uint64_t)time(NULL) * 0x9E3779B97F4A7C15u | 1;
    printf("seed %" PRIu64 "\n", state);
    for (int round = 0; round < 200; round++) {
        struct oi_attribute of_resource[5];
        struct oi_record *records[20];
        struct oi_resource resource = {.attributes = of_resource, .count = random_below(6)};
        size_t count = 1 + random_below(20);
        for (size_t i = 0; i < resource.count; i++)
            random_attribute(&of_resource[i]);
        resource.schema_url = random_below(2) ? "https://opentelemetry.io/schemas/1.44.0" : NULL;
        for (size_t i = 0; i < count; i++)
            records[i] = random_record();
        assert_equals_protobuf_c(&resource, records, count);
    }
}
END_TEST

/* --- what protobuf-c cannot be asked ------------------------------------------------------------------------------ */

static const struct {
    const char *in;
    size_t in_len;
    const char *out;
} texts[] = {
    {"plain", 5, "plain"},
    {"h\xC3\xA9", 3, "h\xC3\xA9"},
    {"\xFF", 1, "\xEF\xBF\xBD"},
    {"a\xC3", 2, "a\xEF\xBF\xBD"},
    {"\xC3(", 2, "\xEF\xBF\xBD("},
    {"\xE2\x82", 2, "\xEF\xBF\xBD"},
    {"\xE2\x82z", 3, "\xEF\xBF\xBDz"},
    {"\xF0\x9F\x98", 3, "\xEF\xBF\xBD"},
    {"\xC0\x80", 2, "\xEF\xBF\xBD"},
    {"\xED\xA0\x80", 3, "\xEF\xBF\xBD"},
    {"\x80\x80\x80\x80", 4, "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"caf\xE9 \xFC"
     "ber",
     9,
     "caf\xEF\xBF\xBD \xEF\xBF\xBD"
     "ber"},
    {"\xFEtwenty ASCII letters", 21, "\xEF\xBF\xBDtwenty ASCII letters"},
    {"twenty ASC\xFFII letters", 21, "twenty ASC\xEF\xBF\xBDII letters"},
    {"twenty ASCII letters\xFE", 21, "twenty ASCII letters\xEF\xBF\xBD"},
};

START_TEST(replaces_invalid_utf8)
{
    struct oi_text bad = oi_text_of(texts[_i].in, texts[_i].in_len);
    struct oi_record *record = new_record(&http_scope, bad);
    record->tracestate = bad;
    record->status = OI_STATUS_ERROR;
    record->status_message = bad;
    add_text(record, "key", bad);
    struct oi_attribute *attribute = new_attribute(record, "");
    attribute->key = bad.at;
    attribute->key_length = (uint16_t)bad.len;
    attribute->type = OI_VALUE_BOOL;
    add_strings(record, "list", (struct oi_text[]){bad, OI_TEXT("good"), bad}, 3);
    span_t *span = only_span(decode_one(record));
    ck_assert_str_eq(span->name, texts[_i].out);
    ck_assert_str_eq(span->trace_state, texts[_i].out);
    ck_assert_str_eq(span->status->message, texts[_i].out);
    ck_assert_str_eq(span->attributes[0]->value->string_value, texts[_i].out);
    ck_assert_str_eq(span->attributes[1]->key, texts[_i].out);
    const array_t *list = span->attributes[2]->value->array_value;
    ck_assert_uint_eq(list->n_values, 3);
    ck_assert_str_eq(list->values[0]->string_value, texts[_i].out);
    ck_assert_str_eq(list->values[1]->string_value, "good");
    ck_assert_str_eq(list->values[2]->string_value, texts[_i].out);
}
END_TEST

START_TEST(replaces_much_invalid_utf8)
{
    static char bad[100000];
    memset(bad, 0xFF, sizeof bad);
    struct oi_record *record = new_record(&http_scope, OI_TEXT("n"));
    add_text(record, "key", oi_text_of(bad, sizeof bad));
    add_strings(record, "list", (struct oi_text[]){oi_text_of(bad, sizeof bad), oi_text_of(bad, sizeof bad)}, 2);
    oi_writer_free(&writer);
    span_t *span = only_span(decode_one(record));
    ck_assert_uint_eq(strlen(span->attributes[0]->value->string_value), 3 * sizeof bad);
    const array_t *list = span->attributes[1]->value->array_value;
    ck_assert_uint_eq(list->n_values, 2);
    ck_assert_uint_eq(strlen(list->values[0]->string_value), 3 * sizeof bad);
    ck_assert_uint_eq(strlen(list->values[1]->string_value), 3 * sizeof bad);
}
END_TEST

START_TEST(keeps_nul_bytes)
{
    struct oi_record *record = new_record(&http_scope, OI_TEXT("a\0b"));
    add_text(record, "key", OI_TEXT("\0value\0"));
    decode_one(record);
    ck_assert_ptr_nonnull(memmem(writer.at, oi_writer_len(&writer),
                                 "\x2A\x03"
                                 "a\0b",
                                 5));
    ck_assert_ptr_nonnull(memmem(writer.at, oi_writer_len(&writer), "\x0A\x07\0value\0", 9));
}
END_TEST

START_TEST(leaves_out_what_is_empty)
{
    struct oi_record *record = new_record(&other_scope, OI_TEXT(""));
    request_t *request = decode_one(record);
    span_t *span = only_span(request);
    ck_assert_ptr_null(request->resource_spans[0]->resource);
    ck_assert_str_eq(request->resource_spans[0]->schema_url, "");
    ck_assert_str_eq(request->resource_spans[0]->scope_spans[0]->schema_url, "");
    ck_assert_ptr_null(span->status);
    ck_assert_uint_eq(span->parent_span_id.len, 0);
    ck_assert_uint_eq(span->flags, 0x100);
    /* ids 18 + 10, kind 2, flags 6 */
    ck_assert_uint_eq(opentelemetry__proto__trace__v1__span__get_packed_size(span), 36);
}
END_TEST

static const struct {
    const char *opt_in, *http, *database;
} schemas[] = {
    {NULL, "1.11.0", "1.11.0"},       {"http", "1.21.0", "1.11.0"},         {"http/dup", "1.21.0", "1.11.0"},
    {"database", "1.11.0", "1.25.0"}, {"database/dup", "1.11.0", "1.25.0"}, {"http,database", "1.21.0", "1.25.0"},
};

START_TEST(names_the_schema_of_each_scope)
{
    static const struct oi_resource none;
    char http[64], database[64];
    config.semconv_opt_in = schemas[_i].opt_in;
    struct oi_record *records[] = {new_record(&other_scope, OI_TEXT("o")), new_record(&database_scope, OI_TEXT("d")),
                                   new_record(&http_scope, OI_TEXT("h")), new_record(&database_scope, OI_TEXT("e"))};
    resource_spans_t *all = decode(&none, records, 4)->resource_spans[0];
    snprintf(http, sizeof http, "https://opentelemetry.io/schemas/%s", schemas[_i].http);
    snprintf(database, sizeof database, "https://opentelemetry.io/schemas/%s", schemas[_i].database);
    ck_assert_uint_eq(all->n_scope_spans, 3);
    ck_assert_str_eq(all->scope_spans[0]->scope->name, "otel-instrument.process");
    ck_assert_str_eq(all->scope_spans[0]->scope->version, "1.2.3");
    ck_assert_str_eq(all->scope_spans[0]->schema_url, "");
    ck_assert_str_eq(all->scope_spans[1]->schema_url, http);
    ck_assert_str_eq(all->scope_spans[2]->schema_url, database);
    ck_assert_uint_eq(all->scope_spans[2]->n_spans, 2);
    ck_assert_str_eq(all->scope_spans[2]->spans[0]->name, "d");
    ck_assert_str_eq(all->scope_spans[2]->spans[1]->name, "e");
}
END_TEST

START_TEST(stops_at_the_limit)
{
    static const struct oi_resource none;
    static char text[3000];
    memset(text, 'x', sizeof text);
    struct oi_record *records[8];
    for (size_t i = 0; i < 8; i++) {
        records[i] = new_record(&http_scope, OI_TEXT("n"));
        add_text(records[i], "key", oi_text_of(text, sizeof text));
    }
    for (size_t limit = 0; limit < 8 * 3200; limit += 7) {
        oi_writer_free(&writer);
        oi_writer_reset(&writer, limit);
        bool fits = oi_encode_request(&writer, &host, &none, records, 8);
        ck_assert(!fits || oi_writer_len(&writer) <= limit);
        ck_assert(fits || limit < 8 * 3100);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, NULL, free_decoded);
    tcase_add_test(tests, equals_protobuf_c);
    tcase_add_test(tests, short_attributes_of_every_length);
    tcase_add_loop_test(tests, replaces_invalid_utf8, 0, sizeof texts / sizeof *texts);
    tcase_add_test(tests, replaces_much_invalid_utf8);
    tcase_add_test(tests, keeps_nul_bytes);
    tcase_add_test(tests, leaves_out_what_is_empty);
    tcase_add_loop_test(tests, names_the_schema_of_each_scope, 0, sizeof schemas / sizeof *schemas);
    tcase_add_test(tests, stops_at_the_limit);
    return run_suite("otlp_encode", tests);
}
