/* What the agent knows of the program's descriptors: which are connections it watches, which listen, which are epoll
 * sets that wait for requests. Everything else is ignored, at the price of a load and a branch.
 *
 * The table is indexed by descriptor and grows without moving. A descriptor becomes known where it is made (accept,
 * listen, dup, epoll_ctl …); one that was made out of our sight stays ignored. A connection lives as long as
 * one descriptor refers to it. Its memory is type-stable and its generation tells its lives apart, so that a call which
 * was blocked while another thread closed the descriptor finds out.
 *
 * Everything is async-signal-safe but oi_descriptor_accepted, _listens and _waits, which may map memory.
 */
#ifndef OI_HOOKS_DESCRIPTOR_H
#define OI_HOOKS_DESCRIPTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { OI_DESCRIPTORS_CHUNK = 1024, OI_DESCRIPTOR_CHUNKS = 1024 };

/* An entry: 0 ignored, else one of these, or a connection's number plus one. */
#define OI_DESCRIPTOR_LISTENS UINT32_C(0x80000000) /* with its port in the lower half; 0: none, or unknown */
#define OI_DESCRIPTOR_WAITS UINT32_C(0x40000000)   /* an epoll set with a listening or accepted descriptor in it */
#define OI_DESCRIPTOR_SERVED                                                                                           \
    UINT32_C(0x20000000)                          /* accepted, but what is said there is not HTTP, or not to be told   \
                                                   */
#define OI_DESCRIPTOR_WAITER UINT32_C(0x1fffffff) /* beside _WAITS: which thread has waited on it last; 0: none yet */
#define OI_DESCRIPTOR_NO_CONNECTION (OI_DESCRIPTOR_LISTENS | OI_DESCRIPTOR_WAITS | OI_DESCRIPTOR_SERVED)

typedef _Atomic uint32_t oi_descriptor_entry;
extern _Atomic(oi_descriptor_entry *) oi_descriptor_chunks[OI_DESCRIPTOR_CHUNKS] __attribute__((visibility("hidden")));

/* The entry of a descriptor, whatever the number is; 0 also before the object is relocated. */
static inline uint32_t oi_descriptor(int fd)
{
    unsigned chunk = (unsigned)fd / OI_DESCRIPTORS_CHUNK;
    if (chunk >= OI_DESCRIPTOR_CHUNKS)
        return 0;
    oi_descriptor_entry *entries = atomic_load_explicit(&oi_descriptor_chunks[chunk], memory_order_acquire);
    return entries ? atomic_load_explicit(&entries[(unsigned)fd % OI_DESCRIPTORS_CHUNK], memory_order_acquire) : 0;
}

static inline bool oi_descriptor_connected(uint32_t entry)
{
    return entry != 0 && (entry & OI_DESCRIPTOR_NO_CONNECTION) == 0;
}

static inline bool oi_descriptor_is_set(uint32_t entry)
{
    return (entry & OI_DESCRIPTOR_NO_CONNECTION) == OI_DESCRIPTOR_WAITS;
}

/* A connection at the moment a call on it began. */
struct oi_connection;
struct oi_connection_seen {
    struct oi_connection *connection; /* NULL: not one */
    uint32_t generation;
    bool secured; /* with NULL: what passes over the descriptor is TLS's, and told by its hooks (hooks/tls.h) */
};
struct oi_connection_seen oi_descriptor_connection(int fd);

/* The same, but also one whose bytes are TLS's. */
struct oi_connection_seen oi_descriptor_any_connection(int fd);

/* Maps the memory for connections, which a system call filter may forbid later: then none is made. */
void oi_descriptors_map(void);

/* accept returned `fd` for a listening descriptor; `peer` is the address it told, of `length` bytes (0: none). */
void oi_descriptor_accepted(int fd, int listener, const struct sockaddr *peer, socklen_t length);

/* connect to `peer` has succeeded, or is under way. */
void oi_descriptor_opened(int fd, const struct sockaddr *peer, socklen_t length);

/* A descriptor that was made out of our sight: inherited, or received over a socket. The kernel is asked what it is,
 * unless a system call filter is in place. */
void oi_descriptor_found(int fd);

/* listen succeeded; a listening or accepted descriptor was put into an epoll set. */
void oi_descriptor_listens(int fd);
void oi_descriptor_waits(int epoll);

/* A descriptor is in that epoll set with these events (0: not any more): who waits for requests waits for what comes
 * over it, too. */
void oi_descriptor_waited_for(int epoll, int fd, uint32_t events);

/* Calls on it wait from now on: no loop reads from it, whatever set it is still in (the JDK takes it out later). */
void oi_descriptor_blocks(int fd);

/* This thread has waited on that epoll set, or has read from a connection in it. Another one has, too: they run one
 * loop (agent/gate.h). */
void oi_descriptor_waited(int epoll);
void oi_descriptor_read(int epoll);

/* `to` now refers to what `from` does; what it referred to before is closed by that. */
void oi_descriptor_duplicated(int from, int to);

/* A listening or accepted descriptor, or a set of such: who waits for it waits for requests. */
bool oi_descriptor_serves(int fd);

/* Nothing more is to be said about an accepted connection, which is held: from here on it is known of the descriptor
 * that it is one, and that alone. */
void oi_descriptor_retire(int fd, struct oi_connection *connection);

/* Before the descriptor is closed: the number may serve another thread as soon as it is. */
void oi_descriptor_closing(int fd);

/* Before all descriptors from `first` to `last` (inclusive) are closed. */
void oi_descriptor_closing_range(unsigned first, unsigned last);

#endif
