/* State beside a library's handles (CURL *, MYSQL *, redisContext *): a map from address to a fixed-size state.
 *
 * Look-up is lock-free. Nodes are never unmapped and never leave their bucket, so a reader can not be led astray. A
 * handle belongs to one thread at a time by its library's own contract, so its state needs no lock. Creating a node may
 * map memory; look-up and removal never do. Not async-signal-safe to create, safe to look up.
 */
#ifndef OI_AGENT_HANDLES_H
#define OI_AGENT_HANDLES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { OI_HANDLE_BUCKETS = 4096 };

struct oi_handle_node;

struct oi_handles {
    size_t state_size; /* bytes of state for each handle */
    _Atomic(struct oi_handle_node *) buckets[OI_HANDLE_BUCKETS];
};

#define OI_HANDLES(type)                                                                                               \
    {                                                                                                                  \
        .state_size = sizeof(type)                                                                                     \
    }

/* The handle's state, or NULL. */
void *oi_handles_find(struct oi_handles *map, const void *handle);

/* A zeroed state for a handle just made; one left over under the same address is reset. NULL: no memory; the handle
 * then stays unknown. */
void *oi_handles_add(struct oi_handles *map, const void *handle);

/* Forgets a handle. Before the real function frees it. */
void oi_handles_remove(struct oi_handles *map, const void *handle);

/* Visits every known handle's state. Only where no other thread uses one (the program's end). */
void oi_handles_each(struct oi_handles *map, void (*visit)(void *state));

#endif
