#include "agent/gate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/pool.h"
#include "agent/thread.h"

enum { GATES = 65536, COUNT_BITS = 32 };

/* What a loop takes for now may be older than the clock, and its timers are rounded. */
static const uint64_t SLACK_NS = 2000000;
static const uint64_t NEVER = UINT64_MAX, UNKNOWN = 0;

/* `state` is the thread's life in the upper half, and how many requests it has open in the lower one. The rest is the
 * thread's own. */
struct oi_gate {
    uint32_t pool_link;
    bool doubt;           /* timers may run in this turn, or what was put off */
    bool loops;           /* what it has read last, it has read as a loop */
    uint64_t turn_ns;     /* when it began */
    uint64_t deadline_ns; /* when timers may run */
    _Atomic uint64_t state;
};

static struct oi_pool gates = {.slot_size = sizeof(struct oi_gate), .count = GATES};
static pthread_key_t thread_end;
static _Atomic bool shared; /* a loop is run by several threads */
static volatile enum { OPEN, COUNTING, FOLLOWING, CLOSED } how = CLOSED;

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

void oi_gate_init(enum oi_gate_kind kind)
{
    if (kind == OI_GATE_OPEN)
        how = OPEN;
    else if (pthread_key_create(&thread_end, give_back) == 0 && thread_end < KEYS_WITHOUT_MEMORY)
        how = kind == OI_GATE_FOLLOWS ? FOLLOWING : COUNTING;
}

bool oi_gate_follows(void)
{
    return how == FOLLOWING;
}

static bool needed(void)
{
    return how == COUNTING || how == FOLLOWING;
}

void oi_gate_map(void)
{
    if (needed())
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
    gate->doubt = gate->loops = false;
    gate->turn_ns = UNKNOWN;
    gate->deadline_ns = NEVER;
    oi_thread.gate = gate;
    pthread_setspecific(thread_end, gate);
    return gate;
}

struct oi_gate_ticket oi_gate_enter(void)
{
    struct oi_gate *gate = needed() ? own_gate() : NULL;
    if (!gate)
        return (struct oi_gate_ticket){0};
    uint64_t state = atomic_fetch_add_explicit(&gate->state, 1, memory_order_relaxed);
    return (struct oi_gate_ticket){gate, (uint32_t)(state >> COUNT_BITS)};
}

/* A thread that has ended has given its gate back: that memory stays a gate's, and the life tells. */
__attribute__((no_sanitize_address)) void oi_gate_leave(struct oi_gate_ticket *ticket)
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

/* A loop waits until its next timer is due. It found that out when its last turn began, or later, by the exact clock or
 * by the coarse one, which may be a tick behind: by the time that the coarse one told us then. */
static uint64_t deadline(const struct oi_gate *gate, int64_t limit_ns)
{
    if (limit_ns < 0)
        return NEVER;
    if (gate->turn_ns == UNKNOWN || (uint64_t)limit_ns < SLACK_NS)
        return 0;
    return gate->turn_ns + (uint64_t)limit_ns - SLACK_NS;
}

void oi_gate_turn(int64_t limit_ns)
{
    int saved = errno;
    struct oi_gate *gate = needed() ? own_gate() : NULL;
    errno = saved;
    if (!gate)
        return;
    gate->deadline_ns = deadline(gate, limit_ns);
    gate->doubt = gate->deadline_ns != NEVER && oi_mono_ns() >= gate->deadline_ns;
    gate->turn_ns = oi_clock_ns(CLOCK_MONOTONIC_COARSE);
}

void oi_gate_show(const struct oi_active *active, uint32_t generation)
{
    oi_context_exchange((struct oi_current){active, generation, true});
}

bool oi_gate_over(void)
{
    const struct oi_gate *gate = oi_thread.gate;
    if (!gate)
        return false;
    return (gate->loops && atomic_load_explicit(&shared, memory_order_relaxed)) ||
           (gate->deadline_ns != NEVER && oi_mono_ns() >= gate->deadline_ns);
}

void oi_gate_share(void)
{
    atomic_store_explicit(&shared, true, memory_order_relaxed);
}

bool oi_gate_reads(bool loop)
{
    if (oi_thread.gate)
        oi_thread.gate->loops = loop;
    return !loop || !needed() || !atomic_load_explicit(&shared, memory_order_relaxed);
}

void oi_gate_doubt(void)
{
    if (oi_thread.gate)
        oi_thread.gate->doubt = true;
}

bool oi_gate_closed(void)
{
    struct oi_gate *gate = oi_thread.gate;
    if (!needed())
        return how == CLOSED;
    if (!gate)
        return false;
    return gate->doubt || (how == COUNTING && (uint32_t)atomic_load_explicit(&gate->state, memory_order_relaxed) > 1);
}
