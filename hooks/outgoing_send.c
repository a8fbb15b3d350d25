/* The real call, with what of ours goes along. */
#include <errno.h>
#include <sys/socket.h>

#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/outgoing.h"
#include "hooks/outgoing_send.h"

#define FUNCTIONS(X) X(sendmsg)

OI_LIBC_FUNCTIONS

void oi_outgoing_send_resolve(void)
{
    resolve_all();
}

enum { PIECES = OI_OUTGOING_PIECES };

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
    if (!layout->has_headers || taken <= out->at.place - at)
        return at + taken;
    uint64_t ours = taken - (out->at.place - at), left = sending->length - sending->sent;
    uint64_t gone = ours < left ? ours : left;
    sending->sent += (uint32_t)gone;
    atomic_fetch_add_explicit(&out->seen.connection->added, gone, memory_order_relaxed);
    return out->at.place + ours - gone;
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

/* Where ours are the first bytes of a call, the kernel is asked for what it can take at once: a call that waited, took
 * nothing but these and was then ended by a signal or a time-out, could not be told from one that must wait on. */
static ssize_t ask(int fd, const struct msghdr *message, int flags, bool ours_first)
{
    if (!ours_first || (flags & MSG_DONTWAIT))
        return real.sendmsg_(fd, message, flags);
    int saved = errno;
    ssize_t taken = real.sendmsg_(fd, message, flags | MSG_DONTWAIT);
    if (taken >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        return taken;
    errno = saved;
    return real.sendmsg_(fd, message, flags);
}

static void lay_message(struct layout *layout, struct msghdr *message, const struct oi_outgoing *out,
                        const struct iovec *pieces, size_t count, uint64_t at, uint64_t total)
{
    *message = (struct msghdr){0};
    if (rest_of_array(out, message, pieces, count, at, total)) {
        layout->bytes = total - at;
        layout->reached = total;
        layout->has_headers = false;
    } else {
        lay_out(layout, out, pieces, count, at);
        message->msg_iov = layout->pieces;
        message->msg_iovlen = layout->used;
    }
}

ssize_t oi_outgoing_transmit(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, int flags,
                             uint64_t total)
{
    struct layout layout;
    struct msghdr message;
    uint64_t at = out->from;
    ssize_t taken;
    for (;;) {
        lay_message(&layout, &message, out, pieces, count, at, total);
        bool ours_first = layout.has_headers && at == out->at.place;
        int more = (at > 0 ? MSG_NOSIGNAL : 0) | (layout.reached < total ? MSG_MORE : 0);
        taken = ask(fd, &message, flags | more, ours_first);
        if (taken < 0)
            break;
        at = account(&layout, out, at, (uint64_t)taken);
        if (at == out->at.end || taken == 0 || (!ours_first && (uint64_t)taken < layout.bytes && at > out->from) ||
            (at > 0 && !oi_outgoing_is_open(out->seen)))
            break;
    }
    struct oi_sending *sending = out->sending;
    if (sending && at > out->at.ids) {
        uint64_t gone = at - out->at.ids, left = sending->ids_length - sending->ids_sent;
        sending->ids_sent += (uint32_t)(gone < left ? gone : left);
    }
    if (taken < 0 && at > 0 && oi_connection_gone(errno) && errno != EPIPE && oi_outgoing_is_open(out->seen))
        atomic_store_explicit(&out->seen.connection->owed, errno, memory_order_relaxed);
    return at > out->from ? (ssize_t)(at - out->from) : taken < 0 ? -1 : 0;
}
