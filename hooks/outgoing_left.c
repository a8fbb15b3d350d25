#include "hooks/outgoing_left.h"

#include "agent/agent.h"
#include "agent/pool.h"
#include "agent/span.h"
#include "hooks/outgoing_shared.h"
#include "hooks/written.h"

enum { SENDINGS = 1024 };

static struct oi_pool sendings = {.slot_size = OI_SENDING_SIZE, .count = SENDINGS, .modest = true};

struct oi_sending *oi_sending_take(struct oi_connection_seen seen)
{
    struct oi_sending *sending = oi_pool_take(&sendings);
    if (sending) {
        sending->generation = seen.generation;
        sending->shared = false;
    }
    return sending;
}

void oi_sending_give(struct oi_sending *sending)
{
    oi_pool_give(&sendings, sending);
}

bool oi_sending_is_cut(const struct oi_sending *sending)
{
    return (sending->sent > 0 && sending->sent < sending->length) ||
           (sending->ids_sent > 0 && sending->ids_sent < sending->ids_length);
}

/* What a process has left is in `remainder`, for itself, and where others find it; that says whether it is still left.
 * What stands in `remainder` alone, because there was no room, is its own. */
static bool claim(struct oi_connection_seen seen, struct oi_sending *left)
{
    if (left->shared)
        return oi_outgoing_shared_take(seen.connection, left);
    return seen.connection->image == oi_span_image();
}

static struct oi_sending *take_any(struct oi_connection_seen seen)
{
    struct oi_sending *left = NULL;
    if (atomic_load_explicit(&seen.connection->remainder, memory_order_relaxed))
        left = atomic_exchange_explicit(&seen.connection->remainder, NULL, memory_order_acq_rel);
    if (!left && oi_outgoing_shares(seen.connection) && (left = oi_sending_take(seen)))
        left->shared = true;
    return left;
}

struct oi_sending *oi_left_take(struct oi_connection_seen seen, int fd)
{
    struct oi_sending *left = take_any(seen);
    if (!left)
        return NULL;
    if (left->generation == seen.generation && oi_connection_same_socket(seen.connection, fd) && claim(seen, left)) {
        if (left->due == OI_WRITTEN_UNKNOWN || oi_life_confined() || oi_written_is(fd, (uint64_t)left->due))
            return left;
        oi_connection_lose(seen);
    }
    oi_sending_give(left);
    return NULL;
}

/* The connection may end meanwhile: whoever takes the remainder out again, gives it back. */
void oi_left_put(struct oi_connection_seen seen, int fd, struct oi_sending *left)
{
    struct oi_sending *none = NULL;
    left->due = oi_life_confined() ? OI_WRITTEN_UNKNOWN : oi_written(fd);
    left->shared = oi_outgoing_share(seen);
    if ((left->shared && !oi_outgoing_shared_put(seen.connection, left)) ||
        !atomic_compare_exchange_strong(&seen.connection->remainder, &none, left)) {
        oi_sending_give(left);
        return;
    }
    struct oi_sending *same = left;
    if (atomic_load_explicit(&seen.connection->generation, memory_order_seq_cst) != seen.generation &&
        atomic_compare_exchange_strong(&seen.connection->remainder, &same, NULL))
        oi_sending_give(left);
}
