#include "hooks/outgoing.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/outgoing_left.h"
#include "hooks/outgoing_send.h"
#include "hooks/readable.h"

#define FUNCTIONS(X) X(send)

OI_LIBC_FUNCTIONS

void oi_outgoing_resolve(void)
{
    resolve_all();
    oi_outgoing_send_resolve();
}

bool oi_outgoing_is_open(struct oi_connection_seen seen)
{
    return atomic_load_explicit(&seen.connection->generation, memory_order_acquire) == seen.generation;
}

bool oi_outgoing_telling(struct oi_connection_seen seen)
{
    if (oi_thread.agent || !oi_active())
        return false;
    if (oi_guard_enter())
        return true;
    oi_connection_lose(seen);
    return false;
}

bool oi_would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == EINPROGRESS;
}

bool oi_connection_gone(int error)
{
    return error == EPIPE || error == ECONNRESET || error == ECONNABORTED || error == ETIMEDOUT || error == ENETRESET ||
           error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN || error == EHOSTDOWN;
}

bool oi_outgoing_concerns(int fd)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    return seen.connection && seen.connection->role == OI_ROLE_CLIENT;
}

void oi_outgoing_sent(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t from, ssize_t put)
{
    int saved = errno;
    if (put != 0 && (put > 0 || oi_connection_gone(saved)) && oi_outgoing_telling(seen)) {
        bool exports = put > 0 && oi_connection_sent(seen, fd, pieces, from, (uint64_t)put);
        if (put < 0)
            oi_connection_failed(seen, saved, true);
        oi_guard_leave();
        if (exports)
            oi_life_with_sdk();
    }
    errno = saved;
}

/* --- before ------------------------------------------------------------------------------------------------------- */

static struct oi_connection *hold(struct oi_outgoing *out)
{
    struct oi_connection *connection = oi_connection_hold(out->seen);
    if (connection && (connection->protocol != OI_CLIENT_HTTP1 || connection->client.over)) {
        oi_client_note_time(connection);
        oi_connection_leave(connection);
        return NULL;
    }
    if (connection && connection->client.ahead) { /* two threads at once: in which order cannot be told */
        oi_connection_lose(out->seen);
        oi_connection_leave(connection);
        return NULL;
    }
    return connection;
}

/* What is left of ours goes first. It was read ahead already, up to where it stands. */
static void continue_with(struct oi_outgoing *out, struct oi_sending *left, const struct iovec *pieces, size_t count)
{
    out->sending = left;
    out->adds = true;
    out->ahead = false;
    if (!oi_outgoing_telling(out->seen))
        return;
    struct oi_connection *connection = hold(out);
    struct oi_http_ahead found = {0};
    if (connection)
        oi_http_client_look_for_forks(&connection->client);
    if (connection && !oi_life_confined() &&
        oi_http_client_find(connection, pieces, count, out->from, out->at.end, &found))
        out->at.end = found.end; /* what follows is another request, and may be given headers, too */
    if (connection)
        oi_connection_leave(connection);
    oi_guard_leave();
    out->at.place = out->at.ids = out->from;
}

static __attribute__((noinline)) void read_ahead(struct oi_outgoing *out, int fd, const struct iovec *pieces,
                                                 size_t count, bool may_add)
{
    struct oi_connection *connection = hold(out);
    if (!connection)
        return;
    if (!oi_http1_inside(&connection->client.requests))
        oi_client_note_time(connection);
    struct oi_http_ahead found = {0};
    /* Under a filter nothing may be added, and whether the bytes can be read cannot be asked. */
    if (!oi_life_confined() && oi_http_client_find(connection, pieces, count, out->from, out->at.end, &found)) {
        out->sending = oi_sending_take(out->seen);
        if (out->sending) {
            oi_http_client_read_ahead(connection, fd, pieces, count, out->from, out->at.end, may_add, &found,
                                      out->sending);
            out->ahead = true;
            out->adds = found.adds;
            out->at.place = found.place;
            out->at.ids = found.ids;
            if (found.adds)
                out->at.end = found.end;
        }
    }
    oi_connection_leave(connection);
}

void oi_outgoing_look(struct oi_outgoing *out, struct oi_connection_seen seen, int fd, const struct iovec *piece,
                      uint64_t from, uint64_t total, bool may_add)
{
    *out = (struct oi_outgoing){.seen = seen, .from = from, .at = {.place = from, .end = total, .ids = from}};
    read_ahead(out, fd, piece, 1, may_add);
}

static uint64_t bytes_of(const struct iovec *pieces, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len > SSIZE_MAX - bytes)
            return 0; /* the kernel will say so */
        bytes += pieces[i].iov_len;
    }
    return bytes;
}

/* The first of them would succeed where the program's one call fails as a whole. */
static bool in_several_calls(const struct oi_outgoing *out, size_t count, uint64_t total)
{
    enum { OURS = 5 }; /* headers, ids, and what these divide */
    return count > OI_OUTGOING_PIECES - OURS || out->at.end < total;
}

static void add_nothing(struct oi_outgoing *out, uint64_t total)
{
    out->adds = false;
    out->at.end = total;
    out->sending->length = out->sending->ids_length = 0;
}

static void begin_at(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, uint64_t from,
                     uint64_t total, bool may_add)
{
    out->sending = NULL;
    out->adds = out->ahead = false;
    out->from = from;
    out->at = (struct oi_http_ahead){.place = from, .end = total, .ids = from};
    struct oi_sending *left = may_add ? oi_left_take(out->seen, fd) : NULL;
    if (left) {
        continue_with(out, left, pieces, count);
    } else if (oi_outgoing_telling(out->seen)) {
        read_ahead(out, fd, pieces, count, may_add);
        oi_guard_leave();
        if (out->adds && in_several_calls(out, count, total) && !oi_pieces_readable(pieces, count))
            add_nothing(out, total);
    }
}

void oi_outgoing_begin(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, bool may_add)
{
    int saved = errno;
    *out = (struct oi_outgoing){.seen = oi_descriptor_connection(fd)};
    if (!out->seen.connection || out->seen.connection->role != OI_ROLE_CLIENT || count > IOV_MAX)
        return;
    if (atomic_load_explicit(&out->seen.connection->owed, memory_order_relaxed) != 0)
        out->owed = atomic_exchange_explicit(&out->seen.connection->owed, 0, memory_order_relaxed);
    uint64_t total = bytes_of(pieces, count);
    if (out->owed)
        out->adds = true;
    else if (total > 0)
        begin_at(out, fd, pieces, count, 0, total, may_add);
    errno = saved;
}

ssize_t oi_outgoing_send(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, int flags)
{
    int saved = errno;
    if (out->owed) {
        errno = out->owed;
        return -1;
    }
    uint64_t total = bytes_of(pieces, count), done = 0;
    for (;;) {
        ssize_t put = oi_outgoing_transmit(out, fd, pieces, count, flags, total);
        bool all = put > 0 && out->from + (uint64_t)put == out->at.end;
        oi_outgoing_end(out, fd, pieces, count, put);
        if (put > 0)
            done += (uint64_t)put;
        if (!all || done == total || !oi_outgoing_is_open(out->seen)) {
            if (done > 0) /* the last call may have failed */
                errno = saved;
            return done > 0 ? (ssize_t)done : put;
        }
        begin_at(out, fd, pieces, count, done, total, true);
    }
}

bool oi_outgoing_flush(int fd, int flags)
{
    int saved = errno;
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    if (seen.connection && atomic_load_explicit(&seen.connection->owed, memory_order_relaxed) != 0) {
        errno = atomic_exchange_explicit(&seen.connection->owed, 0, memory_order_relaxed);
        return false;
    }
    struct oi_sending *left = seen.connection ? oi_left_take(seen, fd) : NULL;
    errno = saved;
    if (!left)
        return true;
    flags &= MSG_NOSIGNAL | MSG_DONTWAIT;
    while (left->sent < left->length) {
        ssize_t taken = real.send_(fd, left->text + left->sent, left->length - left->sent, flags | MSG_MORE);
        if (taken < 0) {
            oi_left_put(seen, fd, left);
            return false;
        }
        left->sent += (uint32_t)taken;
        atomic_fetch_add_explicit(&seen.connection->added, (uint64_t)taken, memory_order_relaxed);
    }
    if (oi_sending_is_cut(left)) /* ids: they are the program's bytes, and it goes on with its own */
        oi_connection_lose(seen);
    oi_sending_give(left);
    errno = saved;
    return true;
}

/* --- after -------------------------------------------------------------------------------------------------------- */

static void tell_ahead(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, ssize_t put)
{
    bool exports = false;
    int error = errno;
    uint64_t to = out->from + (put > 0 ? (uint64_t)put : 0);
    if (!oi_outgoing_telling(out->seen))
        return;
    struct oi_connection *connection = oi_connection_hold(out->seen);
    if (connection && connection->protocol != OI_CLIENT_HTTP1) {
        oi_connection_lose(out->seen); /* another thread has written something else meanwhile */
        oi_connection_leave(connection);
    } else if (connection) {
        exports = oi_http_client_took(connection, fd, pieces, count, out->from, out->at.place, to, out->sending);
        oi_connection_leave(connection);
    }
    if (put < 0 && oi_connection_gone(error))
        oi_connection_failed(out->seen, error, true);
    oi_guard_leave();
    if (exports)
        oi_life_with_sdk();
}

void oi_outgoing_end(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, ssize_t put)
{
    int saved = errno;
    if (out->ahead)
        tell_ahead(out, fd, pieces, count, put);
    else
        oi_outgoing_sent(out->seen, fd, pieces, out->from, put);
    if (out->sending && out->sending->ids_sent > 0 && out->sending->ids_sent < out->sending->ids_length)
        out->sending->length = 0; /* its place is further on */
    if (out->sending && oi_sending_is_cut(out->sending))
        oi_left_put(out->seen, fd, out->sending);
    else if (out->sending)
        oi_sending_give(out->sending);
    out->sending = NULL;
    errno = saved;
}
