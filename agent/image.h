/* A loaded object, as it was when an address in it was noted. */
#ifndef OI_AGENT_IMAGE_H
#define OI_AGENT_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OI_IMAGE_LOOK = 1024 }; /* bytes */

struct oi_image {
    uint64_t look;   /* oi_image_look of it */
    uintptr_t start; /* where its file begins in memory */
    uintptr_t bias;  /* what was added to the addresses in its file */
    char path[232];  /* as the loader has it; "" for the program itself */
};

/* A hash over the first bytes of an object, which are the same in memory and in its file: its header and segments, and
 * where linkers put it there, its build id. 40 ns. */
static inline uint64_t oi_image_look(const void *start)
{
    uint64_t lanes[4] = {1, 2, 3, 4}, word;
    const char *at = start;
    for (size_t i = 0; i < OI_IMAGE_LOOK; i += sizeof word) {
        uint64_t *lane = &lanes[i / sizeof word % 4];
        memcpy(&word, at + i, sizeof word);
        *lane = (*lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        *lane ^= *lane >> 32;
    }
    return lanes[0] ^ lanes[1] * 3 ^ lanes[2] * 5 ^ lanes[3] * 7;
}

#endif
