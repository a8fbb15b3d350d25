/* What looks like chance, and is the same in every run. */
#ifndef OI_TESTS_CHANCE_H
#define OI_TESTS_CHANCE_H

#include <stddef.h>

/* From 0 to below `end`, which is at most 65536. */
static inline size_t chance(unsigned *seed, size_t end)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 16) % end;
}

/* `n` bytes of the `count` in `some`. */
static inline void chance_bytes(unsigned *seed, char *bytes, size_t n, const char *some, size_t count)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = some[chance(seed, count)];
}

#endif
