#include "hooks/hiredis_error.h"

#include <errno.h>
#include <hiredis/hiredis.h>
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

static void without_values(struct oi_text text, struct oi_buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        oi_buffer_char(out, text.at[i]);
        if (!opens_quotes(text, i))
            continue;
        const char *end = memchr(text.at + i + 1, text.at[i], text.len - i - 1);
        size_t close = end ? (size_t)(end - text.at) : text.len;
        if (end && names_command(text, i, close))
            oi_buffer_put(out, text.at + i + 1, close - i - 1);
        else
            oi_buffer_char(out, '?');
        if (end)
            oi_buffer_char(out, *end);
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

void oi_hiredis_error_reply(struct oi_text reply, struct oi_buffer *code, struct oi_buffer *message)
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

#define NUMBERS(X)                                                                                                     \
    X(EACCES)                                                                                                          \
    X(EADDRNOTAVAIL)                                                                                                   \
    X(EAGAIN)                                                                                                          \
    X(EBADF)                                                                                                           \
    X(ECONNABORTED)                                                                                                    \
    X(ECONNREFUSED)                                                                                                    \
    X(ECONNRESET)                                                                                                      \
    X(EHOSTUNREACH)                                                                                                    \
    X(EINTR)                                                                                                           \
    X(EINVAL)                                                                                                          \
    X(EMFILE)                                                                                                          \
    X(ENETUNREACH)                                                                                                     \
    X(ENFILE)                                                                                                          \
    X(ENOENT)                                                                                                          \
    X(ENOTCONN)                                                                                                        \
    X(ENOTSOCK)                                                                                                        \
    X(EPERM)                                                                                                           \
    X(EPIPE)                                                                                                           \
    X(ETIMEDOUT)

static struct oi_text number_name(int number)
{
    switch (number) {
#define NAME(name)                                                                                                     \
    case name:                                                                                                         \
        return OI_TEXT(#name);
        NUMBERS(NAME)
    default:
        return OI_TEXT("REDIS_ERR_IO");
    }
}

struct oi_text oi_hiredis_error_name(int error, int number)
{
    switch (error) {
    case REDIS_ERR_IO:
        return number_name(number);
    case REDIS_ERR_EOF:
        return OI_TEXT("REDIS_ERR_EOF");
    case REDIS_ERR_PROTOCOL:
        return OI_TEXT("REDIS_ERR_PROTOCOL");
    case REDIS_ERR_OOM:
        return OI_TEXT("REDIS_ERR_OOM");
    case 6: /* REDIS_ERR_TIMEOUT, since 1.0 */
        return OI_TEXT("REDIS_ERR_TIMEOUT");
    default:
        return OI_TEXT("REDIS_ERR_OTHER");
    }
}

static bool ends_with(struct oi_text text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.at + text.len - len, end, len) == 0;
}

int oi_hiredis_error_number(struct oi_text text, int number)
{
#define NUMBER(name) name,
    static const int numbers[] = {NUMBERS(NUMBER)};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *words = strerrordesc_np(numbers[i]);
        if (words && ends_with(text, words))
            return numbers[i];
    }
    return number;
}
