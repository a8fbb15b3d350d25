/* Looking for the end of a name or of a line: sixteen bytes at once where the processor can, else eight.
 *
 * Never reads past the given length. OI_HTTP1_SCALAR leaves the sixteen out: the tests run with both.
 */
#ifndef OI_HOOKS_WIRE_HTTP1_SCAN_H
#define OI_HOOKS_WIRE_HTTP1_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lowest byte comes first");

#if defined __SSE2__ && !defined OI_HTTP1_SCALAR
#include <emmintrin.h>
enum { HTTP1_STRIDE = 16, HTTP1_FOUND_BITS = 1 };

/* Which bytes are at most `most`? HTTP1_FOUND_BITS bits for each, the first byte's lowest. */
static inline uint64_t http1_at_most(const char *at, unsigned char most)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at), limit = _mm_set1_epi8((char)most);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes));
}

/* Which bytes are `c`? */
static inline uint64_t http1_equal(const char *at, char c)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}
#else
enum { HTTP1_STRIDE = 8, HTTP1_FOUND_BITS = 8 };

/* Above the first byte found there may be false ones: a borrow goes upwards. */
static inline uint64_t http1_at_most(const char *at, unsigned char most)
{
    uint64_t ones = 0x0101010101010101u, word;
    memcpy(&word, at, sizeof word);
    return (word - ones * (most + 1u)) & ~word & (ones << 7);
}

static inline uint64_t http1_equal(const char *at, char c)
{
    uint64_t ones = 0x0101010101010101u, word;
    memcpy(&word, at, sizeof word);
    word ^= ones * (unsigned char)c;
    return (word - ones) & ~word & (ones << 7);
}
#endif

static inline size_t http1_first(uint64_t found)
{
    return (size_t)__builtin_ctzll(found) / HTTP1_FOUND_BITS;
}

/* Length of what stands before the first byte that is below `limit` and not a tab (unless limit is above the space). */
static inline size_t http1_span(const char *at, size_t len, unsigned char limit)
{
    size_t i = 0;
    for (;;) {
        uint64_t found = 0;
        for (; i + HTTP1_STRIDE <= len && (found = http1_at_most(at + i, (unsigned char)(limit - 1))) == 0;)
            i += HTTP1_STRIDE;
        if (found)
            i += http1_first(found);
        else
            while (i < len && (unsigned char)at[i] >= limit)
                i++;
        if (i == len || at[i] != '\t' || limit > ' ')
            return i;
        i++;
    }
}

/* Length of what stands before the first colon, space, control character or DEL. */
static inline size_t http1_name_span(const char *at, size_t len)
{
    size_t i = 0;
    for (; i + HTTP1_STRIDE <= len; i += HTTP1_STRIDE) {
        uint64_t found = http1_at_most(at + i, ' ') | http1_equal(at + i, ':') | http1_equal(at + i, 0x7f);
        if (found)
            return i + http1_first(found);
    }
    while (i < len && at[i] != ':' && (unsigned char)at[i] > ' ' && at[i] != 0x7f)
        i++;
    return i;
}

#endif
