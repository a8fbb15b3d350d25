#include "hooks/outgoing_shared.h"

#include <string.h>
#include <sys/mman.h>

#include "agent/agent.h"
#include "agent/span.h"

/* A connection's name in the upper bits, so that a late thread never takes what another connection has left. */
enum { NOTHING, BUSY, LEFT, STATE_BITS = 2 };

struct place {
    _Atomic uint64_t state;
    int64_t due;
    uint32_t length, sent, ids_length, ids_sent;
    char ids[OI_SENDING_IDS];
    char text[OI_SENDING_SIZE - sizeof(struct oi_sending)];
};

enum { PAGE = 4096, PLACE = (sizeof(struct place) + PAGE - 1) / PAGE * PAGE, PLACES = 1024, WORD = 64 };

static _Atomic(char *) places;
static _Atomic uint64_t taken[PLACES / WORD];

static struct place *place_of(const struct oi_connection *connection)
{
    uint32_t number = atomic_load_explicit(&connection->shared, memory_order_acquire);
    char *base = atomic_load_explicit(&places, memory_order_acquire);
    return number ? (struct place *)(void *)(base + (size_t)(number - 1) * PLACE) : NULL;
}

static uint64_t state_of(const struct oi_connection *connection, unsigned state)
{
    return connection->cookie << STATE_BITS | state;
}

static bool map_places(void)
{
    char *none = NULL;
    if (atomic_load(&places))
        return true;
    void *fresh =
        mmap(NULL, (size_t)PLACES * PLACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fresh == MAP_FAILED)
        return false;
    if (!atomic_compare_exchange_strong(&places, &none, fresh))
        munmap(fresh, (size_t)PLACES * PLACE); /* another thread was first */
    return true;
}

/* Its number; 0: all are taken. */
static uint32_t take_number(void)
{
    for (uint32_t word = 0; word < PLACES / WORD; word++) {
        uint64_t known = atomic_load_explicit(&taken[word], memory_order_relaxed);
        while (~known != 0) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~known);
            known = atomic_fetch_or(&taken[word], UINT64_C(1) << bit);
            if (!(known >> bit & 1))
                return word * WORD + bit + 1;
        }
    }
    return 0;
}

static void give_number(uint32_t number)
{
    atomic_fetch_and(&taken[(number - 1) / WORD], ~(UINT64_C(1) << (number - 1) % WORD));
}

/* New memory in its place: what other processes share stays theirs. Where that fails, the place is never used again. */
static bool renew(uint32_t number, int kind)
{
    char *at = atomic_load(&places) + (size_t)(number - 1) * PLACE;
    return mmap(at, PLACE, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == at;
}

static void give_back(uint32_t number)
{
    if (!oi_life_confined() && renew(number, MAP_PRIVATE))
        give_number(number);
}

bool oi_outgoing_share(struct oi_connection_seen seen)
{
    struct oi_connection *connection = seen.connection;
    uint32_t none = 0;
    if (atomic_load_explicit(&connection->shared, memory_order_acquire))
        return true;
    if (oi_life_confined() || connection->cookie == 0 || !map_places())
        return false;
    uint32_t number = take_number();
    if (!number || !renew(number, MAP_SHARED))
        return false;
    struct place *place = (struct place *)(void *)(atomic_load(&places) + (size_t)(number - 1) * PLACE);
    atomic_store(&place->state, state_of(connection, NOTHING));
    if (!atomic_compare_exchange_strong(&connection->shared, &none, number)) {
        give_back(number); /* another thread was first */
        return true;
    }
    uint32_t own = number; /* the connection may have ended meanwhile */
    if (atomic_load(&connection->generation) == seen.generation ||
        !atomic_compare_exchange_strong(&connection->shared, &own, 0))
        return true;
    give_back(number);
    return false;
}

void oi_outgoing_unshare(struct oi_connection *connection)
{
    uint32_t number = atomic_exchange(&connection->shared, 0);
    if (number)
        give_back(number);
}

bool oi_outgoing_shares(const struct oi_connection *connection)
{
    struct place *place = place_of(connection);
    return place && atomic_load_explicit(&place->state, memory_order_relaxed) == state_of(connection, LEFT);
}

bool oi_outgoing_shared_put(const struct oi_connection *connection, const struct oi_sending *left)
{
    struct place *place = place_of(connection);
    uint64_t nothing = state_of(connection, NOTHING);
    if (!place || !atomic_compare_exchange_strong(&place->state, &nothing, state_of(connection, BUSY)))
        return false;
    place->due = left->due;
    place->length = left->length;
    place->sent = left->sent;
    place->ids_length = left->ids_length;
    place->ids_sent = left->ids_sent;
    memcpy(place->ids, left->ids, sizeof place->ids);
    memcpy(place->text, left->text, left->length);
    atomic_store(&place->state, state_of(connection, LEFT));
    return true;
}

/* Another process may have written anything there. */
static bool is_sound(const struct oi_sending *left)
{
    return left->length <= sizeof((struct place *)0)->text && left->sent <= left->length &&
           left->ids_length <= sizeof left->ids && left->ids_sent <= left->ids_length;
}

bool oi_outgoing_shared_take(const struct oi_connection *connection, struct oi_sending *left)
{
    struct place *place = place_of(connection);
    uint64_t expected = state_of(connection, LEFT);
    if (!place || !atomic_compare_exchange_strong(&place->state, &expected, state_of(connection, BUSY)))
        return false;
    left->due = place->due;
    left->length = place->length;
    left->sent = place->sent;
    left->ids_length = place->ids_length;
    left->ids_sent = place->ids_sent;
    bool sound = is_sound(left);
    if (sound) {
        memcpy(left->ids, place->ids, sizeof left->ids);
        memcpy(left->text, place->text, left->length);
    }
    atomic_store(&place->state, state_of(connection, NOTHING));
    return sound;
}

/* A process that ended in the middle of moving leaves its place in use for ever. */
bool oi_outgoing_unfindable(const struct oi_connection *connection)
{
    struct place *place = place_of(connection);
    if (place)
        return atomic_load(&place->state) != state_of(connection, NOTHING);
    return connection->image != oi_span_image() || connection->forks != oi_life_forks();
}

/* What was left where there was no room is moved now that there is. */
static void share_remainder(struct oi_connection *connection)
{
    struct oi_sending *none = NULL, *left = atomic_exchange(&connection->remainder, NULL);
    if (!left)
        return;
    left->shared = left->shared || oi_outgoing_shared_put(connection, left);
    if (!atomic_compare_exchange_strong(&connection->remainder, &none, left))
        oi_sending_give(left);
}

static void share_if_open(int fd)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    struct oi_connection *connection = seen.connection;
    if (!connection || connection->role != OI_ROLE_CLIENT || connection->protocol != OI_CLIENT_HTTP1 ||
        connection->client.over || atomic_load_explicit(&connection->lost, memory_order_relaxed))
        return;
    if (oi_outgoing_share(seen) && atomic_load_explicit(&connection->remainder, memory_order_relaxed))
        share_remainder(connection);
}

void oi_outgoing_before_fork(void)
{
    if (!oi_agent.config.inject_sockets || !oi_agent.propagators.writes)
        return;
    for (int chunk = 0; chunk < OI_DESCRIPTOR_CHUNKS; chunk++) {
        oi_descriptor_entry *entries = atomic_load_explicit(&oi_descriptor_chunks[chunk], memory_order_acquire);
        for (int i = 0; entries && i < OI_DESCRIPTORS_CHUNK; i++)
            if (oi_descriptor_connected(atomic_load_explicit(&entries[i], memory_order_relaxed)))
                share_if_open(chunk * OI_DESCRIPTORS_CHUNK + i);
    }
}
