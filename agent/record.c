/* Records: a fixed kilobyte each, attributes growing from the front and texts from the back, and larger pieces taken
 * from two bounded pools where that does not suffice. Worst case of all pools together: (queue + batch) KiB + 4 MiB + 2
 * MiB. */
#include "agent/span.h"

#include "agent/agent.h"
#include "agent/count.h"
#include "agent/pool.h"
#include "agent/record.h"
#include "agent/utf8.h"
#include "agent/worker.h"

enum {
    RECORD_SIZE = 1024,
    MEDIUM_SIZE = 4096,
    MEDIUM_COUNT = 1024,
    LARGE_SIZE = 65536,
    LARGE_COUNT = 32,
    LINE = 64,   /* of a processor's cache */
    FRONT = 384, /* as many bytes as most records use, from their start */
    BACK = 192,  /* and in front of their end */
};

struct oi_chunk {
    uint32_t pool_link;
    uint32_t used; /* bytes of `data` */
    uint32_t size; /* of `data` */
    struct oi_pool *pool;
    struct oi_chunk *next;
    char data[];
};

static struct oi_pool records, medium, large;
static uint32_t count_limit = 128, length_limit = UINT32_MAX;
static _Atomic uint32_t epoch;

bool oi_records_init(uint32_t count, uint32_t attributes, uint32_t characters)
{
    count_limit = attributes;
    length_limit = characters;
    oi_pool_declare(&medium, MEDIUM_SIZE, MEDIUM_COUNT);
    oi_pool_declare(&large, LARGE_SIZE, LARGE_COUNT);
    return oi_pool_init(&records, RECORD_SIZE, count);
}

void oi_records_map(void)
{
    oi_pool_map(&medium);
    oi_pool_map(&large);
}

void oi_records_epoch(uint32_t now)
{
    atomic_store(&epoch, now);
}

uint32_t oi_records_image(void)
{
    return atomic_load_explicit(&epoch, memory_order_relaxed);
}

/* Where header and facts or attributes stand, and where the texts. */
static inline void prefetch(const char *record, size_t front, size_t back)
{
    for (size_t at = 0; at < front; at += LINE)
        __builtin_prefetch(record + at, 1);
    for (size_t at = RECORD_SIZE - back; at < RECORD_SIZE; at += LINE)
        __builtin_prefetch(record + at, 1);
}

void oi_record_prefetch(void)
{
    const char *next = oi_pool_next(&records);
    if (next)
        prefetch(next, FRONT, BACK);
}

void oi_record_prefetch_facts(const struct oi_record *record)
{
    prefetch((const char *)record, FRONT, BACK);
}

struct oi_record *oi_record_take(void)
{
    struct oi_record *record = oi_pool_take(&records);
    if (!record)
        return NULL;
    memset(record, 0, sizeof *record);
    record->epoch = atomic_load_explicit(&epoch, memory_order_relaxed);
    record->text_top = (char *)record + RECORD_SIZE;
    return record;
}

void oi_record_free(struct oi_record *record)
{
    if (!record)
        return;
    for (struct oi_chunk *chunk = record->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        oi_pool_give(chunk->pool, chunk);
    }
    oi_pool_give(&records, record);
}

void oi_record_submit(struct oi_record *record)
{
    if (!record)
        return;
    if (record->epoch != atomic_load_explicit(&epoch, memory_order_relaxed)) {
        oi_record_free(record);
        return;
    }
    oi_count_made();
    if (!oi_worker_push(record))
        oi_record_free(record);
}

/* --- memory of a record ----------------------------------------------------------------------------------------------
 */

static size_t inline_room(const struct oi_record *record)
{
    const char *attributes_end = (const char *)&record->attributes[record->attribute_inline];
    return (size_t)(record->text_top - attributes_end);
}

static struct oi_chunk *chunk_take(struct oi_record *record, size_t wanted)
{
    struct oi_pool *first = wanted <= MEDIUM_SIZE - sizeof(struct oi_chunk) ? &medium : &large;
    struct oi_chunk *chunk = oi_pool_take(first);
    struct oi_pool *pool = first;
    if (!chunk) {
        pool = first == &medium ? &large : &medium;
        chunk = oi_pool_take(pool);
    }
    if (!chunk)
        return NULL;
    chunk->pool = pool;
    chunk->used = 0;
    chunk->size = (uint32_t)(pool->slot_size - sizeof *chunk);
    chunk->next = record->chunks;
    record->chunks = chunk;
    return chunk;
}

/* The chunk with the most suitable room for a text of `wanted` bytes, a new one if need be, NULL if inline is as good.
 */
static struct oi_chunk *chunk_for(struct oi_record *record, size_t wanted)
{
    for (struct oi_chunk *chunk = record->chunks; chunk; chunk = chunk->next) {
        if (chunk->size - chunk->used >= wanted)
            return chunk;
    }
    return chunk_take(record, wanted);
}

struct oi_buffer oi_record_text_begin(struct oi_record *record, size_t wanted)
{
    struct oi_buffer buffer = {0};
    if (!record)
        return buffer;
    size_t room = inline_room(record);
    size_t needed = wanted + 1; /* a NUL after it, for convenience */
    if (needed > room) {
        struct oi_chunk *chunk = chunk_for(record, needed);
        if (chunk && chunk->size - chunk->used > room) {
            room = chunk->size - chunk->used;
            buffer.at = chunk->data + chunk->used;
            buffer.size = (needed <= room ? needed : room) - 1;
            return buffer;
        }
        if (room == 0)
            return buffer;
        needed = room;
    }
    buffer.at = record->text_top - needed;
    buffer.size = needed - 1;
    return buffer;
}

/* How much of a text that was cut anywhere ends with a whole character. */
static size_t whole_characters(const char *at, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char first = (unsigned char)at[len - back];
        if (first >= 0xc0)
            return oi_utf8_sequence(at + len - back, back) == back ? len : len - back;
        if (first < 0x80)
            break;
    }
    return len;
}

struct oi_text oi_record_text_end(struct oi_record *record, struct oi_buffer *buffer)
{
    if (!record || !buffer->at)
        return (struct oi_text){NULL, 0};
    if (buffer->truncated)
        buffer->len = whole_characters(buffer->at, buffer->len);
    if (buffer->at >= (char *)record && buffer->at < (char *)record + RECORD_SIZE) {
        char *at = record->text_top - buffer->len - 1;
        if (at != buffer->at)
            memmove(at, buffer->at, buffer->len);
        record->text_top = at;
        buffer->at = at;
    } else {
        struct oi_chunk *chunk = record->chunks;
        while (chunk && !(buffer->at >= chunk->data && buffer->at < chunk->data + chunk->size))
            chunk = chunk->next;
        if (!chunk)
            return (struct oi_text){NULL, 0};
        chunk->used += (uint32_t)buffer->len + 1;
    }
    buffer->at[buffer->len] = '\0';
    return (struct oi_text){buffer->at, buffer->len};
}

/* Most texts are short: a call of memcpy would take longer than copying them. */
static inline void copy(char *to, const char *from, size_t len)
{
    if (len > 32 || len < 8) {
        if (len >= 8)
            memcpy(to, from, len);
        else
            for (size_t i = 0; i < len; i++)
                to[i] = from[i];
        return;
    }
    uint64_t first[2], last[2];
    if (len < 16) {
        memcpy(first, from, 8);
        memcpy(last, from + len - 8, 8);
        memcpy(to, first, 8);
        memcpy(to + len - 8, last, 8);
    } else {
        memcpy(first, from, 16);
        memcpy(last, from + len - 16, 16);
        memcpy(to, first, 16);
        memcpy(to + len - 16, last, 16);
    }
}

static __attribute__((noinline)) struct oi_text keep_elsewhere(struct oi_record *record, struct oi_text text)
{
    struct oi_buffer buffer = oi_record_text_begin(record, text.len);
    oi_buffer_put(&buffer, text.at, text.len);
    return oi_record_text_end(record, &buffer);
}

/* A copy of `text` in the record, cut at a UTF-8 boundary where there is not enough room. */
static inline struct oi_text keep(struct oi_record *record, struct oi_text text)
{
    if (text.len >= inline_room(record))
        return keep_elsewhere(record, text);
    char *at = record->text_top - text.len - 1;
    copy(at, text.at, text.len);
    at[text.len] = '\0';
    record->text_top = at;
    return (struct oi_text){at, text.len};
}

/* --- what is written later ---------------------------------------------------------------------------------------- */

void *oi_record_put_off(struct oi_record *record, void (*write)(struct oi_record *record), size_t size)
{
    _Static_assert(offsetof(struct oi_record, attributes) + OI_FACTS_MAX < RECORD_SIZE / 2, "texts need room, too");
    record->attribute_inline = (uint16_t)((size + sizeof *record->attributes - 1) / sizeof *record->attributes);
    record->write = write;
    return record->attributes;
}

void oi_record_facts(struct oi_record *record, void *facts, size_t size)
{
    memcpy(facts, record->attributes, size);
    record->attribute_inline = 0;
}

void oi_record_write(struct oi_record *record)
{
    void (*write)(struct oi_record *) = record->write;
    record->write = NULL;
    if (write)
        write(record);
}

/* --- setters ------------------------------------------------------------------------------------------------------ */

void oi_record_name_owned(struct oi_record *record, struct oi_text name)
{
    if (record)
        record->name = name;
}

void oi_record_name(struct oi_record *record, struct oi_text name)
{
    if (record && oi_text_present(name))
        record->name = keep(record, name);
}

void oi_record_error_owned(struct oi_record *record, struct oi_text message)
{
    oi_record_status(record, OI_STATUS_ERROR, (struct oi_text){NULL, 0});
    if (record && record->status == OI_STATUS_ERROR)
        record->status_message = message;
}

void oi_record_status(struct oi_record *record, enum oi_status status, struct oi_text message)
{
    if (!record || record->status == OI_STATUS_OK || status == OI_STATUS_UNSET)
        return;
    record->status = (uint8_t)status;
    if (status == OI_STATUS_ERROR && oi_text_present(message))
        record->status_message = keep(record, message);
    else
        record->status_message = (struct oi_text){NULL, 0};
}

/* Out of line, with what follows: their registers would be saved for every attribute. */
static __attribute__((noinline)) struct oi_attribute *find(struct oi_record *record, const char *key, size_t key_length)
{
    for (size_t i = 0; i < record->attribute_count; i++) {
        struct oi_attribute *attribute = (struct oi_attribute *)oi_record_attribute(record, i);
        if (attribute->key_length == key_length &&
            (attribute->key == key || memcmp(attribute->key, key, key_length) == 0))
            return attribute;
    }
    return NULL;
}

static size_t more_capacity(const struct oi_record *record)
{
    return record->more ? (MEDIUM_SIZE - sizeof(struct oi_chunk)) / sizeof(struct oi_attribute) : 0;
}

static __attribute__((noinline)) struct oi_attribute *append_more(struct oi_record *record)
{
    if (!record->more) {
        struct oi_chunk *chunk = chunk_take(record, MEDIUM_SIZE - sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->used = chunk->size;
        record->more = (struct oi_attribute *)(void *)chunk->data;
    }
    size_t used = (size_t)(record->attribute_count - record->attribute_inline);
    return used < more_capacity(record) ? &record->more[used] : NULL;
}

/* Where the short way below does not lead: the key may be there already, or the record's front is full. */
static __attribute__((noinline)) struct oi_attribute *attribute_slowly(struct oi_record *record, const char *key,
                                                                       size_t key_length, uint64_t bit)
{
    struct oi_attribute *attribute = record->keys_seen & bit ? find(record, key, key_length) : NULL;
    if (attribute)
        return attribute;
    record->keys_seen |= bit;
    if (record->attribute_count < count_limit) {
        bool fits = !record->more && inline_room(record) >= sizeof(struct oi_attribute);
        attribute = fits ? &record->attributes[record->attribute_inline++] : append_more(record);
    }
    if (!attribute) {
        record->dropped_attributes++;
        return NULL;
    }
    record->attribute_count++;
    attribute->key = key;
    attribute->key_length = (uint16_t)key_length;
    return attribute;
}

static inline __attribute__((always_inline)) struct oi_attribute *
attribute_for(struct oi_record *record, const char *key, size_t key_length, uint64_t bit)
{
    if (!record || key_length == 0)
        return NULL;
    struct oi_attribute *attribute = &record->attributes[record->attribute_inline];
    if ((record->keys_seen & bit) || record->more || record->attribute_count >= count_limit ||
        (char *)(attribute + 1) > record->text_top)
        return attribute_slowly(record, key, key_length, bit);
    record->keys_seen |= bit;
    record->attribute_inline++;
    record->attribute_count++;
    attribute->key = key;
    attribute->key_length = (uint16_t)key_length;
    return attribute;
}

void oi_record_add_str_owned(struct oi_record *record, const char *key, size_t key_length, uint64_t bit,
                             struct oi_text value)
{
    if (!record || !oi_text_present(value))
        return;
    struct oi_attribute *attribute = attribute_for(record, key, key_length, bit);
    if (!attribute)
        return;
    if (length_limit != UINT32_MAX)
        value.len = oi_utf8_cut_chars(value.at, value.len, length_limit);
    attribute->type = OI_VALUE_STRING;
    attribute->string = value.at;
    attribute->length = (uint32_t)value.len;
}

void oi_record_add_str(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, struct oi_text value)
{
    if (!record || !oi_text_present(value))
        return;
    struct oi_attribute *attribute = attribute_for(record, key, key_length, bit);
    if (!attribute)
        return;
    if (length_limit != UINT32_MAX)
        value.len = oi_utf8_cut_chars(value.at, value.len, length_limit);
    struct oi_text kept = keep(record, value);
    attribute->type = OI_VALUE_STRING;
    attribute->string = kept.at ? kept.at : "";
    attribute->length = (uint32_t)kept.len;
}

void oi_record_strings_add(struct oi_buffer *buffer, struct oi_text value)
{
    size_t room = buffer->size - buffer->len;
    if (room < OI_STRINGS_EACH)
        return;
    room -= OI_STRINGS_EACH;
    if (length_limit != UINT32_MAX)
        value.len = oi_utf8_cut_chars(value.at, value.len, length_limit);
    if (value.len > room)
        value.len = whole_characters(value.at, room);
    uint32_t length = (uint32_t)value.len;
    oi_buffer_put(buffer, value.at, value.len);
    oi_buffer_put(buffer, (const char *)&length, sizeof length);
}

void oi_record_put_strings_owned(struct oi_record *record, const char *key, size_t key_length, struct oi_text packed)
{
    struct oi_attribute *attribute =
        oi_text_present(packed) ? attribute_for(record, key, key_length, oi_key_bit(key, key_length)) : NULL;
    if (!attribute)
        return;
    attribute->type = OI_VALUE_STRINGS;
    attribute->string = packed.at;
    attribute->length = (uint32_t)packed.len;
}

void oi_record_add_int(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, int64_t value)
{
    struct oi_attribute *attribute = attribute_for(record, key, key_length, bit);
    if (attribute) {
        attribute->type = OI_VALUE_INT;
        attribute->integer = value;
    }
}

void oi_record_add_double(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, double value)
{
    struct oi_attribute *attribute = attribute_for(record, key, key_length, bit);
    if (attribute) {
        attribute->type = OI_VALUE_DOUBLE;
        attribute->real = value;
    }
}

void oi_record_add_bool(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, bool value)
{
    struct oi_attribute *attribute = attribute_for(record, key, key_length, bit);
    if (attribute) {
        attribute->type = OI_VALUE_BOOL;
        attribute->boolean = value;
    }
}

/* --- fronts ------------------------------------------------------------------------------------------------------- */

void oi_record_front_take(struct oi_record_front *front, const struct oi_record *record)
{
    const char *end = (const char *)record + RECORD_SIZE;
    size_t text_size = (size_t)(end - record->text_top);
    front->count = 0;
    if (record->dropped_attributes > 0 || record->chunks || record->attribute_count != record->attribute_inline ||
        record->attribute_count > sizeof front->attributes / sizeof *front->attributes ||
        text_size > sizeof front->text)
        return;
    memcpy(front->attributes, record->attributes, record->attribute_count * sizeof *front->attributes);
    memcpy(front->text, record->text_top, text_size);
    front->text_size = (uint16_t)text_size;
    front->keys_seen = record->keys_seen;
    front->base = (const char *)record;
    front->count = record->attribute_count;
}

/* Texts lie at the same distance from the start of every record. */
void oi_record_front_put(const struct oi_record_front *front, struct oi_record *record)
{
    record->text_top -= front->text_size;
    memcpy(record->text_top, front->text, front->text_size);
    for (size_t i = 0; i < front->count; i++) {
        struct oi_attribute *attribute = &record->attributes[i];
        *attribute = front->attributes[i];
        if (attribute->type == OI_VALUE_STRING || attribute->type == OI_VALUE_STRINGS)
            attribute->string = (const char *)record + (attribute->string - front->base);
    }
    record->attribute_count = record->attribute_inline = front->count;
    record->keys_seen = front->keys_seen;
}
