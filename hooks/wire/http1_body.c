#include "hooks/wire/http1_state.h"

size_t oi_http1_counted(struct oi_http1 *s, size_t len)
{
    size_t used = len < s->left ? len : (size_t)s->left;
    s->left -= used;
    s->body += used;
    if (s->left == 0)
        s->state = s->state == BODY ? ENDED : CHUNK_CR;
    return used;
}

static int hexadecimal(char c)
{
    if (is_digit(c))
        return c - '0';
    c = to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Sixteen digits at most, zeros in front included: nobody writes more, and where a receiver's count wraps around is its
 * own affair. */
size_t oi_http1_chunk_size(struct oi_http1 *s, const char *at, size_t len)
{
    size_t i = 0;
    for (; i < len; i++) {
        int digit = hexadecimal(at[i]);
        if (digit < 0)
            break;
        if (s->digits++ == 16 || s->left > (uint64_t)INT64_MAX >> 4)
            return http1_over(s, len, OI_HTTP1_MALFORMED);
        s->left = s->left << 4 | (uint64_t)digit;
    }
    if (i == len)
        return i;
    if (s->digits == 0)
        return http1_over(s, len, OI_HTTP1_MALFORMED);
    s->state = CHUNK_EXTENSION;
    s->number = 0;
    return i;
}

/* White space (old servers fill sizes up with it), then perhaps `;name=value`. A line that ends without CR is read
 * differently by different receivers. */
size_t oi_http1_chunk_extension(struct oi_http1 *s, const char *at, size_t len)
{
    size_t i = 0;
    while (s->number == 0 && i < len && is_blank(at[i]))
        i++;
    if (s->number == 0 && i < len && at[i] == ';')
        s->number = 1;
    if (s->number == 1)
        i += http1_span(at + i, len - i, ' ');
    if (i == len)
        return i;
    if (at[i] != '\r')
        return http1_over(s, len, OI_HTTP1_MALFORMED);
    s->state = CHUNK_SIZE_LF;
    return i + 1;
}
