#include "hooks/hiredis_error.h"

#include <errno.h>
#include <hiredis/hiredis.h>

#include "hooks/redis_error.h"

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

static bool ends_with(struct oi_text text, struct oi_text end)
{
    return text.len >= end.len && memcmp(text.at + text.len - end.len, end.at, end.len) == 0;
}

int oi_hiredis_error_number(struct oi_text text, int number)
{
#define NUMBER(name) name,
    static const int numbers[] = {NUMBERS(NUMBER)};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct oi_text words = oi_redis_error_words(numbers[i]);
        if (oi_text_present(words) && ends_with(text, words))
            return numbers[i];
    }
    return number;
}
