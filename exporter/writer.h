/* A buffer that protobuf messages are written into from back to front.
 *
 * A protobuf message is preceded by its length. Written backwards, the length is known when its turn comes: one pass,
 * no sizes computed beforehand, shortest varints. Packing 512 spans of ten attributes this way takes a quarter of the
 * time of protobuf-c's two passes over a tree of structures, and text may hold NULs.
 *
 * Encoding: protobuf.dev/programming-guides/encoding. Not for use by two threads at once.
 */
#ifndef OI_EXPORTER_WRITER_H
#define OI_EXPORTER_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct oi_writer {
    uint8_t *start;
    size_t capacity;
    uint8_t *at;  /* the first byte written last; everything from here to the end is the message */
    size_t limit; /* the message may not become longer, in bytes */
    bool failed;  /* too long, or no memory: what has been written is void */
};

/* Empties the buffer for a message of at most `limit` bytes. Memory is kept for the next one. */
void oi_writer_reset(struct oi_writer *writer, size_t limit);

/* Makes room for `bytes` more. False (and `failed`): over the limit or no memory. */
bool oi_writer_grow(struct oi_writer *writer, size_t bytes);

/* Gives memory over `keep` bytes back. Empties the buffer if it does. */
void oi_writer_trim(struct oi_writer *writer, size_t keep);

void oi_writer_free(struct oi_writer *writer);

/* Puts a text field in front: length-delimited, invalid UTF-8 sequences replaced by U+FFFD. `tag` is the encoded field
 * number and type (below 0x80). Makes its own room for replacements; the caller has made room for `len` + 16 bytes. */
void oi_writer_text_slow(struct oi_writer *writer, uint8_t tag, const char *at, size_t len);

static inline size_t oi_writer_len(const struct oi_writer *writer)
{
    return writer->capacity - (size_t)(writer->at - writer->start);
}

static inline bool oi_writer_reserve(struct oi_writer *writer, size_t bytes)
{
    return (size_t)(writer->at - writer->start) >= bytes || oi_writer_grow(writer, bytes);
}

/* From here on: the caller has made room. */

static inline void oi_writer_byte(struct oi_writer *writer, uint8_t byte)
{
    *--writer->at = byte;
}

static inline void oi_writer_bytes(struct oi_writer *writer, const void *at, size_t len)
{
    writer->at -= len;
    memcpy(writer->at, at, len);
}

static inline void oi_writer_varint(struct oi_writer *writer, uint64_t value)
{
    if (value < 0x80) {
        oi_writer_byte(writer, (uint8_t)value);
        return;
    }
    uint8_t bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    oi_writer_bytes(writer, bytes, count);
}

/* Closes a nested message: everything in front of `end` (an earlier oi_writer_len). */
static inline void oi_writer_close(struct oi_writer *writer, uint8_t tag, size_t end)
{
    oi_writer_varint(writer, oi_writer_len(writer) - end);
    oi_writer_byte(writer, tag);
}

/* Both targets are little-endian, as protobuf's fixed fields are. Zero is the default and left out. */
static inline void oi_writer_fixed64(struct oi_writer *writer, uint8_t tag, uint64_t value)
{
    if (value == 0)
        return;
    oi_writer_bytes(writer, &value, sizeof value);
    oi_writer_byte(writer, tag);
}

/* Copies and says whether every byte is ASCII: the common case needs no second look at the text. */
static inline bool oi_copy_ascii(uint8_t *to, const char *from, size_t len)
{
    uint64_t seen = 0, word;
    if (len < sizeof word) {
        for (size_t i = 0; i < len; i++) {
            to[i] = (uint8_t)from[i];
            seen |= (uint8_t)from[i];
        }
        return (seen & 0x80) == 0;
    }
    size_t last = len - sizeof word;
    for (size_t i = 0; i < last; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        memcpy(to + i, &word, sizeof word);
        seen |= word;
    }
    memcpy(&word, from + last, sizeof word);
    memcpy(to + last, &word, sizeof word);
    seen |= word;
    return (seen & UINT64_C(0x8080808080808080)) == 0;
}

static inline void oi_writer_text(struct oi_writer *writer, uint8_t tag, const char *at, size_t len)
{
    if (!oi_copy_ascii(writer->at - len, at, len)) {
        oi_writer_text_slow(writer, tag, at, len);
        return;
    }
    writer->at -= len;
    oi_writer_varint(writer, len);
    oi_writer_byte(writer, tag);
}

#endif
