#include "hooks/http_passing.h"

#include <stdatomic.h>

#include "agent/thread.h"

/* A bucket that was full once does not know all of its requests: in it only the thread's current one is found, because
 * no parent is better than a wrong one. */
enum { BUCKETS = 512, PLACES = 8 };
static struct bucket {
    _Atomic(struct oi_request *) places[PLACES];
    _Atomic bool was_full;
} table[BUCKETS];

static struct bucket *bucket_of(const uint8_t span_id[8])
{
    uint64_t id;
    memcpy(&id, span_id, sizeof id);
    return &table[(id * UINT64_C(0x9e3779b97f4a7c15)) >> 55];
}

/* Memory of requests is type-stable, so that one that has ended can be looked at. */
static bool is_open(const struct oi_request *request)
{
    return atomic_load_explicit(&request->active.generation, memory_order_acquire) & 1;
}

static bool is_free(const struct bucket *bucket, const struct oi_request *occupant)
{
    return !occupant || !is_open(occupant) || bucket_of(occupant->span.parent_id) != bucket;
}

void oi_passing_add(struct oi_request *request)
{
    struct bucket *bucket = bucket_of(request->span.parent_id);
    for (size_t i = 0; i < PLACES; i++)
        if (atomic_load_explicit(&bucket->places[i], memory_order_acquire) == request)
            return;
    for (size_t i = 0; i < PLACES; i++) {
        struct oi_request *occupant = atomic_load_explicit(&bucket->places[i], memory_order_acquire);
        if (is_free(bucket, occupant) &&
            atomic_compare_exchange_strong_explicit(&bucket->places[i], &occupant, request, memory_order_acq_rel,
                                                    memory_order_relaxed))
            return;
    }
    atomic_store_explicit(&bucket->was_full, true, memory_order_relaxed);
}

/* Its generation, if it is open and came with these ids; else 0. */
static uint32_t matches(const struct oi_request *request, const struct oi_context *carried)
{
    uint32_t generation = atomic_load_explicit(&request->active.generation, memory_order_acquire);
    if (!(generation & 1) || !request->span.has_parent ||
        memcmp(request->span.trace_id, carried->trace_id, sizeof carried->trace_id) != 0 ||
        memcmp(request->span.parent_id, carried->span_id, sizeof carried->span_id) != 0)
        return 0;
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&request->active.generation, memory_order_relaxed) == generation ? generation : 0;
}

const struct oi_active *oi_passing_find(const struct oi_context *carried, uint32_t *generation)
{
    struct bucket *bucket = bucket_of(carried->span_id);
    const struct oi_active *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < PLACES; i++) {
        struct oi_request *request = atomic_load_explicit(&bucket->places[i], memory_order_acquire);
        uint32_t life = request ? matches(request, carried) : 0;
        if (life == 0)
            continue;
        if (&request->active == oi_thread.current && life == oi_thread.current_generation) {
            *generation = life;
            return &request->active;
        }
        count++;
        found = &request->active;
        *generation = life;
    }
    return count == 1 && !atomic_load_explicit(&bucket->was_full, memory_order_relaxed) ? found : NULL;
}
