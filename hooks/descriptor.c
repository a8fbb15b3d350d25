#include "hooks/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/permanent.h"
#include "agent/pool.h"
#include "agent/thread.h"
#include "hooks/connection.h"

enum { CONNECTIONS = 65536 };
enum { LOCKED = 1, ENDED = 2 }; /* of a connection's lock; ENDED: whoever holds it ends the connection */

_Atomic(oi_descriptor_entry *) oi_descriptor_chunks[OI_DESCRIPTOR_CHUNKS];

enum { SLOT = (sizeof(struct oi_connection) + 63) / 64 * 64 };
static struct oi_pool connections = {.slot_size = SLOT, .count = CONNECTIONS, .modest = true};

static struct oi_connection *connection_of(uint32_t entry)
{
    return (struct oi_connection *)(void *)(atomic_load_explicit(&connections.base, memory_order_acquire) +
                                            (size_t)(entry - 1) * SLOT);
}

static uint32_t entry_of(const struct oi_connection *connection)
{
    size_t offset = (size_t)((const char *)connection - atomic_load_explicit(&connections.base, memory_order_relaxed));
    return (uint32_t)(offset / SLOT) + 1;
}

/* Where the entry of a descriptor stands; `make` maps the memory it needs. NULL: there is none, or no memory. */
static oi_descriptor_entry *place(int fd, bool make)
{
    unsigned chunk = (unsigned)fd / OI_DESCRIPTORS_CHUNK;
    if (fd < 0 || chunk >= OI_DESCRIPTOR_CHUNKS)
        return NULL;
    oi_descriptor_entry *entries = atomic_load_explicit(&oi_descriptor_chunks[chunk], memory_order_acquire);
    if (!entries && make && !oi_life_confined()) {
        oi_descriptor_entry *fresh = oi_permanent(sizeof *fresh * OI_DESCRIPTORS_CHUNK);
        if (fresh && atomic_compare_exchange_strong(&oi_descriptor_chunks[chunk], &entries, fresh))
            entries =
                fresh; /* where another thread was first, its chunk is in `entries` and ours is lost: 4 KiB, once */
    }
    return entries ? &entries[(unsigned)fd % OI_DESCRIPTORS_CHUNK] : NULL;
}

/* --- the lives of a connection ------------------------------------------------------------------------------------ */

/* With the lock held, which goes with it. */
static void end(struct oi_connection *connection)
{
    if (connection->role == OI_ROLE_SERVER)
        oi_http_server_end(connection);
    else
        oi_client_end(connection);
    atomic_fetch_add(&connection->generation, 1);
    struct oi_sending *left = atomic_exchange(&connection->remainder, NULL);
    if (left)
        oi_sending_give(left);
    oi_outgoing_unshare(connection);
    atomic_store_explicit(&connection->lock, 0, memory_order_release);
    oi_pool_give(&connections, connection);
}

static void release(uint32_t entry)
{
    if (!oi_descriptor_connected(entry))
        return;
    struct oi_connection *connection = connection_of(entry);
    if (atomic_fetch_sub_explicit(&connection->references, 1, memory_order_acq_rel) != 1)
        return;
    if (!(atomic_fetch_or_explicit(&connection->lock, LOCKED | ENDED, memory_order_acq_rel) & LOCKED))
        end(connection);
}

/* Apart, for the sake of the stack. */
static __attribute__((noinline)) bool lock_in_time(struct oi_connection *connection)
{
    /* Who holds it needs a microsecond, but may have lost its processor: then for some milliseconds. */
    enum { SPINS = 300, NAPS = 200, NAP_NS = 100000, SPINS_CONFINED = 100000 };
    bool confined = oi_life_confined();
    for (int tries = 0; tries < (confined ? SPINS_CONFINED : SPINS + NAPS); tries++) {
        uint32_t free = 0;
        if (atomic_compare_exchange_weak_explicit(&connection->lock, &free, LOCKED, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
        if (tries >= SPINS && !confined)
            oi_futex_wait(&connection->lock, LOCKED, oi_mono_ns() + NAP_NS);
    }
    return false;
}

static inline bool lock(struct oi_connection *connection)
{
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(&connection->lock, &free, LOCKED, memory_order_acquire,
                                                   memory_order_relaxed) ||
           lock_in_time(connection);
}

struct oi_connection *oi_connection_hold(struct oi_connection_seen seen)
{
    struct oi_connection *connection = seen.connection;
    if (!connection || atomic_load_explicit(&connection->generation, memory_order_acquire) != seen.generation ||
        atomic_load_explicit(&connection->lost, memory_order_relaxed))
        return NULL;
    if (!lock(connection)) {
        oi_connection_lose(seen);
        return NULL;
    }
    if (atomic_load_explicit(&connection->generation, memory_order_acquire) == seen.generation)
        return connection;
    oi_connection_leave(connection);
    return NULL;
}

void oi_connection_leave(struct oi_connection *connection)
{
    uint32_t held = LOCKED;
    if (!atomic_compare_exchange_strong_explicit(&connection->lock, &held, 0, memory_order_release,
                                                 memory_order_relaxed))
        end(connection);
}

void oi_connection_lose(struct oi_connection_seen seen)
{
    if (seen.connection && atomic_load_explicit(&seen.connection->generation, memory_order_acquire) == seen.generation)
        atomic_store_explicit(&seen.connection->lost, true, memory_order_relaxed);
}

/* --- descriptors ---------------------------------------------------------------------------------------------------
 */

struct oi_connection_seen oi_descriptor_any_connection(int fd)
{
    uint32_t entry = oi_descriptor(fd);
    if (!oi_descriptor_connected(entry))
        return (struct oi_connection_seen){0};
    struct oi_connection *connection = connection_of(entry);
    uint32_t generation = atomic_load_explicit(&connection->generation, memory_order_acquire);
    /* Between the two its slot may have begun another life, as another descriptor's connection. */
    if ((generation & 1) == 0 || oi_descriptor(fd) != entry)
        return (struct oi_connection_seen){0};
    return (struct oi_connection_seen){.connection = connection, .generation = generation};
}

struct oi_connection_seen oi_descriptor_connection(int fd)
{
    struct oi_connection_seen seen = oi_descriptor_any_connection(fd);
    if (seen.connection && atomic_load_explicit(&seen.connection->secured, memory_order_relaxed))
        return (struct oi_connection_seen){.secured = true};
    return seen;
}

static void read_address(struct oi_address *out, const struct sockaddr *address, socklen_t length)
{
    memset(out, 0, sizeof *out);
    if (!address || length < sizeof(sa_family_t))
        return;
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        out->port = ntohs(in.sin_port);
        memcpy(out->ip, &in.sin_addr, 4);
    } else if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        out->port = ntohs(in.sin6_port);
        memcpy(out->ip, &in.sin6_addr, 16);
    } else if (address->sa_family != AF_UNIX) {
        return;
    }
    out->family = (uint8_t)address->sa_family;
}

uint16_t oi_local_port(int fd)
{
    struct oi_address own;
    struct sockaddr_storage address = {0}; /* for linters, who do not know that getsockname writes to it */
    socklen_t length = sizeof address;
    if (oi_life_confined() || getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    read_address(&own, (struct sockaddr *)&address, length);
    return own.port;
}

static void learn(struct oi_connection *connection, int fd)
{
    union {
        struct sockaddr_storage room;
        struct sockaddr any;
    } address = {0}; /* as above */
    socklen_t length = sizeof address;
    if (oi_life_confined())
        return;
    if (!connection->peer.family && getpeername(fd, &address.any, &length) == 0)
        read_address(&connection->peer, &address.any, length);
    uint64_t cookie;
    length = sizeof cookie;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0)
        connection->cookie = cookie;
}

void oi_descriptors_map(void)
{
    oi_pool_map(&connections);
    place(0, true);
}

/* A connection for the descriptor (-1: none); in it, all but its role's own state. NULL: there is no room. */
static struct oi_connection *make(int fd, const struct sockaddr *peer, socklen_t length)
{
    bool possible = !oi_life_confined() || oi_pool_mapped(&connections);
    struct oi_connection *connection = possible ? oi_pool_take(&connections) : NULL;
    if (!connection)
        return NULL;
    atomic_store_explicit(&connection->references, 1, memory_order_relaxed);
    atomic_store_explicit(&connection->lost, false, memory_order_relaxed);
    atomic_store_explicit(&connection->waited_for, false, memory_order_relaxed);
    atomic_store_explicit(&connection->armed, -1, memory_order_relaxed);
    atomic_store_explicit(&connection->owed, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->added, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->secured, false, memory_order_relaxed);
    connection->apart = false;
    connection->image = oi_span_image();
    connection->forks = oi_life_forks();
    connection->cookie = 0;
    connection->local_port = 0;
    connection->local_known = false;
    read_address(&connection->peer, peer, length);
    if (fd >= 0)
        learn(connection, fd);
    connection->checked = oi_mono_ns();
    return connection;
}

struct oi_connection_seen oi_connection_apart(enum oi_role role)
{
    struct oi_connection *connection = make(-1, NULL, 0);
    if (!connection)
        return (struct oi_connection_seen){0};
    connection->role = (uint8_t)role;
    connection->apart = true;
    connection->local_known = true;
    atomic_store_explicit(&connection->secured, true, memory_order_relaxed);
    /* Nobody knows which loop its bytes come from: there may be one. */
    atomic_store_explicit(&connection->waited_for, true, memory_order_relaxed);
    if (role == OI_ROLE_SERVER)
        oi_http_server_begin(&connection->http);
    else
        oi_client_begin(connection, false, true);
    uint32_t generation = atomic_fetch_add_explicit(&connection->generation, 1, memory_order_release) + 1;
    return (struct oi_connection_seen){.connection = connection, .generation = generation};
}

void oi_connection_end_apart(struct oi_connection_seen seen)
{
    if (seen.connection && atomic_load_explicit(&seen.connection->generation, memory_order_acquire) == seen.generation)
        release(entry_of(seen.connection));
}

static void publish(int fd, struct oi_connection *connection)
{
    oi_descriptor_entry *slot = place(fd, true);
    uint32_t entry = 0;
    if (connection) {
        atomic_fetch_add_explicit(&connection->generation, 1, memory_order_release);
        entry = entry_of(connection);
    }
    if (slot)
        release(atomic_exchange_explicit(slot, entry, memory_order_acq_rel));
    else
        release(entry);
}

void oi_descriptor_accepted(int fd, int listener, const struct sockaddr *peer, socklen_t length)
{
    if (listener >= 0 && !(oi_descriptor(listener) & OI_DESCRIPTOR_LISTENS))
        oi_descriptor_listens(listener);
    if (oi_descriptor_connected(oi_descriptor(fd)))
        oi_connection_closed_unseen();
    uint32_t listening = oi_descriptor(listener);
    struct oi_connection *connection = make(fd, peer, length);
    if (connection) {
        connection->role = OI_ROLE_SERVER;
        if (listening & OI_DESCRIPTOR_LISTENS)
            connection->local_port = (uint16_t)listening;
        connection->local_known = connection->local_port != 0;
        oi_http_server_begin(&connection->http);
    }
    publish(fd, connection);
}

/* connect was called again for one that is under way. */
static bool is_known(int fd)
{
    struct oi_connection *connection = oi_connection_hold(oi_descriptor_any_connection(fd));
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    if (!connection)
        return false;
    bool known = connection->role == OI_ROLE_CLIENT && connection->cookie != 0 &&
                 getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 && cookie == connection->cookie;
    oi_connection_leave(connection);
    return known;
}

void oi_descriptor_opened(int fd, const struct sockaddr *peer, socklen_t length)
{
    int type = 0, flags;
    socklen_t room = sizeof type;
    if (oi_life_confined() || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &room) != 0 ||
        (type != SOCK_STREAM && !oi_gate_follows()) || is_known(fd))
        return;
    struct oi_connection *connection = make(fd, peer, length);
    if (connection) {
        flags = fcntl(fd, F_GETFL);
        connection->role = OI_ROLE_CLIENT;
        oi_client_begin(connection, flags >= 0 && !(flags & O_NONBLOCK), type == SOCK_STREAM);
    }
    publish(fd, connection);
}

void oi_descriptor_found(int fd)
{
    int type = 0, listening = 0;
    socklen_t length = sizeof type;
    if (oi_life_confined() || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
        oi_descriptor_closing(fd); /* the number is another's now than what the table may know */
        return;
    }
    length = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening)
        oi_descriptor_listens(fd);
    else
        oi_descriptor_accepted(fd, -1, NULL, 0); /* who speaks first will show which side it is */
}

void oi_descriptor_listens(int fd)
{
    oi_descriptor_entry *slot = place(fd, true);
    if (slot)
        release(atomic_exchange_explicit(slot, OI_DESCRIPTOR_LISTENS | oi_local_port(fd), memory_order_acq_rel));
}

void oi_descriptor_waits(int epoll)
{
    oi_descriptor_entry *slot = place(epoll, true);
    if (slot && !oi_descriptor_is_set(atomic_load_explicit(slot, memory_order_relaxed)))
        release(atomic_exchange_explicit(slot, OI_DESCRIPTOR_WAITS, memory_order_acq_rel));
}

/* A set that tells once leaves the connection to the thread it has told. */
void oi_descriptor_waited_for(int epoll, int fd, uint32_t events)
{
    uint32_t entry = oi_descriptor(fd);
    if (!oi_descriptor_connected(entry) || !oi_descriptor_is_set(oi_descriptor(epoll)))
        return;
    bool armed = (events & EPOLLIN) != 0 && (events & EPOLLONESHOT) == 0;
    atomic_store_explicit(&connection_of(entry)->armed, armed ? epoll : -1, memory_order_relaxed);
    if (events != 0)
        atomic_store_explicit(&connection_of(entry)->waited_for, true, memory_order_relaxed);
}

void oi_descriptor_blocks(int fd)
{
    uint32_t entry = oi_descriptor(fd);
    if (oi_descriptor_connected(entry))
        atomic_store_explicit(&connection_of(entry)->armed, -1, memory_order_relaxed);
}

/* Of two threads, too far from each other to matter, one may be taken for the other. */
static uint32_t own_number(void)
{
    enum { ALIGNMENT = 64 };
    uint32_t number = (uint32_t)((uintptr_t)&oi_thread / ALIGNMENT) & OI_DESCRIPTOR_WAITER;
    return number ? number : 1;
}

static bool by_another(uint32_t entry)
{
    return oi_descriptor_is_set(entry) && (entry & OI_DESCRIPTOR_WAITER) != 0 &&
           (entry & OI_DESCRIPTOR_WAITER) != own_number();
}

void oi_descriptor_waited(int epoll)
{
    oi_descriptor_entry *slot = place(epoll, false);
    uint32_t entry = slot ? atomic_load_explicit(slot, memory_order_relaxed) : 0;
    if (by_another(entry))
        oi_gate_share();
    if (oi_descriptor_is_set(entry))
        atomic_compare_exchange_strong_explicit(slot, &entry, OI_DESCRIPTOR_WAITS | own_number(), memory_order_relaxed,
                                                memory_order_relaxed);
}

void oi_descriptor_read(int epoll)
{
    if (by_another(oi_descriptor(epoll)))
        oi_gate_share();
}

/* One more reference to the connection of `from`, unless it ends meanwhile (another thread closes `from`). */
static bool refer(int from, uint32_t entry)
{
    struct oi_connection *connection = connection_of(entry);
    uint32_t references = atomic_load_explicit(&connection->references, memory_order_relaxed);
    do {
        if (references == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&connection->references, &references, references + 1,
                                                    memory_order_acq_rel, memory_order_relaxed));
    if (oi_descriptor(from) == entry)
        return true;
    release(entry); /* its slot may serve another descriptor by now */
    return false;
}

bool oi_descriptor_serves(int fd)
{
    uint32_t entry = oi_descriptor(fd);
    return entry != 0 && (!oi_descriptor_connected(entry) || connection_of(entry)->role == OI_ROLE_SERVER);
}

void oi_descriptor_duplicated(int from, int to)
{
    uint32_t entry = oi_descriptor(from);
    oi_descriptor_entry *slot = place(to, entry != 0);
    if (!slot || from == to)
        return;
    if (oi_descriptor_connected(entry) && !refer(from, entry))
        entry = 0;
    release(atomic_exchange_explicit(slot, entry, memory_order_acq_rel));
}

/* Whoever holds a connection keeps it from ending, so that its entry is no other's. */
void oi_descriptor_retire(int fd, struct oi_connection *connection)
{
    oi_descriptor_entry *slot = place(fd, false);
    uint32_t entry = entry_of(connection), known = entry;
    if (slot && atomic_compare_exchange_strong_explicit(slot, &known,
                                                        connection->role == OI_ROLE_SERVER ? OI_DESCRIPTOR_SERVED : 0,
                                                        memory_order_acq_rel, memory_order_relaxed))
        release(entry);
}

void oi_descriptor_closing(int fd)
{
    oi_descriptor_entry *slot = place(fd, false);
    if (slot && atomic_load_explicit(slot, memory_order_relaxed) != 0)
        release(atomic_exchange_explicit(slot, 0, memory_order_acq_rel));
}

void oi_descriptor_closing_range(unsigned first, unsigned last)
{
    for (unsigned chunk = first / OI_DESCRIPTORS_CHUNK; chunk <= last / OI_DESCRIPTORS_CHUNK; chunk++) {
        if (chunk >= OI_DESCRIPTOR_CHUNKS)
            return;
        if (!atomic_load_explicit(&oi_descriptor_chunks[chunk], memory_order_acquire))
            continue;
        unsigned begin = chunk * OI_DESCRIPTORS_CHUNK, stop = begin + OI_DESCRIPTORS_CHUNK - 1;
        for (unsigned fd = begin < first ? first : begin; fd <= (stop > last ? last : stop); fd++)
            oi_descriptor_closing((int)fd);
    }
}
