#include "hooks/outgoing.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/pool.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/readable.h"

#define FUNCTIONS(X)                                                                                                   \
    X(send)                                                                                                            \
    X(sendmsg)

OI_LIBC_FUNCTIONS

enum { SENDINGS = 4096 };
enum { PIECES = 16 }; /* of a vector, that are handed on in one call with ours */

static struct oi_pool sendings = {.slot_size = OI_SENDING_SIZE, .count = SENDINGS};

void oi_outgoing_resolve(void)
{
    resolve_all();
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

/* --- what is left of ours
 * ----------------------------------------------------------------------------------------------------------------------
 */

/* Of the connection's life that was seen, if it is still the same socket. */
static struct oi_sending *take_remainder(struct oi_connection_seen seen, int fd)
{
    struct oi_connection *connection = seen.connection;
    if (!atomic_load_explicit(&connection->remainder, memory_order_relaxed))
        return NULL;
    struct oi_sending *left = atomic_exchange_explicit(&connection->remainder, NULL, memory_order_acq_rel);
    if (left && (left->generation != seen.generation || !oi_connection_same_socket(connection, fd))) {
        oi_pool_give(&sendings, left);
        return NULL;
    }
    return left;
}

static bool is_cut(const struct oi_sending *sending)
{
    return (sending->sent > 0 && sending->sent < sending->length) ||
           (sending->ids_sent > 0 && sending->ids_sent < sending->ids_length);
}

void oi_sending_give(struct oi_sending *sending)
{
    oi_pool_give(&sendings, sending);
}

/* The connection may end meanwhile: whoever takes the remainder out again, gives it back. */
static void put_remainder(struct oi_connection_seen seen, struct oi_sending *left)
{
    struct oi_sending *none = NULL;
    if (!atomic_compare_exchange_strong(&seen.connection->remainder, &none, left)) {
        oi_pool_give(&sendings, left);
        return;
    }
    struct oi_sending *same = left;
    if (atomic_load_explicit(&seen.connection->generation, memory_order_seq_cst) != seen.generation &&
        atomic_compare_exchange_strong(&seen.connection->remainder, &same, NULL))
        oi_pool_give(&sendings, left);
}

/* --- before
 * ------------------------------------------------------------------------------------------------------------------------
 */

static struct oi_connection *hold(struct oi_outgoing *out)
{
    struct oi_connection *connection = oi_connection_hold(out->seen);
    if (connection && connection->client.over) {
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
    if (connection && oi_http_client_find(connection, pieces, count, out->from, out->at.end, &found))
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
    if (!oi_http1_inside(&connection->client.requests)) {
        connection->client.now_unix_ns = oi_clock_ns(CLOCK_REALTIME);
        connection->client.now_mono_ns = oi_mono_ns();
    }
    struct oi_http_ahead found = {0};
    if (oi_http_client_find(connection, pieces, count, out->from, out->at.end, &found)) {
        out->sending = oi_pool_take(&sendings);
        if (out->sending) {
            out->sending->generation = out->seen.generation;
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

static bool plausible(const void *at)
{
    enum { FIRST_PAGES = 65536 }; /* nothing is mapped there; the upper half of all addresses is the kernel's */
    return (intptr_t)at >= FIRST_PAGES;
}

/* Up to the first piece that cannot be read: the kernel is the one to say so. */
static size_t readable(const struct iovec *pieces, size_t count)
{
    size_t i = 0;
    if (!oi_readable(pieces, count * sizeof *pieces))
        return 0;
    while (i < count && (pieces[i].iov_len == 0 || plausible(pieces[i].iov_base)))
        i++;
    return i;
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

static void begin_at(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, uint64_t from,
                     uint64_t total, bool may_add)
{
    out->sending = NULL;
    out->adds = out->ahead = false;
    out->from = from;
    out->at = (struct oi_http_ahead){.place = from, .end = total, .ids = from};
    struct oi_sending *left = may_add ? take_remainder(out->seen, fd) : NULL;
    if (left) {
        continue_with(out, left, pieces, count);
    } else if (oi_outgoing_telling(out->seen)) {
        read_ahead(out, fd, pieces, count, may_add);
        oi_guard_leave();
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
    count = readable(pieces, count);
    uint64_t total = bytes_of(pieces, count);
    if (out->owed)
        out->adds = true;
    else if (total > 0)
        begin_at(out, fd, pieces, count, 0, total, may_add);
    errno = saved;
}

/* --- the real call
 * -----------------------------------------------------------------------------------------------------------------
 */

struct layout {
    struct iovec pieces[PIECES];
    size_t used;
    uint64_t bytes;
    uint64_t reached; /* of the program's bytes */
    bool has_headers;
};

static bool lay(struct layout *layout, void *at, size_t length)
{
    if (layout->used == PIECES)
        return false;
    layout->pieces[layout->used++] = (struct iovec){at, length};
    layout->bytes += length;
    return true;
}

/* The program's bytes up to `to`. False: there are more pieces than have room. */
static bool lay_pieces(struct layout *layout, const struct iovec *pieces, size_t count, uint64_t to)
{
    uint64_t at = 0;
    for (size_t i = 0; i < count && layout->reached < to; at += pieces[i++].iov_len) {
        struct iovec part = oi_piece_part(&pieces[i], at, layout->reached, to);
        if (part.iov_len == 0)
            continue;
        if (!lay(layout, part.iov_base, part.iov_len))
            return false;
        layout->reached += part.iov_len;
    }
    return true;
}

/* What stands in place of the ids of a forwarded traceparent, as long as they are. */
static bool lay_ids(struct layout *layout, const struct oi_outgoing *out, const struct iovec *pieces, size_t count)
{
    struct oi_sending *sending = out->sending;
    uint64_t end = out->at.ids + sending->ids_length - sending->ids_sent;
    if (sending->ids_sent == sending->ids_length || layout->reached >= end)
        return true;
    if (!lay_pieces(layout, pieces, count, out->at.ids))
        return false;
    uint64_t done = layout->reached - out->at.ids, stop = end < out->at.end ? end : out->at.end;
    if (!lay(layout, sending->ids + sending->ids_sent + done, (size_t)(stop - layout->reached)))
        return false;
    layout->reached = stop;
    return true;
}

static void lay_out(struct layout *layout, const struct oi_outgoing *out, const struct iovec *pieces, size_t count,
                    uint64_t at)
{
    struct oi_sending *sending = out->sending;
    layout->used = 0;
    layout->bytes = 0;
    layout->reached = at;
    layout->has_headers = false;
    if (sending && !lay_ids(layout, out, pieces, count))
        return;
    if (sending && sending->sent < sending->length) {
        if (!lay_pieces(layout, pieces, count, out->at.place) ||
            !lay(layout, sending->text + sending->sent, sending->length - sending->sent))
            return;
        layout->has_headers = true;
    }
    lay_pieces(layout, pieces, count, out->at.end);
}

/* The kernel took `taken` bytes of what was laid out from `at` on: how far the program's have got. */
static uint64_t account(const struct layout *layout, struct oi_outgoing *out, uint64_t at, uint64_t taken)
{
    struct oi_sending *sending = out->sending;
    if (!sending || !layout->has_headers || taken <= out->at.place - at)
        return at + taken;
    uint64_t ours = taken - (out->at.place - at), left = sending->length - sending->sent;
    if (ours >= left) {
        sending->sent = sending->length;
        return out->at.place + ours - left;
    }
    sending->sent += (uint32_t)ours;
    return out->at.place;
}

/* Everything of ours is out: the rest of the program's array goes as it is. */
static bool rest_of_array(const struct oi_outgoing *out, struct msghdr *message, const struct iovec *pieces,
                          size_t count, uint64_t at, uint64_t total)
{
    const struct oi_sending *sending = out->sending;
    uint64_t begin = 0;
    size_t i = 0;
    if (out->at.end != total ||
        (sending && (sending->sent < sending->length || at < out->at.ids + sending->ids_length)))
        return false;
    while (i < count && begin < at)
        begin += pieces[i++].iov_len;
    if (begin != at || i == count)
        return false;
    message->msg_iov = (struct iovec *)(uintptr_t)(pieces + i);
    message->msg_iovlen = count - i;
    return true;
}

/* Not closed, by another thread, since the call began: what comes next would go to a stranger. */
static bool is_open(struct oi_connection_seen seen)
{
    return atomic_load_explicit(&seen.connection->generation, memory_order_acquire) == seen.generation;
}

/* The program's bytes from out->from to out->at.end, and ours: how many of its own have gone, or -1. What a further
 * call fails with, after bytes of the program's have gone, is for the program's next one. */
static ssize_t transmit(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, int flags,
                        uint64_t total)
{
    struct layout layout;
    uint64_t at = out->from;
    ssize_t taken;
    for (;;) {
        struct msghdr message = {0};
        bool whole = rest_of_array(out, &message, pieces, count, at, total);
        if (whole) {
            layout.bytes = total - at;
            layout.reached = total;
            layout.has_headers = false;
        } else {
            lay_out(&layout, out, pieces, count, at);
            message.msg_iov = layout.pieces;
            message.msg_iovlen = layout.used;
        }
        taken =
            real.sendmsg_(fd, &message, flags | (at > 0 ? MSG_NOSIGNAL : 0) | (layout.reached < total ? MSG_MORE : 0));
        if (taken < 0)
            break;
        at = account(&layout, out, at, (uint64_t)taken);
        if (at == out->at.end || taken == 0 || ((uint64_t)taken < layout.bytes && at > out->from) ||
            (at > 0 && !is_open(out->seen)))
            break;
    }
    struct oi_sending *sending = out->sending;
    if (sending && at > out->at.ids) {
        uint64_t gone = at - out->at.ids, left = sending->ids_length - sending->ids_sent;
        sending->ids_sent += (uint32_t)(gone < left ? gone : left);
    }
    if (taken < 0 && at > 0 && oi_connection_gone(errno) && errno != EPIPE && is_open(out->seen))
        atomic_store_explicit(&out->seen.connection->owed, errno, memory_order_relaxed);
    return at > out->from ? (ssize_t)(at - out->from) : taken < 0 ? -1 : 0;
}

ssize_t oi_outgoing_send(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, int flags)
{
    int saved = errno;
    if (out->owed) {
        errno = out->owed;
        return -1;
    }
    count = readable(pieces, count);
    uint64_t total = bytes_of(pieces, count), done = 0;
    for (;;) {
        ssize_t put = transmit(out, fd, pieces, count, flags, total);
        bool all = put > 0 && out->from + (uint64_t)put == out->at.end;
        oi_outgoing_end(out, fd, pieces, count, put);
        if (put > 0)
            done += (uint64_t)put;
        if (!all || done == total || !is_open(out->seen)) {
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
    struct oi_sending *left = seen.connection ? take_remainder(seen, fd) : NULL;
    errno = saved;
    if (!left)
        return true;
    flags &= MSG_NOSIGNAL | MSG_DONTWAIT;
    while (left->sent < left->length) {
        ssize_t taken = real.send_(fd, left->text + left->sent, left->length - left->sent, flags | MSG_MORE);
        if (taken < 0) {
            put_remainder(seen, left);
            return false;
        }
        left->sent += (uint32_t)taken;
    }
    if (is_cut(left)) /* ids: they are the program's bytes, and it goes on with its own */
        oi_connection_lose(seen);
    oi_pool_give(&sendings, left);
    errno = saved;
    return true;
}

/* --- after
 * -------------------------------------------------------------------------------------------------------------------------
 */

static void tell_ahead(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, ssize_t put)
{
    bool exports = false;
    int error = errno;
    uint64_t to = out->from + (put > 0 ? (uint64_t)put : 0);
    if (!oi_outgoing_telling(out->seen))
        return;
    struct oi_connection *connection = oi_connection_hold(out->seen);
    if (connection) {
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
    if (out->sending && is_cut(out->sending))
        put_remainder(out->seen, out->sending);
    else if (out->sending)
        oi_pool_give(&sendings, out->sending);
    out->sending = NULL;
    errno = saved;
}
