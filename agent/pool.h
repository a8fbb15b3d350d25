/* A bounded pool of equal slots: lock-free, last in first out (so that few pages are ever touched), one mapping.
 * Async-signal-safe after init. */
#ifndef OI_AGENT_POOL_H
#define OI_AGENT_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oi_pool {
    _Atomic(char *) base; /* NULL: not mapped yet */
    size_t slot_size;
    _Atomic uint32_t count;
    bool modest;            /* takes at most a 64th of the address space that a limit leaves the program */
    _Atomic uint64_t head;  /* generation << 32 | index + 1 of the first free slot; the generation defeats ABA */
    _Atomic uint32_t fresh; /* slots from here on were never used */
};

/* Says what the pool holds; it is mapped when the first slot is taken, or by oi_pool_map (false: no memory). */
void oi_pool_declare(struct oi_pool *pool, size_t slot_size, uint32_t count);
bool oi_pool_map(struct oi_pool *pool);

static inline bool oi_pool_mapped(const struct oi_pool *pool)
{
    return atomic_load_explicit(&pool->base, memory_order_relaxed) != NULL;
}

/* Maps `count` slots of `slot_size` bytes (a multiple of 16). Memory is only touched as it is used. False: no memory.
 */
bool oi_pool_init(struct oi_pool *pool, size_t slot_size, uint32_t count);

/* Of a pool from which nothing has been taken: it is not needed after all. */
void oi_pool_unmap(struct oi_pool *pool);

/* A slot, its content undefined; NULL: all are taken. */
void *oi_pool_take(struct oi_pool *pool);

/* The slot that would be taken next, if nobody else takes one: not to be looked into. NULL: nothing is mapped. */
const void *oi_pool_next(const struct oi_pool *pool);

/* Returns a slot. Its first four bytes become the pool's. */
void oi_pool_give(struct oi_pool *pool, void *slot);

#endif
