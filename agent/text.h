/* A piece of text by address and length: never assumed to end with a NUL, never owned.
 *
 * Everything the agent looks at (SQL, URLs, header values, replies) is somebody else's memory with a length.
 */
#ifndef OI_AGENT_TEXT_H
#define OI_AGENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct oi_text {
    const char *at; /* NULL means absent; an empty text has an address and length 0 */
    size_t len;     /* bytes */
};

/* A text from a string literal. */
#define OI_TEXT(literal) ((struct oi_text){"" literal, sizeof(literal) - 1})

/* A text from a C string, which may be NULL (absent). */
static inline struct oi_text oi_text_from(const char *string)
{
    return (struct oi_text){string, string ? strlen(string) : 0};
}

static inline struct oi_text oi_text_of(const char *at, size_t len)
{
    return (struct oi_text){at, len};
}

static inline bool oi_text_present(struct oi_text text)
{
    return text.at != NULL;
}

static inline bool oi_text_equal(struct oi_text a, struct oi_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Where text output goes: a buffer of the caller's with a bound. What does not fit is cut and `truncated` set;
 * the functions that write into it never write past `size` and never add a NUL. */
struct oi_buffer {
    char *at;
    size_t size;
    size_t len;
    bool truncated;
};

static inline struct oi_text oi_buffer_text(const struct oi_buffer *buffer)
{
    return (struct oi_text){buffer->at, buffer->len};
}

static inline void oi_buffer_put(struct oi_buffer *buffer, const char *at, size_t len)
{
    size_t room = buffer->size - buffer->len;
    if (len > room) {
        len = room;
        buffer->truncated = true;
    }
    if (len > 0)
        memcpy(buffer->at + buffer->len, at, len);
    buffer->len += len;
}

static inline void oi_buffer_char(struct oi_buffer *buffer, char c)
{
    if (buffer->len < buffer->size)
        buffer->at[buffer->len++] = c;
    else
        buffer->truncated = true;
}

#endif
