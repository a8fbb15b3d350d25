/* Input for parsers that ends at a page which may not be touched: one byte read too far is a fault, not luck.
 *
 * The last 64 inputs stay valid; older ones are unmapped, so a loop over many inputs does not grow.
 */
#ifndef OI_TESTS_GUARD_H
#define OI_TESTS_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A copy of `n` bytes whose end is the start of a PROT_NONE page. n may be 0: the address then is that page itself.
 * Writable, so it serves as an output buffer of exactly n bytes too. */
static inline char *guarded_copy(const void *bytes, size_t n)
{
    static struct {
        char *at;
        size_t size;
    } ring[64];
    static unsigned next;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t front = (n + page - 1) / page * page;
    unsigned slot = next++ % (sizeof ring / sizeof *ring);
    if (ring[slot].at)
        munmap(ring[slot].at, ring[slot].size);
    char *at = mmap(NULL, front + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + front, page, PROT_NONE) != 0)
        abort();
    ring[slot].at = at;
    ring[slot].size = front + page;
    if (n > 0 && bytes)
        memcpy(at + front - n, bytes, n);
    return at + front - n;
}

static inline const char *guarded(const void *bytes, size_t n)
{
    return guarded_copy(bytes, n);
}

#endif
