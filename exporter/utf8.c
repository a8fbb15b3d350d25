#include "exporter/utf8.h"

#include <string.h>

#include "agent/utf8.h"

static const char replacement[] = "\xEF\xBF\xBD";
enum { REPLACEMENT_LEN = sizeof replacement - 1 };

/* Length of the bad sequence that the text starts with. */
static size_t bad_sequence(const char *at, size_t len)
{
    size_t i = 1;
    while (i < len && i < 3 && ((unsigned char)at[i] & 0xC0) == 0x80)
        i++;
    return i;
}

/* Writes where there is something to write to, returns the length. */
static size_t clean(char *to, const char *at, size_t len)
{
    size_t put = 0;
    for (;;) {
        size_t good = oi_utf8_valid_prefix(at, len);
        if (to && good > 0)
            memcpy(to + put, at, good);
        put += good;
        if (good == len)
            return put;
        size_t bad = bad_sequence(at + good, len - good);
        if (to)
            memcpy(to + put, replacement, REPLACEMENT_LEN);
        put += REPLACEMENT_LEN;
        at += good + bad;
        len -= good + bad;
    }
}

size_t oi_utf8_clean_len(const char *at, size_t len)
{
    return clean(NULL, at, len);
}

void oi_utf8_clean(char *to, const char *at, size_t len)
{
    clean(to, at, len);
}
