#include "agent/http_excluded.h"

#include <stdint.h>

#include "agent/pattern.h"

enum { ROOM = 16 * 1024 };

static struct oi_patterns excluded[2];

void oi_http_excluded_init(const char *own, const char *python)
{
    static uint32_t room[ROOM / sizeof(uint32_t)]; /* untouched where nothing is excluded */
    struct oi_buffer buffer = {.at = (char *)room, .size = sizeof room};
    oi_patterns_compile(&excluded[0], own, false, &buffer);
    oi_patterns_compile(&excluded[1], python, false, &buffer);
}

bool oi_http_excluded_any(void)
{
    return excluded[0].count + excluded[1].count > 0;
}

bool oi_http_excluded(struct oi_text url)
{
    return oi_patterns_search(&excluded[0], url) || oi_patterns_search(&excluded[1], url);
}
