/* What the targets for parsers share. */
#ifndef OI_FUZZ_EXACT_H
#define OI_FUZZ_EXACT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/wire/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy whose allocation ends with the bytes: the sanitizer sees a read past them. To be freed. */
static inline char *exact_copy(const void *at, size_t len)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, at, len);
    return copy;
}

/* What was told of the same bytes, cut in two ways. */
static inline void exact_same(const char *whole, const char *cut)
{
    if (strcmp(whole, cut) != 0) {
        fprintf(stderr, "%s\n---\n%s\n", whole, cut);
        abort();
    }
}

/* Which protocol it is does not depend on how the bytes are cut either, and is known in the end. */
static inline void exact_detect(enum oi_wire_side side, const char *at, size_t len)
{
    struct oi_wire_detector once = {0}, bytes = {0};
    enum oi_wire verdict = oi_wire_detect(&once, side, at, len), last = OI_WIRE_MORE;
    for (size_t i = 0; i < len; i++)
        last = oi_wire_detect(&bytes, side, at + i, 1);
    if (verdict != last || (len >= OI_WIRE_FIRST && verdict == OI_WIRE_MORE))
        abort();
}

#endif
