/* A connection the program has accepted or opened, and what passes over it.
 *
 * One thread at a time describes what happened: the state is held by a lock that is taken after the real call and
 * never across one, for about a microsecond. A thread that cannot get it in a bounded time, and a signal handler that
 * interrupted the agent, leave the connection without telemetry from there on: what passed cannot be told again.
 */
#ifndef OI_HOOKS_CONNECTION_H
#define OI_HOOKS_CONNECTION_H

#include <netinet/in.h>
#include <sys/uio.h>

#include "agent/address.h"
#include "hooks/descriptor.h"
#include "hooks/http_client.h"
#include "hooks/http_server.h"
#include "hooks/mysql_client.h"
#include "hooks/redis_client.h"
#include "hooks/wire/detect.h"

/* The port of a descriptor's own end; 0: it has none, or a system call filter is in place. */
uint16_t oi_local_port(int fd);

enum oi_role {
    OI_ROLE_SERVER, /* accepted */
    OI_ROLE_CLIENT, /* opened by the program */
};

/* Of a connection that the program opened. Told by the first bytes (hooks/wire/detect.h); until then, and where nothing
 * else is told, HTTP/1, whose parser says itself what is none. */
enum oi_client_protocol { OI_CLIENT_HTTP1, OI_CLIENT_REDIS, OI_CLIENT_MYSQL };

/* What was current when the program opened a connection. */
struct oi_opener {
    const struct oi_active *active;
    uint32_t generation;
    bool blocking;             /* so was the descriptor then */
    uint64_t unix_ns, mono_ns; /* when that was */
    uint64_t said_mono_ns;     /* before the first write */
};

struct oi_connection {
    uint32_t pool_link; /* the pool's */
    _Atomic uint32_t lock;
    _Atomic uint32_t generation; /* odd: open */
    _Atomic uint32_t references; /* descriptors that mean it */
    _Atomic bool lost;           /* something was not seen; nothing is said about it any more */
    _Atomic bool secured;        /* what it says is what TLS brings out, and its descriptor's bytes are none of it */
    bool apart;                  /* it has no descriptor that we know of (hooks/tls.h) */
    _Atomic bool waited_for;     /* in an epoll set that waits for requests, too */
    _Atomic int armed;           /* the epoll set that tells whenever there is something to read; -1: none */
    bool local_known;            /* whether local_port is what there is to know */
    uint16_t local_port;
    struct oi_address peer;
    uint64_t cookie;        /* the kernel's identity of the socket (SO_COOKIE); 0: unknown */
    uint64_t checked;       /* when it last was the one that the descriptor names, by the monotonic clock */
    uint8_t role;           /* enum oi_role */
    uint8_t protocol;       /* enum oi_client_protocol */
    _Atomic int owed;       /* the error of a call that had to be split, for the program's next one; 0: none */
    _Atomic uint64_t added; /* bytes of ours that were sent over it */
    _Atomic(struct oi_sending *) remainder; /* what is left of ours, to be sent before anything else; NULL: nothing */
    _Atomic uint32_t shared; /* where processes share what is left (hooks/outgoing_shared.h); 0: nowhere */
    uint32_t image, forks;   /* which process has opened it, and when (oi_span_image, oi_life_forks) */
    /* Of one that the program opened. */
    struct oi_wire_detector detector;
    struct oi_opener opener;
    uint64_t now_unix_ns, now_mono_ns; /* before the write that is under way; 0: not known */
    union {
        struct oi_http_server http;
        struct oi_http_client client;
        struct oi_redis_client redis;
        struct oi_mysql_client mysql;
    };
};

/* Holds the state of a connection that was seen before a call. NULL: it is not to be had, or another one by now. */
struct oi_connection *oi_connection_hold(struct oi_connection_seen seen);
void oi_connection_leave(struct oi_connection *connection);

/* Nothing more can be said about it. Async-signal-safe. */
void oi_connection_lose(struct oi_connection_seen seen);

/* From here on TLS says what passes over it (hooks/tls.h): its descriptor's bytes are nobody's. What it has been used
 * for before goes on only where a protocol asks for TLS in the middle (MySQL's); a proxy's tunnel begins anew. With the
 * guard held. */
void oi_connection_secure(struct oi_connection_seen seen);

/* Nothing that passes over it says anything any more: neither what is asked for and answered nor, as its descriptor's
 * bytes do in their place, whom a thread turns to. With the guard held. */
bool oi_connection_is_spent(struct oi_connection_seen seen);

/* One that has no descriptor, for a session of TLS that writes to memory; it lasts until oi_connection_end_apart. Its
 * other end is unknown. Where no connection is to be had, `connection` is NULL. With the guard held. */
struct oi_connection_seen oi_connection_apart(enum oi_role role);
void oi_connection_end_apart(struct oi_connection_seen seen);

/* The bytes of `pieces` that the real call took (from byte `from` on) or gave, `bytes` in all; NULL: they were not seen
 * (sendfile). `fd` is the descriptor the call named. With the guard held. True of what was sent: it was an export of
 * traces. */
void oi_connection_received(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t bytes);
bool oi_connection_sent(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t from,
                        uint64_t bytes);

/* The peer sends no more; the program sends no more; a call failed with `error`. */
void oi_connection_end_of_input(struct oi_connection_seen seen);
void oi_connection_end_of_output(struct oi_connection_seen seen);
void oi_connection_failed(struct oi_connection_seen seen, int error, bool sending);

/* --- connections that the program opened (client.c) --------------------------------------------------------------- */

/* Some protocol is wanted that programs speak as clients. */
bool oi_clients_wanted(void);

/* The connection begins, of which no byte has passed yet. One that is no `stream` says what the thread turns to (an
 * answer of a resolver's), and nothing else. */
void oi_client_begin(struct oi_connection *connection, bool blocking, bool stream);

/* TLS begins on it: what was taken for HTTP, or for nothing, is anew. */
void oi_client_secure(struct oi_connection *connection);

/* A request waits for its answer. */
bool oi_client_waits(const struct oi_connection *connection);

/* The thread has turned to this connection: its current span is that of what the connection is used for. */
void oi_client_turn(const struct oi_connection *connection);

/* What passed over it, as its protocol sees it; with the connection held. `beyond`: bytes that stand behind those that
 * were sent, which the program has handed over and the kernel has not taken. */
bool oi_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length, size_t beyond);
void oi_client_received(struct oi_connection *connection, int fd, const char *at, size_t length);
void oi_client_end_of_input(struct oi_connection *connection);
void oi_client_failed(struct oi_connection *connection, int error, bool sending);

/* The last descriptor is closed. */
void oi_client_end(struct oi_connection *connection);

/* Before a write, which may begin a request. */
void oi_client_note_time(struct oi_connection *connection);

/* Begins the span of a request in the write that is under way. An event loop often writes a connection's first request
 * in a later turn: what was current when it was opened counts. With a blocking descriptor, it is the thread that writes
 * which counts. */
void oi_client_start_span(const struct oi_connection *connection, bool first, struct oi_span *span);

/* Where it is connected to: the address, or the path of a unix socket, for which the kernel is asked. How many bytes of
 * it are in `room`; 0: it is not known, or the path is none. */
enum { OI_CLIENT_PLACE = 108 };
size_t oi_client_place(const struct oi_connection *connection, int fd, char room[OI_CLIENT_PLACE]);

/* What a system call failed with, as error.type. */
struct oi_text oi_client_error_name(int error);

/* --------------------------------------------------------------------------------------------------------------------
 */

/* The socket may be closed out of our sight (by a system call of the program's own) and its number be another's by now.
 * Asked where a message begins, so that no stranger's bytes are taken for one, and before anything is added. */
bool oi_connection_same_socket(const struct oi_connection *connection, int fd);

/* The same, but not asked again for 50 ms (a system call takes as much as reading the request): until the program is
 * seen to close sockets so, for then it does it all the time. For what is read; never before something is added. */
bool oi_connection_same_socket_lately(struct oi_connection *connection, int fd, uint64_t now_mono_ns);

/* A descriptor that was taken for a connection has been accepted once more. */
void oi_connection_closed_unseen(void);

/* Gives back what was to be sent (hooks/outgoing.h). */
void oi_sending_give(struct oi_sending *sending);

/* It has ended: nothing of it is shared any more (hooks/outgoing_shared.h). */
void oi_outgoing_unshare(struct oi_connection *connection);

#endif
