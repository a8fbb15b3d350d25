#include "exporter/retry.h"

#include <curl/curl.h>
#include <string.h>

enum { FIRST_MS = 1000, MOST_DOUBLINGS = 5 };

int64_t oi_retry_after(const char *text, int64_t now)
{
    text += strspn(text, " \t");
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits + strspn(text + digits, " \t\r\n");
    if (digits > 0 && *rest == '\0') {
        int64_t seconds = 0;
        for (size_t i = 0; i < digits && seconds < INT32_MAX; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return seconds * 1000;
    }
    time_t at = digits > 0 ? -1 : curl_getdate(text, NULL);
    if (at == -1)
        return -1;
    return at > now ? (at - now) * 1000 : 0;
}

uint32_t oi_retry_backoff(unsigned failed, uint64_t *random)
{
    *random ^= *random << 13; /* Marsaglia, Xorshift RNGs (2003) */
    *random ^= *random >> 7;
    *random ^= *random << 17;
    unsigned doublings = failed - 1 < MOST_DOUBLINGS ? failed - 1 : MOST_DOUBLINGS;
    uint32_t delay = (uint32_t)FIRST_MS << doublings;
    return delay * 4 / 5 + (uint32_t)(*random % (delay * 2 / 5 + 1));
}
