#include "hooks/redis_error.h"

#include <stdint.h>

#include "agent/utf8.h"

/* musl has none: a symbol that is missing would keep a musl program from starting in whose environment we are. */
#pragma weak strerrordesc_np

static bool is_quote(char c)
{
    return c == '\'' || c == '`' || c == '"';
}

/* A command's or subcommand's name, which the span shows anyway, and nothing that could be a value. */
static bool plain_word(const char *at, size_t len)
{
    if (len == 0 || len > 20)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(at[i] >= 'a' && at[i] <= 'z') && !(at[i] >= 'A' && at[i] <= 'Z') && at[i] != '|' && at[i] != '-')
            return false;
    return true;
}

/* Whether the quotes at `open` and `close` hold a command's name: `for 'set' command`, `unknown command 'x'`. */
static bool names_command(struct oi_text text, size_t open, size_t close)
{
    static const char before[] = "command ", after[] = " command";
    size_t n = sizeof before - 1;
    bool leads = open >= n && memcmp(text.at + open - n, before, n) == 0;
    bool follows = text.len - close - 1 >= n && memcmp(text.at + close + 1, after, n) == 0;
    return (leads || follows) && plain_word(text.at + open + 1, close - open - 1);
}

/* An apostrophe inside a word opens nothing. */
static bool opens_quotes(struct oi_text text, size_t at)
{
    return is_quote(text.at[at]) && (at == 0 || text.at[at - 1] == ' ' || text.at[at - 1] == '(');
}

/* Where the quotes that `open` opens are closed; a value may have such quotes inside of it. The text's end: nowhere. */
static size_t closed_at(struct oi_text text, size_t open)
{
    size_t close = open + 1;
    while (close < text.len &&
           (text.at[close] != text.at[open] || (close + 1 < text.len && !memchr(" :,.;)", text.at[close + 1], 6))))
        close++;
    return close;
}

static void without_values(struct oi_text text, struct oi_buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        oi_buffer_char(out, text.at[i]);
        if (!opens_quotes(text, i))
            continue;
        size_t close = closed_at(text, i);
        bool closed = close < text.len;
        if (closed && names_command(text, i, close))
            oi_buffer_put(out, text.at + i + 1, close - i - 1);
        else
            oi_buffer_char(out, '?');
        if (closed)
            oi_buffer_char(out, text.at[close]);
        i = close;
    }
}

/* Without a character that the end of the buffer cut short. */
static size_t whole_characters(struct oi_text text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        const char *at = text.at + text.len - back;
        bool leads = ((uint8_t)*at & 0xc0) == 0xc0;
        if (leads && oi_utf8_sequence(at, back) == 0)
            return text.len - back;
        if (leads || (uint8_t)*at < 0x80)
            break;
    }
    return text.len;
}

void oi_redis_error_reply(struct oi_text reply, struct oi_buffer *code, struct oi_buffer *message)
{
    size_t n = 0;
    while (n < reply.len && reply.at[n] >= 'A' && reply.at[n] <= 'Z')
        n++;
    bool named = n > 0 && n <= code->size && (n == reply.len || reply.at[n] == ' ');
    if (named)
        oi_buffer_put(code, reply.at, n);
    else
        oi_buffer_put(code, "ERR", 3);
    size_t from = named && n < reply.len ? n + 1 : named ? n : 0;
    without_values(oi_text_of(reply.at + from, reply.len - from), message);
    message->len = whole_characters(oi_buffer_text(message));
}

struct oi_text oi_redis_error_words(int number)
{
    return oi_text_from(strerrordesc_np ? strerrordesc_np(number) : NULL);
}
