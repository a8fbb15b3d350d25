/* From what a real call moved to the bytes a protocol sees. */
#include "hooks/connection.h"

#include "agent/context.h"

void oi_connection_received(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t bytes)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection) {
        if (seen.connection && seen.connection->role == OI_ROLE_SERVER)
            oi_context_set(NULL); /* the thread has turned to somebody of whom nothing is known */
        return;
    }
    if (connection->role != OI_ROLE_SERVER)
        bytes = 0;
    else if (!pieces)
        oi_http_server_received(connection, fd, NULL, bytes);
    for (; pieces && bytes > 0; pieces++) {
        size_t length = pieces->iov_len < bytes ? pieces->iov_len : bytes;
        if (length > 0)
            oi_http_server_received(connection, fd, pieces->iov_base, length);
        bytes -= length;
    }
    oi_connection_leave(connection);
}

/* True: the program has told us that it traces itself. */
static bool sent(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    if (connection->role == OI_ROLE_CLIENT)
        return oi_http_client_sent(&connection->client, at, length);
    oi_http_server_sent(connection, fd, at, length);
    return false;
}

bool oi_connection_sent(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t bytes)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    bool exports = false;
    if (!connection)
        return false;
    if (!pieces)
        exports = sent(connection, fd, NULL, bytes);
    for (; pieces && bytes > 0; pieces++) {
        size_t length = pieces->iov_len < bytes ? pieces->iov_len : bytes;
        if (length > 0 && sent(connection, fd, pieces->iov_base, length))
            exports = true;
        bytes -= length;
    }
    oi_connection_leave(connection);
    return exports;
}

void oi_connection_end_of_input(struct oi_connection_seen seen)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_SERVER)
        oi_http_server_end_of_input(connection);
    oi_connection_leave(connection);
}

void oi_connection_end_of_output(struct oi_connection_seen seen)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_SERVER)
        oi_http_server_end_of_output(connection);
    oi_connection_leave(connection);
}

void oi_connection_failed(struct oi_connection_seen seen, int error)
{
    struct oi_connection *connection = oi_connection_hold(seen);
    if (!connection)
        return;
    if (connection->role == OI_ROLE_SERVER)
        oi_http_server_failed(connection, error);
    oi_connection_leave(connection);
}
