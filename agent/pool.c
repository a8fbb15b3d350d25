#include "agent/pool.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* In a build with AddressSanitizer a free slot is not to be touched, but for the link in its first bytes. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
enum { LINK = 16 };
#define FORBID(at, size) __asan_poison_memory_region(at, size)
#define PERMIT(at, size) __asan_unpoison_memory_region(at, size)
#else
#define FORBID(at, size)
#define PERMIT(at, size)
#endif

void oi_pool_declare(struct oi_pool *pool, size_t slot_size, uint32_t count)
{
    pool->slot_size = slot_size;
    pool->count = count;
    atomic_store(&pool->base, NULL);
    atomic_store(&pool->head, 0);
    atomic_store(&pool->fresh, 0);
}

static void be_modest(struct oi_pool *pool)
{
    struct rlimit limit;
    if (!pool->modest || getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    uint64_t most = limit.rlim_cur / 64 / pool->slot_size;
    if (most < atomic_load(&pool->count))
        atomic_store(&pool->count, (uint32_t)most);
}

bool oi_pool_map(struct oi_pool *pool)
{
    char *none = NULL;
    int saved = errno;
    if (atomic_load(&pool->base))
        return true;
    be_modest(pool);
    size_t size = pool->slot_size * atomic_load(&pool->count);
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        errno = saved;
        return false;
    }
    /* A huge page at the first touch would cost 2 MiB of resident memory for one span. */
    madvise(base, size, MADV_NOHUGEPAGE);
    FORBID(base, size);
    if (!atomic_compare_exchange_strong(&pool->base, &none, base)) {
        PERMIT(base, size);
        munmap(base, size); /* another thread was first */
    }
    errno = saved;
    return true;
}

bool oi_pool_init(struct oi_pool *pool, size_t slot_size, uint32_t count)
{
    oi_pool_declare(pool, slot_size, count);
    return oi_pool_map(pool);
}

void oi_pool_unmap(struct oi_pool *pool)
{
    void *base = atomic_exchange(&pool->base, NULL);
    PERMIT(base, pool->slot_size * pool->count);
    munmap(base, pool->slot_size * pool->count);
}

static void *slot_at(const struct oi_pool *pool, uint32_t index)
{
    return atomic_load_explicit(&pool->base, memory_order_relaxed) + (size_t)index * pool->slot_size;
}

void *oi_pool_take(struct oi_pool *pool)
{
    uint64_t head = atomic_load_explicit(&pool->head, memory_order_acquire);
    while ((uint32_t)head != 0) {
        void *slot = slot_at(pool, (uint32_t)head - 1);
        /* Another thread may take and use this slot meanwhile: the value read is then nonsense, and the exchange fails.
         */
        uint32_t link = __atomic_load_n((uint32_t *)slot, __ATOMIC_RELAXED);
        uint64_t next = ((head >> 32) + 1) << 32 | link;
        if (atomic_compare_exchange_weak_explicit(&pool->head, &head, next, memory_order_acquire,
                                                  memory_order_acquire)) {
            PERMIT(slot, pool->slot_size);
            return slot;
        }
    }
    if (!atomic_load_explicit(&pool->base, memory_order_acquire) && !oi_pool_map(pool))
        return NULL;
    uint32_t fresh = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
    while (fresh < pool->count) {
        if (atomic_compare_exchange_weak(&pool->fresh, &fresh, fresh + 1)) {
            PERMIT(slot_at(pool, fresh), pool->slot_size);
            return slot_at(pool, fresh);
        }
    }
    return NULL;
}

const void *oi_pool_next(const struct oi_pool *pool)
{
    uint32_t next = (uint32_t)atomic_load_explicit(&pool->head, memory_order_relaxed);
    if (!atomic_load_explicit(&pool->base, memory_order_relaxed))
        return NULL;
    return slot_at(pool, next > 0 ? next - 1 : 0);
}

void oi_pool_give(struct oi_pool *pool, void *slot)
{
    uint32_t index =
        (uint32_t)((size_t)((char *)slot - atomic_load_explicit(&pool->base, memory_order_relaxed)) / pool->slot_size);
    uint64_t head = atomic_load_explicit(&pool->head, memory_order_relaxed);
    uint64_t next;
    FORBID((char *)slot + LINK, pool->slot_size - LINK);
    do {
        __atomic_store_n((uint32_t *)slot, (uint32_t)head, __ATOMIC_RELAXED);
        next = ((head >> 32) + 1) << 32 | (index + 1);
    } while (
        !atomic_compare_exchange_weak_explicit(&pool->head, &head, next, memory_order_release, memory_order_relaxed));
}
