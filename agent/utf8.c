#include "agent/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* How many of the bytes at[0..len) are ASCII without a break. */
static size_t ascii_run(const char *at, size_t len)
{
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        uint64_t eight;
        memcpy(&eight, at + i, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (i < len && (unsigned char)at[i] < 0x80)
        i++;
    return i;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes the first byte of a sequence asks for; 0: it cannot start one. */
static size_t announced(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if ((first & 0xf0) == 0xe0)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

size_t oi_utf8_sequence(const char *at, size_t len)
{
    unsigned char first = (unsigned char)at[0];
    size_t want = announced(first);
    if (want <= 1)
        return want;
    if (want > len)
        return 0;
    /* RFC 3629 section 4: the second byte's range depends on the first; it rules out overlong forms and surrogates. */
    unsigned char second = (unsigned char)at[1];
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if (!is_continuation(at[i]))
            return 0;
    return want;
}

size_t oi_utf8_valid_prefix(const char *at, size_t len)
{
    size_t i = 0;
    for (;;) {
        i += ascii_run(at + i, len - i);
        if (i == len)
            return len;
        size_t step = oi_utf8_sequence(at + i, len - i);
        if (step == 0)
            return i;
        i += step;
    }
}

size_t oi_utf8_cut_bytes(const char *at, size_t len, size_t max_bytes)
{
    if (len <= max_bytes)
        return len;
    /* A sequence has at most three bytes after its first: look back no further for one that crosses the cut. */
    for (size_t back = 1; back <= 3 && back <= max_bytes; back++) {
        size_t start = max_bytes - back;
        if (is_continuation(at[start]))
            continue;
        size_t step = oi_utf8_sequence(at + start, len - start);
        return step > back ? start : max_bytes;
    }
    return max_bytes;
}

size_t oi_utf8_cut_chars(const char *at, size_t len, size_t max_chars)
{
    if (len <= max_chars)
        return len;
    size_t i = 0;
    size_t left = max_chars;
    while (i < len && left > 0) {
        size_t run = ascii_run(at + i, len - i < left ? len - i : left);
        i += run;
        left -= run;
        if (i == len || left == 0)
            break;
        size_t step = oi_utf8_sequence(at + i, len - i);
        i += step > 0 ? step : 1;
        left--;
    }
    return i;
}
