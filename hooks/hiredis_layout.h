/* Where things stand in hiredis's structures. Its ABI changes with the SONAME, and the program's copy need not be the
 * one whose header we were compiled with: the SONAME decides. A copy with a name not listed here is left alone.
 */
#ifndef OI_HOOKS_HIREDIS_LAYOUT_H
#define OI_HOOKS_HIREDIS_LAYOUT_H

#include <stdint.h>

#include "agent/library.h"
#include "agent/text.h"

/* Offsets in bytes. */
struct oi_hiredis_layout {
    /* redisContext */
    uint16_t error;       /* int err */
    uint16_t error_text;  /* char errstr[128] */
    uint16_t flags;       /* int flags */
    uint16_t reader;      /* redisReader *reader */
    uint16_t reader_make; /* redisReader: redisReplyObjectFunctions *fn */
    /* redisReply */
    uint16_t reply_type;   /* int type */
    uint16_t reply_length; /* size_t len */
    uint16_t reply_string; /* char *str */
    uint16_t reply_count;  /* size_t elements */
    uint16_t reply_first;  /* redisReply **element */
    /* redisOptions; 0: this version has none */
    uint16_t options_host; /* int type is at 0 */
    uint16_t options_port;
    uint16_t options_path;
};

/* The layout of a loaded copy; NULL: unknown. */
const struct oi_hiredis_layout *oi_hiredis_layout(const struct oi_provider *provider);

static inline int oi_hiredis_int(const void *object, uint16_t offset)
{
    return *(const int *)(const void *)((const char *)object + offset);
}

static inline const void *oi_hiredis_pointer(const void *object, uint16_t offset)
{
    return *(const void *const *)(const void *)((const char *)object + offset);
}

static inline size_t oi_hiredis_size(const void *object, uint16_t offset)
{
    return *(const size_t *)(const void *)((const char *)object + offset);
}

/* REDIS_BLOCK */
static inline bool oi_hiredis_blocking(const struct oi_hiredis_layout *layout, const void *context)
{
    return (oi_hiredis_int(context, layout->flags) & 1) != 0;
}

/* A reply's text. For errors, statuses and strings. */
static inline struct oi_text oi_hiredis_reply_text(const struct oi_hiredis_layout *layout, const void *reply)
{
    return oi_text_of(oi_hiredis_pointer(reply, layout->reply_string), oi_hiredis_size(reply, layout->reply_length));
}

/* An array's element `i`, less than its reply_count. */
static inline const void *oi_hiredis_reply_element(const struct oi_hiredis_layout *layout, const void *reply, size_t i)
{
    return ((const void *const *)oi_hiredis_pointer(reply, layout->reply_first))[i];
}

/* REDIS_REPLY_…, since 1.0: they may come at any place, and answer nothing */
enum { OI_HIREDIS_REPLY_ATTRIBUTE = 11, OI_HIREDIS_REPLY_PUSH = 12 };

/* The text that an array or a pushed message begins with; absent where there is none. */
struct oi_text oi_hiredis_first_word(const struct oi_hiredis_layout *layout, const void *reply);

/* The program may make reply objects of its own kind (redisReader.fn): only the library's own are looked into. */
static inline bool oi_hiredis_own_replies(const struct oi_hiredis_layout *layout, const struct oi_provider *provider,
                                          const void *context)
{
    const void *reader = oi_hiredis_pointer(context, layout->reader);
    return reader && oi_provider_contains(provider, oi_hiredis_pointer(reader, layout->reader_make));
}

#endif
