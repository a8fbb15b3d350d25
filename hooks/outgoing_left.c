#include "hooks/outgoing_left.h"

#include <sys/mman.h>

#include "agent/agent.h"
#include "agent/pool.h"
#include "hooks/written.h"

enum { SENDINGS = 1024 };

/* What processes share of it: what has gone, or that one of them has taken it (and may have sent it all). */
#define TAKEN (UINT64_C(1) << 63)
enum { SHARED_SIZE = sizeof(uint64_t), IDS_SHIFT = 32 };

static struct oi_pool sendings = {.slot_size = OI_SENDING_SIZE, .count = SENDINGS, .modest = true};

struct oi_sending *oi_sending_take(struct oi_connection_seen seen)
{
    struct oi_sending *sending = oi_pool_take(&sendings);
    if (sending) {
        sending->generation = seen.generation;
        sending->shared = NULL;
    }
    return sending;
}

void oi_sending_give(struct oi_sending *sending)
{
    if (sending->shared)
        munmap(sending->shared, SHARED_SIZE);
    oi_pool_give(&sendings, sending);
}

bool oi_sending_is_cut(const struct oi_sending *sending)
{
    return (sending->sent > 0 && sending->sent < sending->length) ||
           (sending->ids_sent > 0 && sending->ids_sent < sending->ids_length);
}

static bool claim(struct oi_sending *left)
{
    if (!left->shared)
        return true;
    uint64_t gone = atomic_load_explicit(left->shared, memory_order_acquire);
    if ((gone & TAKEN) || !atomic_compare_exchange_strong(left->shared, &gone, gone | TAKEN))
        return false;
    left->sent = (uint32_t)gone;
    left->ids_sent = (uint32_t)(gone >> IDS_SHIFT);
    return true;
}

struct oi_sending *oi_left_take(struct oi_connection_seen seen, int fd)
{
    struct oi_connection *connection = seen.connection;
    if (!atomic_load_explicit(&connection->remainder, memory_order_relaxed))
        return NULL;
    struct oi_sending *left = atomic_exchange_explicit(&connection->remainder, NULL, memory_order_acq_rel);
    if (!left)
        return NULL;
    if (left->generation == seen.generation && oi_connection_same_socket(connection, fd) && claim(left)) {
        if (left->due == OI_WRITTEN_UNKNOWN || oi_life_confined() || oi_written_is(fd, (uint64_t)left->due))
            return left;
        oi_connection_lose(seen);
    }
    oi_sending_give(left);
    return NULL;
}

/* A fork may come: from then on both processes have it. */
static void share(struct oi_sending *left)
{
    if (!left->shared && !oi_life_confined()) {
        void *page = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        left->shared = page == MAP_FAILED ? NULL : page;
    }
    if (left->shared)
        atomic_store_explicit(left->shared, (uint64_t)left->ids_sent << IDS_SHIFT | left->sent, memory_order_release);
}

/* The connection may end meanwhile: whoever takes the remainder out again, gives it back. */
void oi_left_put(struct oi_connection_seen seen, int fd, struct oi_sending *left)
{
    struct oi_sending *none = NULL;
    left->due = oi_life_confined() ? OI_WRITTEN_UNKNOWN : oi_written(fd);
    share(left);
    if (!atomic_compare_exchange_strong(&seen.connection->remainder, &none, left)) {
        oi_sending_give(left);
        return;
    }
    struct oi_sending *same = left;
    if (atomic_load_explicit(&seen.connection->generation, memory_order_seq_cst) != seen.generation &&
        atomic_compare_exchange_strong(&seen.connection->remainder, &same, NULL))
        oi_sending_give(left);
}
