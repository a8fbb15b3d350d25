#include "agent/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/thread.h"

enum { GATES = 65536, COUNT_BITS = 32 };

/* `state` is the thread's life in the upper half, and how many requests it has open in the lower one. */
struct oi_gate {
    uint32_t pool_link;
    _Atomic uint64_t state;
};

static struct oi_pool gates = {.slot_size = sizeof(struct oi_gate), .count = GATES};
static pthread_key_t thread_end;
static volatile enum { OPEN, COUNTING, CLOSED } how = CLOSED;

/* The thread is gone: what it had open counts for nobody. */
static void give_back(void *gate_)
{
    struct oi_gate *gate = gate_;
    oi_thread.gate = NULL;
    uint64_t life = atomic_load_explicit(&gate->state, memory_order_relaxed) >> COUNT_BITS;
    atomic_store_explicit(&gate->state, (life + 1) << COUNT_BITS, memory_order_relaxed);
    oi_pool_give(&gates, gate);
}

/* The first keys of a process need no memory of the allocator's (POSIX threads in glibc: PTHREAD_KEY_2NDLEVEL_SIZE);
 * with a later one, a thread's first value would be stored with calloc, within a hook. */
enum { KEYS_WITHOUT_MEMORY = 32 };

void oi_gate_init(bool open)
{
    if (open)
        how = OPEN;
    else if (pthread_key_create(&thread_end, give_back) == 0 && thread_end < KEYS_WITHOUT_MEMORY)
        how = COUNTING;
}

void oi_gate_map(void)
{
    if (how == COUNTING)
        oi_pool_map(&gates);
}

static struct oi_gate *own_gate(void)
{
    struct oi_gate *gate = oi_thread.gate;
    if (gate)
        return gate;
    gate = oi_life_confined() && !oi_pool_mapped(&gates) ? NULL : oi_pool_take(&gates);
    if (!gate) {
        how = CLOSED; /* from here on it cannot be told */
        return NULL;
    }
    uint64_t life = atomic_load_explicit(&gate->state, memory_order_relaxed) >> COUNT_BITS;
    atomic_store_explicit(&gate->state, life << COUNT_BITS, memory_order_relaxed);
    oi_thread.gate = gate;
    pthread_setspecific(thread_end, gate);
    return gate;
}

struct oi_gate_ticket oi_gate_enter(void)
{
    struct oi_gate *gate = how == COUNTING ? own_gate() : NULL;
    if (!gate)
        return (struct oi_gate_ticket){0};
    uint64_t state = atomic_fetch_add_explicit(&gate->state, 1, memory_order_relaxed);
    return (struct oi_gate_ticket){gate, (uint32_t)(state >> COUNT_BITS)};
}

void oi_gate_leave(struct oi_gate_ticket *ticket)
{
    struct oi_gate *gate = ticket->gate;
    ticket->gate = NULL;
    if (!gate)
        return;
    uint64_t state = atomic_load_explicit(&gate->state, memory_order_relaxed);
    while ((uint32_t)(state >> COUNT_BITS) == ticket->life && (uint32_t)state > 0 &&
           !atomic_compare_exchange_weak_explicit(&gate->state, &state, state - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

bool oi_gate_closed(void)
{
    if (how != COUNTING)
        return how == CLOSED;
    struct oi_gate *gate = oi_thread.gate;
    return gate && (uint32_t)atomic_load_explicit(&gate->state, memory_order_relaxed) > 1;
}
