/* A command as somebody types it: words on one line, which may be quoted. */
#include "hooks/wire/resp_state.h"

/* As isspace in the C locale. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* False: longer than any server reads. */
static bool count(struct oi_resp *s, size_t n)
{
    s->left += n;
    return s->left <= OI_RESP_INLINE_MAX;
}

size_t oi_resp_space(struct oi_resp *s, const char *at, size_t len)
{
    size_t i = 0;
    while (i < len && at[i] != '\n' && is_space(at[i]))
        i++;
    if (!count(s, i))
        return resp_over(s, len, OI_RESP_TOO_LONG);
    if (i == len)
        return i;
    if (at[i] == '\n') {
        s->state = RESP_ENDED;
        return i + 1;
    }
    s->state = RESP_WORD;
    s->digits = 0;       /* the quote that is open */
    s->negative = false; /* behind a backslash */
    return i;
}

/* Up to where something else than the word's own bytes stands. */
static size_t run(struct oi_resp *s, const char *at, size_t len)
{
    size_t i = 0;
    for (; i < len && at[i] != '\n'; i++) {
        if (s->negative)
            s->negative = false;
        else if (s->digits != 0 && at[i] == '\\')
            s->negative = true;
        else if (s->digits != 0 ? at[i] == (char)s->digits : is_space(at[i]) || is_quote(at[i]))
            break;
    }
    return i;
}

size_t oi_resp_word(struct oi_resp *s, const char *at, size_t len, struct oi_resp_event *event)
{
    size_t n = run(s, at, len);
    bool quote = n < len && at[n] != '\n' && is_quote(at[n]);
    bool ends = n < len && !quote;
    if (!count(s, n + quote))
        return resp_over(s, len, OI_RESP_TOO_LONG);
    if (quote)
        s->digits = s->digits != 0 ? 0 : (uint8_t)at[n];
    if (n == 0 && !ends)
        return quote;
    resp_value(s, event, at, n, ends);
    if (ends) {
        s->index++;
        s->state = RESP_SPACE;
    }
    return n + quote;
}
