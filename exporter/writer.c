#include "exporter/writer.h"

#include <stdlib.h>

#include "exporter/utf8.h"

enum { FIRST_CAPACITY = 16 * 1024 };

void oi_writer_reset(struct oi_writer *writer, size_t limit)
{
    writer->at = writer->start ? writer->start + writer->capacity : NULL;
    writer->limit = limit;
    writer->failed = false;
}

static bool fail(struct oi_writer *writer)
{
    writer->failed = true;
    return false;
}

bool oi_writer_grow(struct oi_writer *writer, size_t bytes)
{
    size_t used = oi_writer_len(writer);
    if (writer->failed || bytes > writer->limit || used > writer->limit - bytes)
        return fail(writer);
    size_t capacity = writer->capacity ? writer->capacity : FIRST_CAPACITY;
    while (capacity - used < bytes)
        capacity *= 2;
    uint8_t *start = malloc(capacity);
    if (!start)
        return fail(writer);
    if (used > 0)
        memcpy(start + capacity - used, writer->at, used);
    free(writer->start);
    writer->start = start;
    writer->capacity = capacity;
    writer->at = start + capacity - used;
    return true;
}

void oi_writer_free(struct oi_writer *writer)
{
    free(writer->start);
    *writer = (struct oi_writer){0};
}

void oi_writer_trim(struct oi_writer *writer, size_t keep)
{
    if (writer->capacity > keep)
        oi_writer_free(writer);
}

void oi_writer_text_slow(struct oi_writer *writer, uint8_t tag, const char *at, size_t len)
{
    size_t clean = oi_utf8_clean_len(at, len);
    if (!oi_writer_reserve(writer, clean + 16))
        return;
    writer->at -= clean;
    oi_utf8_clean((char *)writer->at, at, len);
    oi_writer_varint(writer, clean);
    oi_writer_byte(writer, tag);
}
