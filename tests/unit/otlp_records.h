/* Records made by hand, and a host that only remembers: what the exporter's unit tests stand on. */
#ifndef OI_TESTS_OTLP_RECORDS_H
#define OI_TESTS_OTLP_RECORDS_H

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/export.h"

enum { ATTRIBUTES_INLINE = 4, ATTRIBUTES_MAX = 24 };

/* Memory, zeroed, for the length of a test. */
static struct kept {
    struct kept *next;
    max_align_t at[];
} * kept;

static inline void *keep(size_t size)
{
    struct kept *piece = calloc(1, sizeof *piece + size);
    ck_assert_ptr_nonnull(piece);
    piece->next = kept;
    kept = piece;
    return piece->at;
}

static inline void let_go(void)
{
    for (struct kept *next; kept; kept = next) {
        next = kept->next;
        free(kept);
    }
}

/* A record with room for ATTRIBUTES_MAX attributes, the later ones not inline. */
static inline struct oi_record *new_record(const struct oi_scope *scope, struct oi_text name)
{
    struct oi_record *record = keep(sizeof *record + ATTRIBUTES_INLINE * sizeof(struct oi_attribute));
    record->more = keep(ATTRIBUTES_MAX * sizeof *record->more);
    record->attribute_inline = ATTRIBUTES_INLINE;
    record->scope = scope;
    record->name = name;
    record->kind = OI_KIND_CLIENT;
    return record;
}

static inline struct oi_attribute *new_attribute(struct oi_record *record, const char *key)
{
    struct oi_attribute *attribute =
        (struct oi_attribute *)(uintptr_t)oi_record_attribute(record, record->attribute_count++);
    ck_assert_uint_le(record->attribute_count, ATTRIBUTES_INLINE + ATTRIBUTES_MAX);
    attribute->key = key;
    attribute->key_length = (uint16_t)strlen(key);
    return attribute;
}

static inline void add_text(struct oi_record *record, const char *key, struct oi_text value)
{
    struct oi_attribute *attribute = new_attribute(record, key);
    attribute->type = OI_VALUE_STRING;
    attribute->string = value.at;
    attribute->length = (uint32_t)value.len;
}

static inline void add_string(struct oi_record *record, const char *key, const char *value)
{
    add_text(record, key, oi_text_from(value));
}

/* As a record packs them. */
static inline struct oi_text pack_strings(const struct oi_text *texts, size_t count)
{
    size_t size = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        size += texts[i].len + OI_STRINGS_EACH;
    char *packed = keep(size + 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t length = (uint32_t)texts[i].len;
        memcpy(packed + used, texts[i].at, texts[i].len);
        memcpy(packed + used + texts[i].len, &length, sizeof length);
        used += texts[i].len + sizeof length;
    }
    return oi_text_of(packed, size);
}

static inline void add_strings(struct oi_record *record, const char *key, const struct oi_text *texts, size_t count)
{
    add_text(record, key, pack_strings(texts, count));
    struct oi_attribute *attribute =
        (struct oi_attribute *)(uintptr_t)oi_record_attribute(record, record->attribute_count - 1u);
    attribute->type = OI_VALUE_STRINGS;
}

static inline void add_int(struct oi_record *record, const char *key, int64_t value)
{
    struct oi_attribute *attribute = new_attribute(record, key);
    attribute->type = OI_VALUE_INT;
    attribute->integer = value;
}

#endif
