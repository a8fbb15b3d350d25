#include "agent/permanent.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

enum { BLOCK = 64 * 1024 };

struct block {
    _Atomic size_t used;
    _Alignas(16) char data[];
};

static _Atomic(struct block *) current;

static struct block *new_block(void)
{
    void *memory = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *oi_permanent(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > BLOCK - sizeof(struct block))
        return NULL;
    for (;;) {
        struct block *block = atomic_load_explicit(&current, memory_order_acquire);
        if (block) {
            size_t at = atomic_fetch_add_explicit(&block->used, size, memory_order_relaxed);
            if (at + size <= BLOCK - sizeof *block)
                return block->data + at;
        }
        struct block *fresh = new_block();
        if (!fresh)
            return NULL;
        if (!atomic_compare_exchange_strong(&current, &block, fresh))
            munmap(fresh, BLOCK);
    }
}
