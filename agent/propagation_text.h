/* What the header formats have in common: pieces of lists, hexadecimal. Pure, inline. */
#ifndef OI_AGENT_PROPAGATION_TEXT_H
#define OI_AGENT_PROPAGATION_TEXT_H

#include <stdint.h>

#include "agent/text.h"

static inline bool oi_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without spaces and tabs at either end. */
static inline struct oi_text oi_header_trim(struct oi_text text)
{
    while (text.len > 0 && oi_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && oi_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* Takes what stands before the next `separator`; false at the end. An empty text is one empty item. */
static inline bool oi_header_item(struct oi_text *rest, char separator, struct oi_text *item)
{
    if (!rest->at)
        return false;
    const char *end = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
    if (!end) {
        *item = *rest;
        *rest = (struct oi_text){NULL, 0};
        return true;
    }
    *item = oi_text_of(rest->at, (size_t)(end - rest->at));
    *rest = oi_text_of(end + 1, rest->len - item->len - 1);
    return true;
}

/* Writes 2 * n lower-case digits; returns the place after them. */
static inline char *oi_hex_put(char *to, const uint8_t *bytes, size_t n)
{
    static const char digits[16] = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
    for (size_t i = 0; i < n; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

#endif
