/* From what a real call moved to the bytes a protocol sees. */
#include "hooks/connection.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/context.h"
#include "agent/futex.h"

bool oi_connection_same_socket(const struct oi_connection *connection, int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    if (connection->cookie == 0 || oi_life_confined() ||
        atomic_load_explicit(&connection->secured, memory_order_relaxed)) /* a stranger has not its keys */
        return true;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 && cookie == connection->cookie;
}

static _Atomic bool closes_unseen;

void oi_connection_closed_unseen(void)
{
    atomic_store_explicit(&closes_unseen, true, memory_order_relaxed);
}

bool oi_connection_same_socket_lately(struct oi_connection *connection, int fd, uint64_t now_mono_ns)
{
    static const uint64_t lately = 50 * OI_NS_PER_MS;
    if (now_mono_ns - connection->checked < lately && !atomic_load_explicit(&closes_unseen, memory_order_relaxed))
        return true;
    if (!oi_connection_same_socket(connection, fd)) {
        oi_connection_closed_unseen();
        return false;
    }
    connection->checked = now_mono_ns;
    return true;
}

void oi_connection_secure(struct oi_connection_seen seen)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_CLIENT && !atomic_load_explicit(&connection->secured, memory_order_relaxed))
        oi_client_secure(connection);
    atomic_store_explicit(&connection->secured, true, memory_order_relaxed);
    oi_connection_leave(connection);
}

static void received(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    if (connection->role == OI_ROLE_CLIENT)
        oi_client_received(connection, fd, at, length);
    else
        oi_http_server_received(connection, fd, at, length);
}

/* Who reads from it turns to what it is used for. A thread that waits for an answer in the middle of a request stays in
 * that; one that waits for requests and answers at once may have been told of either. */
static bool turns_to(const struct oi_connection *connection)
{
    return connection->role == OI_ROLE_SERVER || oi_gate_follows() ||
           atomic_load_explicit(&connection->waited_for, memory_order_relaxed);
}

bool oi_connection_is_spent(struct oi_connection_seen seen)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    bool over = false;
    if (!connection)
        return false;
    if (connection->role == OI_ROLE_SERVER)
        over = connection->http.over;
    else if (connection->protocol == OI_CLIENT_HTTP1)
        over = connection->client.over && connection->detector.verdict != OI_WIRE_MORE;
    over = over && !oi_gate_follows() && (connection->apart || !turns_to(connection));
    oi_connection_leave(connection);
    return over;
}

/* One that the program has opened stays: whoever reads from it may turn to what it was opened for. So does one that is
 * written to, in a program of which that is known to tell as much. */
static __attribute__((noinline)) void retire_if_over(struct oi_connection *connection, int fd)
{
    if (connection->role == OI_ROLE_SERVER && connection->http.over && !oi_gate_follows())
        oi_descriptor_retire(fd, connection);
}

void oi_connection_received(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t bytes)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection) {
        if (seen.connection && turns_to(seen.connection))
            oi_context_set(NULL); /* the thread has turned to somebody of whom nothing is known */
        return;
    }
    if (connection->role == OI_ROLE_SERVER)
        connection->http.fresh = NULL;
    else if (turns_to(connection))
        oi_client_turn(connection);
    if (!pieces)
        received(connection, fd, NULL, bytes);
    for (; pieces && bytes > 0; pieces++) {
        size_t length = pieces->iov_len < bytes ? pieces->iov_len : bytes;
        if (length > 0)
            received(connection, fd, pieces->iov_base, length);
        bytes -= length;
    }
    retire_if_over(connection, fd);
    oi_connection_leave(connection);
}

/* True: the program has told us that it traces itself. */
static bool sent(struct oi_connection *connection, int fd, const char *at, size_t length, size_t beyond)
{
    if (connection->role == OI_ROLE_CLIENT)
        return oi_client_sent(connection, fd, at, length, beyond);
    oi_http_server_sent(connection, fd, at, length);
    return false;
}

bool oi_connection_sent(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t from,
                        uint64_t bytes)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    bool exports = false;
    if (!connection)
        return false;
    if (!pieces)
        exports = sent(connection, fd, NULL, bytes, 0);
    for (uint64_t at = 0, to = from + bytes; pieces && at < to; at += pieces++->iov_len) {
        struct iovec part = oi_piece_part(pieces, at, from, to);
        size_t beyond = at + pieces->iov_len > to ? (size_t)(at + pieces->iov_len - to) : 0;
        if (part.iov_len > 0 && sent(connection, fd, part.iov_base, part.iov_len, beyond))
            exports = true;
    }
    connection->now_mono_ns = 0; /* not every call that sends notes the time */
    retire_if_over(connection, fd);
    oi_connection_leave(connection);
    return exports;
}

void oi_connection_end_of_input(struct oi_connection_seen seen)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_CLIENT) {
        if ((oi_client_waits(connection) || oi_gate_follows()) && turns_to(connection))
            oi_client_turn(connection);
        oi_client_end_of_input(connection);
    } else {
        oi_http_server_end_of_input(connection);
    }
    oi_connection_leave(connection);
}

void oi_connection_end_of_output(struct oi_connection_seen seen)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_SERVER) /* a client that has asked may still be answered */
        oi_http_server_end_of_output(connection);
    oi_connection_leave(connection);
}

void oi_connection_failed(struct oi_connection_seen seen, int error, bool sending)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_CLIENT) {
        if (!sending && (oi_client_waits(connection) || oi_gate_follows()) && turns_to(connection))
            oi_client_turn(connection);
        oi_client_failed(connection, error, sending);
    } else {
        oi_http_server_failed(connection, error);
    }
    oi_connection_leave(connection);
}
