#include "exporter/encode.h"

/* Field number and wire type, for numbers below 16 one byte. */
#define VARINT(field) ((uint8_t)((field) << 3))
#define FIXED64(field) ((uint8_t)((field) << 3 | 1))
#define DELIMITED(field) ((uint8_t)((field) << 3 | 2))

enum {
    FLAG_PARENT_KNOWN = 0x100, /* Span.flags: it is known whether the parent is remote */
    FLAG_PARENT_REMOTE = 0x200,
    FIXED_PART = 160, /* bytes of a span without its texts and attributes, rounded up */
    FRAME = 32,       /* tags and lengths around a text or a value */
};

/* ArrayValue: an AnyValue for each text, the last one first. False: no room. */
static bool put_strings(struct oi_writer *writer, struct oi_text packed)
{
    size_t end = oi_writer_len(writer);
    struct oi_text text;
    while (oi_strings_take_last(&packed, &text)) {
        if (!oi_writer_reserve(writer, text.len + FRAME))
            return false;
        size_t item_end = oi_writer_len(writer);
        oi_writer_text(writer, DELIMITED(1), text.at, text.len);
        if (!oi_writer_reserve(writer, FRAME))
            return false;
        oi_writer_close(writer, DELIMITED(1), item_end);
    }
    if (!oi_writer_reserve(writer, FRAME))
        return false;
    oi_writer_close(writer, DELIMITED(5), end);
    return true;
}

static bool put_value(struct oi_writer *writer, const struct oi_attribute *attribute)
{
    switch (attribute->type) {
    case OI_VALUE_STRING:
        oi_writer_text(writer, DELIMITED(1), attribute->string, attribute->length);
        break;
    case OI_VALUE_BOOL:
        oi_writer_byte(writer, attribute->boolean);
        oi_writer_byte(writer, VARINT(2));
        break;
    case OI_VALUE_INT:
        oi_writer_varint(writer, (uint64_t)attribute->integer);
        oi_writer_byte(writer, VARINT(3));
        break;
    case OI_VALUE_DOUBLE:
        oi_writer_bytes(writer, &attribute->real, sizeof attribute->real);
        oi_writer_byte(writer, FIXED64(4));
        break;
    case OI_VALUE_STRINGS:
        return put_strings(writer, oi_text_of(attribute->string, attribute->length));
    default:
        break;
    }
    return true;
}

/* In front of `at`, with its length and tag; `seen` gathers the bytes. */
static inline uint8_t *put_short_text(uint8_t *at, const char *text, size_t length, uint64_t *seen)
{
    at -= length;
    *seen |= oi_copy_seen(at, text, length);
    *--at = (uint8_t)length;
    *--at = DELIMITED(1);
    return at;
}

/* KeyValue of fewer than 128 bytes with a text or a number, as most are: all lengths are one byte, and it is written in
 * front of `to` without a step that the writer would have to know of. Returns where it begins; NULL: it is another, or
 * not ASCII. There are SHORT_ROOM bytes free. */
enum { SHORT = 127, SHORT_OVERHEAD = 6, SHORT_ROOM = 160 };
static inline __attribute__((always_inline)) uint8_t *put_short(uint8_t *to, uint8_t tag,
                                                                const struct oi_attribute *attribute)
{
    uint64_t seen = 0;
    size_t key = attribute->key_length;
    uint8_t *at = to;
    if (attribute->type == OI_VALUE_STRING && key + attribute->length <= SHORT - SHORT_OVERHEAD) {
        at = put_short_text(at, attribute->string, attribute->length, &seen);
    } else if (attribute->type == OI_VALUE_INT && key <= SHORT - SHORT_OVERHEAD - 10) {
        at = oi_varint_before(at, (uint64_t)attribute->integer);
        *--at = VARINT(3);
    } else {
        return NULL;
    }
    uint8_t length = (uint8_t)(to - at);
    *--at = length;
    *--at = DELIMITED(2);
    at = put_short_text(at, attribute->key, key, &seen);
    length = (uint8_t)(to - at);
    *--at = length;
    *--at = tag;
    return oi_seen_ascii(seen) && key > 0 ? at : NULL;
}

/* KeyValue, as field `tag` of what holds it. */
static __attribute__((noinline)) bool put_attribute(struct oi_writer *writer, uint8_t tag,
                                                    const struct oi_attribute *attribute)
{
    size_t length = attribute->type == OI_VALUE_STRING ? attribute->length : 0;
    if (!oi_writer_reserve(writer, length + attribute->key_length + 2 * FRAME))
        return false;
    size_t end = oi_writer_len(writer);
    if (!put_value(writer, attribute) || !oi_writer_reserve(writer, FRAME))
        return false;
    oi_writer_close(writer, DELIMITED(2), end);
    if (!oi_writer_reserve(writer, attribute->key_length + FRAME))
        return false; /* only where replacing invalid UTF-8 made the value longer */
    if (attribute->key_length > 0)
        oi_writer_text(writer, DELIMITED(1), attribute->key, attribute->key_length);
    oi_writer_close(writer, tag, end);
    return !writer->failed;
}

/* Of a span. */
static bool put_attributes(struct oi_writer *writer, const struct oi_attribute *attributes, size_t count)
{
    for (const struct oi_attribute *attribute = attributes + count; attribute-- > attributes;) {
        uint8_t *at = oi_writer_reserve(writer, SHORT_ROOM) ? put_short(writer->at, DELIMITED(9), attribute) : NULL;
        if (at)
            writer->at = at;
        else if (!put_attribute(writer, DELIMITED(9), attribute))
            return false;
    }
    return true;
}

static bool put_text(struct oi_writer *writer, uint8_t tag, struct oi_text text)
{
    if (text.len == 0)
        return true;
    if (!oi_writer_reserve(writer, text.len + FRAME))
        return false;
    oi_writer_text(writer, tag, text.at, text.len);
    return !writer->failed;
}

static bool put_status(struct oi_writer *writer, const struct oi_record *record)
{
    if (record->status == OI_STATUS_UNSET)
        return true;
    if (!oi_writer_reserve(writer, FRAME))
        return false;
    size_t end = oi_writer_len(writer);
    oi_writer_varint(writer, record->status);
    oi_writer_byte(writer, VARINT(3));
    if (record->status == OI_STATUS_ERROR && !put_text(writer, DELIMITED(2), record->status_message))
        return false;
    if (!oi_writer_reserve(writer, FRAME))
        return false;
    oi_writer_close(writer, DELIMITED(15), end);
    return true;
}

static inline uint8_t *put_id(uint8_t *at, uint8_t tag, const uint8_t *id, size_t size)
{
    at -= size;
    memcpy(at, id, size);
    *--at = (uint8_t)size;
    *--at = tag;
    return at;
}

static uint8_t *put_times(uint8_t *at, const struct oi_record *record)
{
    at = oi_fixed64_before(at, FIXED64(8), record->end_unix_ns);
    at = oi_fixed64_before(at, FIXED64(7), record->start_unix_ns);
    if (record->kind != 0) {
        *--at = record->kind;
        *--at = VARINT(6);
    }
    return at;
}

/* Span, fields from the last to the first. */
static bool put_span(struct oi_writer *writer, const struct oi_record *record)
{
    if (!oi_writer_reserve(writer, FIXED_PART))
        return false;
    size_t end = oi_writer_len(writer);
    uint32_t flags = record->flags | FLAG_PARENT_KNOWN | (record->parent_remote ? (uint32_t)FLAG_PARENT_REMOTE : 0);
    oi_writer_bytes(writer, &flags, sizeof flags);
    oi_writer_bytes(writer, "\x85\x01", 2); /* field 16, fixed32 */
    if (!put_status(writer, record) || !oi_writer_reserve(writer, FRAME))
        return false;
    if (record->dropped_attributes > 0) {
        oi_writer_varint(writer, record->dropped_attributes);
        oi_writer_byte(writer, VARINT(10));
    }
    size_t count = record->attribute_count, front = record->attribute_inline;
    if ((count > front && !put_attributes(writer, record->more, count - front)) ||
        !put_attributes(writer, record->attributes, count < front ? count : front))
        return false;
    if (!oi_writer_reserve(writer, FIXED_PART))
        return false;
    writer->at = put_times(writer->at, record);
    if (!put_text(writer, DELIMITED(5), record->name) || !oi_writer_reserve(writer, FIXED_PART))
        return false;
    if (record->has_parent)
        writer->at = put_id(writer->at, DELIMITED(4), record->parent_id, sizeof record->parent_id);
    if (record->tracestate.len > 0 &&
        (!put_text(writer, DELIMITED(3), record->tracestate) || !oi_writer_reserve(writer, FIXED_PART)))
        return false;
    uint8_t *at = put_id(writer->at, DELIMITED(2), record->span_id, sizeof record->span_id);
    writer->at = put_id(at, DELIMITED(1), record->trace_id, sizeof record->trace_id);
    oi_writer_close(writer, DELIMITED(2), end);
    return true;
}

/* The schema that the attributes of a scope's spans follow. Both sets at once: the newer one is named. */
static struct oi_text schema_of(const struct oi_scope *scope, const struct oi_config *config)
{
    static const struct oi_text old = {"https://opentelemetry.io/schemas/1.11.0", 39};
    static const struct oi_text http = {"https://opentelemetry.io/schemas/1.21.0", 39};
    static const struct oi_text database = {"https://opentelemetry.io/schemas/1.25.0", 39};
    switch (scope->area) {
    case OI_AREA_HTTP:
        return oi_config_semconv_http(config) == OI_SEMCONV_OLD ? old : http;
    case OI_AREA_DATABASE:
        return oi_config_semconv_database(config) == OI_SEMCONV_OLD ? old : database;
    default:
        return (struct oi_text){0};
    }
}

/* ScopeSpans of one scope: every span of it among the first `count` records. */
static bool put_scope_spans(struct oi_writer *writer, const struct oi_export_host *host, const struct oi_scope *scope,
                            struct oi_record *const *records, size_t count)
{
    size_t end = oi_writer_len(writer);
    if (scope && !put_text(writer, DELIMITED(3), schema_of(scope, host->config)))
        return false;
    for (size_t i = count; i-- > 0;)
        if (records[i]->scope == scope && !put_span(writer, records[i]))
            return false;
    if (scope) {
        size_t scope_end = oi_writer_len(writer);
        if (!put_text(writer, DELIMITED(2), oi_text_from(host->version)) ||
            !put_text(writer, DELIMITED(1), oi_text_from(scope->name)) || !oi_writer_reserve(writer, FRAME))
            return false;
        oi_writer_close(writer, DELIMITED(1), scope_end);
    }
    if (!oi_writer_reserve(writer, FRAME))
        return false;
    oi_writer_close(writer, DELIMITED(2), end);
    return true;
}

/* A scope is done with its last span. Neighbours mostly share a scope, so this looks at very few records. */
static bool scope_done(struct oi_record *const *records, size_t index, size_t count)
{
    for (size_t i = index + 1; i < count; i++)
        if (records[i]->scope == records[index]->scope)
            return true;
    return false;
}

static bool put_resource(struct oi_writer *writer, const struct oi_resource *resource)
{
    if (resource->count == 0)
        return true;
    size_t end = oi_writer_len(writer);
    for (size_t i = resource->count; i-- > 0;)
        if (!put_attribute(writer, DELIMITED(1), &resource->attributes[i]))
            return false;
    if (!oi_writer_reserve(writer, FRAME))
        return false;
    oi_writer_close(writer, DELIMITED(1), end);
    return true;
}

bool oi_encode_request(struct oi_writer *writer, const struct oi_export_host *host, const struct oi_resource *resource,
                       struct oi_record *const *records, size_t count)
{
    size_t end = oi_writer_len(writer);
    if (!put_text(writer, DELIMITED(3), oi_text_from(resource->schema_url)))
        return false;
    for (size_t i = count; i-- > 0;)
        if (!scope_done(records, i, count) && !put_scope_spans(writer, host, records[i]->scope, records, i + 1))
            return false;
    if (!put_resource(writer, resource) || !oi_writer_reserve(writer, FRAME))
        return false;
    oi_writer_close(writer, DELIMITED(1), end);
    return oi_writer_len(writer) - end <= writer->limit || (writer->failed = true, false);
}
