#include "agent/handles.h"

#include <string.h>

#include "agent/permanent.h"

struct oi_handle_node {
    _Atomic uintptr_t handle; /* 0: free for another handle of this bucket */
    struct oi_handle_node *next;
    _Alignas(16) char state[];
};

static _Atomic(struct oi_handle_node *) *bucket_of(struct oi_handles *map, const void *handle)
{
    uint64_t hash = (uint64_t)(uintptr_t)handle * UINT64_C(0x9e3779b97f4a7c15);
    return &map->buckets[hash >> 52];
}

_Static_assert(OI_HANDLE_BUCKETS == 1 << 12, "the hash keeps the upper 12 bits");

static struct oi_handle_node *find(struct oi_handles *map, uintptr_t handle)
{
    struct oi_handle_node *node = atomic_load_explicit(bucket_of(map, (const void *)handle), memory_order_acquire);
    while (node && atomic_load_explicit(&node->handle, memory_order_acquire) != handle)
        node = node->next;
    return node;
}

void *oi_handles_find(struct oi_handles *map, const void *handle)
{
    struct oi_handle_node *node = handle ? find(map, (uintptr_t)handle) : NULL;
    return node ? node->state : NULL;
}

/* A handle value no allocator returns: the node is being prepared. */
enum { RESERVED = 1 };

static struct oi_handle_node *reuse(struct oi_handle_node *node)
{
    for (; node; node = node->next) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&node->handle, &none, RESERVED))
            return node;
    }
    return NULL;
}

void *oi_handles_add(struct oi_handles *map, const void *handle)
{
    if (!handle)
        return NULL;
    _Atomic(struct oi_handle_node *) *bucket = bucket_of(map, handle);
    struct oi_handle_node *node = find(map, (uintptr_t)handle);
    if (!node)
        node = reuse(atomic_load(bucket));
    if (node) {
        memset(node->state, 0, map->state_size);
        atomic_store_explicit(&node->handle, (uintptr_t)handle, memory_order_release);
        return node->state;
    }
    node = oi_permanent(sizeof *node + map->state_size);
    if (!node)
        return NULL;
    atomic_store_explicit(&node->handle, (uintptr_t)handle, memory_order_relaxed);
    node->next = atomic_load(bucket);
    while (
        !atomic_compare_exchange_weak_explicit(bucket, &node->next, node, memory_order_release, memory_order_relaxed)) {
    }
    return node->state;
}

void oi_handles_remove(struct oi_handles *map, const void *handle)
{
    struct oi_handle_node *node = handle ? find(map, (uintptr_t)handle) : NULL;
    if (node)
        atomic_store_explicit(&node->handle, 0, memory_order_release);
}

void oi_handles_each(struct oi_handles *map, void (*visit)(void *state))
{
    for (size_t i = 0; i < OI_HANDLE_BUCKETS; i++) {
        struct oi_handle_node *node = atomic_load_explicit(&map->buckets[i], memory_order_acquire);
        for (; node; node = node->next) {
            if (atomic_load_explicit(&node->handle, memory_order_acquire) > RESERVED)
                visit(node->state);
        }
    }
}
