/* Bytes over descriptors: everything that reads or writes.
 *
 * A descriptor that is no connection costs a load and a branch. For a connection the real call comes first, with the
 * program's own arguments; what it says that was moved is told afterwards.
 */
#undef _FILE_OFFSET_BITS /* it would give fcntl and sendfile the names of their twins */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/context.h"
#include "hooks/connection.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/outgoing.h"
#include "hooks/readable.h"
#include "hooks/socket.h"

/* The names that -D_FORTIFY_SOURCE calls. */
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room, int flags, struct sockaddr *address,
                       socklen_t *length);

#define FUNCTIONS(X)                                                                                                   \
    X(read)                                                                                                            \
    X(__read_chk)                                                                                                      \
    X(readv)                                                                                                           \
    X(recv)                                                                                                            \
    X(__recv_chk)                                                                                                      \
    X(recvfrom)                                                                                                        \
    X(__recvfrom_chk)                                                                                                  \
    X(recvmsg)                                                                                                         \
    X(recvmmsg)                                                                                                        \
    X(write)                                                                                                           \
    X(writev)                                                                                                          \
    X(send)                                                                                                            \
    X(sendto)                                                                                                          \
    X(sendmsg)                                                                                                         \
    X(sendmmsg)                                                                                                        \
    X(sendfile)                                                                                                        \
    X(sendfile64)                                                                                                      \
    X(splice)

OI_LIBC_FUNCTIONS

void oi_socket_bytes_resolve(void)
{
    resolve_all();
    oi_outgoing_resolve();
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

void oi_socket_received(struct oi_connection_seen seen, int fd, const struct iovec *pieces, ssize_t got, bool wished)
{
    int saved = errno;
    if (!seen.connection) {
        if (got >= 0 && !seen.secured && oi_thread.current && !oi_thread.busy)
            oi_context_set(NULL);
    } else if ((got >= 0 || oi_connection_gone(saved)) && oi_outgoing_telling(seen)) {
        if (got > 0)
            oi_connection_received(seen, fd, pieces, (uint64_t)got);
        else if (got < 0)
            oi_connection_failed(seen, saved, false);
        else if (wished)
            oi_connection_end_of_input(seen);
        oi_guard_leave();
    }
    errno = saved;
}

bool oi_socket_any(const struct iovec *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pieces[i].iov_len > 0)
            return true;
    return false;
}

/* What of a message's flags makes its bytes none of the stream's, or not the program's. */
static bool apart(int flags)
{
    return (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)) != 0;
}

#define WATCHED(fd) __builtin_expect(oi_descriptor_connected(oi_descriptor(fd)), false)

/* --- in ----------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) ssize_t read_watched(int fd, void *buffer, size_t size)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t got = real.read_(fd, buffer, size);
    oi_socket_received(seen, fd, &(struct iovec){buffer, size}, got, size > 0);
    return got;
}

OI_HOOK(ssize_t, read, (int fd, void *buffer, size_t size))
{
    if (OI_HEARD(fd))
        return read_watched(fd, buffer, size);
    return real.read_ ? real.read_(fd, buffer, size) : OI_EARLY(SYS_read, fd, buffer, size, 0);
}

OI_HOOK(ssize_t, __read_chk, (int fd, void *buffer, size_t size, size_t room))
{
    if (OI_HEARD(fd) && size <= room)
        return read_watched(fd, buffer, size);
    return real.__read_chk_ ? real.__read_chk_(fd, buffer, size, room) : OI_EARLY(SYS_read, fd, buffer, size, 0);
}

static __attribute__((noinline)) ssize_t readv_watched(int fd, const struct iovec *pieces, int count)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t got = real.readv_(fd, pieces, count);
    oi_socket_received(seen, fd, pieces, got, got == 0 && oi_socket_any(pieces, (size_t)count));
    return got;
}

OI_HOOK(ssize_t, readv, (int fd, const struct iovec *pieces, int count))
{
    if (OI_HEARD(fd))
        return readv_watched(fd, pieces, count);
    return real.readv_ ? real.readv_(fd, pieces, count) : OI_EARLY(SYS_readv, fd, pieces, count, 0);
}

/* With MSG_TRUNC bytes of a stream are thrown away unseen. */
static __attribute__((noinline)) ssize_t recv_watched(int fd, void *buffer, size_t size, int flags,
                                                      struct sockaddr *address, socklen_t *length)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t got = real.recvfrom_(fd, buffer, size, flags, address, length);
    if (!apart(flags))
        oi_socket_received(seen, fd, flags & MSG_TRUNC ? NULL : &(struct iovec){buffer, size}, got, size > 0);
    return got;
}

OI_HOOK(ssize_t, recv, (int fd, void *buffer, size_t size, int flags))
{
    if (OI_HEARD(fd) && real.recvfrom_)
        return recv_watched(fd, buffer, size, flags, NULL, NULL);
    return real.recv_ ? real.recv_(fd, buffer, size, flags) : OI_EARLY(SYS_recvfrom, fd, buffer, size, flags);
}

OI_HOOK(ssize_t, __recv_chk, (int fd, void *buffer, size_t size, size_t room, int flags))
{
    if (OI_HEARD(fd) && real.recvfrom_ && size <= room)
        return recv_watched(fd, buffer, size, flags, NULL, NULL);
    return real.__recv_chk_ ? real.__recv_chk_(fd, buffer, size, room, flags)
                            : OI_EARLY(SYS_recvfrom, fd, buffer, size, flags);
}

OI_HOOK(ssize_t, recvfrom, (int fd, void *buffer, size_t size, int flags, struct sockaddr *address, socklen_t *length))
{
    if (OI_HEARD(fd) && real.recvfrom_)
        return recv_watched(fd, buffer, size, flags, address, length);
    return real.recvfrom_ ? real.recvfrom_(fd, buffer, size, flags, address, length)
                          : OI_EARLY6(SYS_recvfrom, fd, buffer, size, flags, address, length);
}

OI_HOOK(ssize_t, __recvfrom_chk,
        (int fd, void *buffer, size_t size, size_t room, int flags, struct sockaddr *address, socklen_t *length))
{
    if (OI_HEARD(fd) && real.recvfrom_ && size <= room)
        return recv_watched(fd, buffer, size, flags, address, length);
    return real.__recvfrom_chk_ ? real.__recvfrom_chk_(fd, buffer, size, room, flags, address, length)
                                : OI_EARLY6(SYS_recvfrom, fd, buffer, size, flags, address, length);
}

/* Descriptors that came along with a message: the first part, behind `part` (NULL: from the start), that has any. */
static struct cmsghdr *next_descriptors(const struct msghdr *message_, struct cmsghdr *part)
{
    struct msghdr *message = (struct msghdr *)(uintptr_t)message_;
    do
        part = part ? CMSG_NXTHDR(message, part) : CMSG_FIRSTHDR(message);
    while (part &&
           (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || part->cmsg_len < CMSG_LEN(sizeof(int))));
    return part;
}

/* A worker that is handed its connections never accepts: its thread is started here. */
static __attribute__((noinline)) void passed_on(const struct msghdr *message)
{
    int saved = errno;
    struct cmsghdr *part = next_descriptors(message, NULL);
    bool serves = false;
    if (part && oi_http_server_wanted() && oi_active() && oi_life_in_own_process() && oi_guard_enter()) {
        for (; part; part = next_descriptors(message, part)) {
            size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
                oi_descriptor_found(fd);
                serves = serves || oi_descriptor(fd) != 0;
            }
        }
        oi_guard_leave();
    }
    if (serves)
        oi_worker_need();
    errno = saved;
}

OI_HOOK(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags))
{
    if (!OI_HEARD(fd)) {
        ssize_t got = real.recvmsg_ ? real.recvmsg_(fd, message, flags) : OI_EARLY(SYS_recvmsg, fd, message, flags, 0);
        if (got >= 0 && message->msg_controllen > 0 && !(flags & MSG_ERRQUEUE))
            passed_on(message);
        return got;
    }
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t got = real.recvmsg_(fd, message, flags);
    if (got >= 0 && message->msg_controllen > 0)
        passed_on(message);
    if (!apart(flags))
        oi_socket_received(seen, fd, got < 0 || (flags & MSG_TRUNC) ? NULL : message->msg_iov, got,
                           got == 0 && oi_socket_any(message->msg_iov, message->msg_iovlen));
    return got;
}

OI_HOOK(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout))
{
    if (!OI_HEARD(fd)) {
        int got = real.recvmmsg_ ? real.recvmmsg_(fd, messages, count, flags, timeout)
                                 : (int)OI_EARLY6(SYS_recvmmsg, fd, messages, count, flags, timeout, 0);
        for (int i = 0; i < got && !(flags & MSG_ERRQUEUE); i++)
            if (messages[i].msg_hdr.msg_controllen > 0)
                passed_on(&messages[i].msg_hdr);
        return got;
    }
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    int got = real.recvmmsg_(fd, messages, count, flags, timeout);
    for (int i = 0; i < got && !apart(flags); i++)
        oi_socket_received(seen, fd, flags & MSG_TRUNC ? NULL : messages[i].msg_hdr.msg_iov, messages[i].msg_len,
                           oi_socket_any(messages[i].msg_hdr.msg_iov, messages[i].msg_hdr.msg_iovlen));
    if (got < 0)
        oi_socket_received(seen, fd, NULL, got, false);
    return got;
}

/* --- out ---------------------------------------------------------------------------------------------------------- */

/* What cannot have anything of ours in it: a call that does not only send bytes. */
enum { ALONE = MSG_OOB | MSG_FASTOPEN | MSG_ZEROCOPY | MSG_ERRQUEUE };

/* What the program hands over may not be there; then the call is to say so. */
static bool readable(int fd, const void *at, size_t length)
{
    int saved = errno;
    bool can = oi_outgoing_concerns(fd) && !oi_life_confined() && oi_readable(at, length);
    errno = saved;
    return can;
}

/* As the program's own call does it; `alone`: nothing may be added. `call` is made where nothing is to be. What a
 * connection takes stands apart, so that the wrapper of a call on anything else saves no register. */
#define SEND(fd, pieces, count, flags, alone, call)                                                                    \
    struct oi_outgoing out;                                                                                            \
    if ((alone) && !oi_outgoing_flush((fd), (flags)))                                                                  \
        return -1;                                                                                                     \
    oi_outgoing_begin(&out, (fd), (pieces), (count), !(alone));                                                        \
    if (out.adds)                                                                                                      \
        return oi_outgoing_send(&out, (fd), (pieces), (count), (flags));                                               \
    ssize_t put = (call);                                                                                              \
    if (!apart(flags) || out.sending)                                                                                  \
        oi_outgoing_end(&out, (fd), (pieces), (count), put);                                                           \
    return put

static inline bool answers(struct oi_connection_seen seen)
{
    return seen.connection && seen.connection->role == OI_ROLE_SERVER;
}

/* Of a connection that was accepted nothing of ours goes along: the call is made, and told. */
#define SEND_ANSWER(fd, pieces, flags, call)                                                                           \
    struct oi_connection_seen served = oi_descriptor_connection(fd);                                                   \
    if (answers(served)) {                                                                                             \
        ssize_t answered = (call);                                                                                     \
        if (!apart(flags))                                                                                             \
            oi_outgoing_sent(served, (fd), answered > 0 ? (pieces) : NULL, 0, answered);                               \
        return answered;                                                                                               \
    }

static __attribute__((noinline)) ssize_t write_watched(int fd, const void *buffer, size_t size)
{
    const struct iovec piece = {(void *)(uintptr_t)buffer, size};
    SEND_ANSWER(fd, &piece, 0, real.write_(fd, buffer, size))
    SEND(fd, &piece, 1, 0, false, real.write_(fd, buffer, size));
}

OI_HOOK(ssize_t, write, (int fd, const void *buffer, size_t size))
{
    if (WATCHED(fd))
        return write_watched(fd, buffer, size);
    return real.write_ ? real.write_(fd, buffer, size) : OI_EARLY(SYS_write, fd, buffer, size, 0);
}

/* A call whose arguments cannot be looked at before it is made. */
#define SEND_UNREAD(fd, pieces, flags, call)                                                                           \
    struct oi_connection_seen seen = oi_descriptor_connection(fd);                                                     \
    if (!oi_outgoing_flush((fd), (flags)))                                                                             \
        return -1;                                                                                                     \
    ssize_t put = (call);                                                                                              \
    if (!apart(flags))                                                                                                 \
        oi_outgoing_sent(seen, (fd), put > 0 ? (pieces) : NULL, 0, put);                                               \
    return put

static __attribute__((noinline)) ssize_t writev_unread(int fd, const struct iovec *pieces, int count)
{
    SEND_UNREAD(fd, pieces, 0, real.writev_(fd, pieces, count));
}

__attribute__((noinline)) ssize_t oi_socket_writev(int fd, const struct iovec *pieces, int count)
{
    SEND_ANSWER(fd, pieces, 0, real.writev_(fd, pieces, count))
    if (!readable(fd, pieces, count > 0 ? (size_t)count * sizeof *pieces : 0))
        return writev_unread(fd, pieces, count);
    SEND(fd, pieces, count > 0 ? (size_t)count : 0, 0, false, real.writev_(fd, pieces, count));
}

OI_HOOK(ssize_t, writev, (int fd, const struct iovec *pieces, int count))
{
    if (WATCHED(fd))
        return oi_socket_writev(fd, pieces, count);
    return real.writev_ ? real.writev_(fd, pieces, count) : OI_EARLY(SYS_writev, fd, pieces, count, 0);
}

static __attribute__((noinline)) ssize_t send_watched(int fd, const void *buffer, size_t size, int flags,
                                                      const struct sockaddr *address, socklen_t length)
{
    const struct iovec piece = {(void *)(uintptr_t)buffer, size};
    SEND_ANSWER(fd, &piece, flags, real.sendto_(fd, buffer, size, flags, address, length))
    SEND(fd, &piece, 1, flags, (flags & ALONE) != 0 || address, real.sendto_(fd, buffer, size, flags, address, length));
}

OI_HOOK(ssize_t, send, (int fd, const void *buffer, size_t size, int flags))
{
    if (WATCHED(fd) && real.sendto_)
        return send_watched(fd, buffer, size, flags, NULL, 0);
    return real.send_ ? real.send_(fd, buffer, size, flags) : OI_EARLY(SYS_sendto, fd, buffer, size, flags);
}

OI_HOOK(ssize_t, sendto,
        (int fd, const void *buffer, size_t size, int flags, const struct sockaddr *address, socklen_t length))
{
    if (WATCHED(fd) && real.sendto_)
        return send_watched(fd, buffer, size, flags, address, length);
    return real.sendto_ ? real.sendto_(fd, buffer, size, flags, address, length)
                        : OI_EARLY6(SYS_sendto, fd, buffer, size, flags, address, length);
}

static __attribute__((noinline)) ssize_t sendmsg_unread(int fd, const struct msghdr *message, int flags)
{
    SEND_UNREAD(fd, message->msg_iov, flags, real.sendmsg_(fd, message, flags));
}

static __attribute__((noinline)) ssize_t sendmsg_watched(int fd, const struct msghdr *message, int flags)
{
    SEND_ANSWER(fd, message->msg_iov, flags, real.sendmsg_(fd, message, flags))
    if (!readable(fd, message, sizeof *message) ||
        (message->msg_iovlen <= IOV_MAX && !readable(fd, message->msg_iov, message->msg_iovlen * sizeof(struct iovec))))
        return sendmsg_unread(fd, message, flags);
    SEND(fd, message->msg_iov, message->msg_iovlen, flags,
         (flags & ALONE) != 0 || message->msg_controllen > 0 || message->msg_name, real.sendmsg_(fd, message, flags));
}

OI_HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
    if (WATCHED(fd))
        return sendmsg_watched(fd, message, flags);
    return real.sendmsg_ ? real.sendmsg_(fd, message, flags) : OI_EARLY(SYS_sendmsg, fd, message, flags, 0);
}

/* What is left of ours goes first; false: it cannot, and the call fails. */
static bool flushed(int fd, int flags)
{
    return !WATCHED(fd) || oi_outgoing_flush(fd, flags);
}

OI_HOOK(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags))
{
    if (!WATCHED(fd))
        return real.sendmmsg_ ? real.sendmmsg_(fd, messages, count, flags)
                              : (int)OI_EARLY(SYS_sendmmsg, fd, messages, count, flags);
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    int put = flushed(fd, flags) ? real.sendmmsg_(fd, messages, count, flags) : -1;
    for (int i = 0; i < put && !apart(flags); i++)
        oi_outgoing_sent(seen, fd, messages[i].msg_hdr.msg_iov, 0, messages[i].msg_len);
    if (put < 0)
        oi_outgoing_sent(seen, fd, NULL, 0, put);
    return put;
}

OI_HOOK(ssize_t, sendfile, (int fd, int file, off_t *offset, size_t size))
{
    if (!WATCHED(fd))
        return real.sendfile_ ? real.sendfile_(fd, file, offset, size) : OI_EARLY(SYS_sendfile, fd, file, offset, size);
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t put = answers(seen) || flushed(fd, 0) ? real.sendfile_(fd, file, offset, size) : -1;
    oi_outgoing_sent(seen, fd, NULL, 0, put);
    return put;
}

OI_HOOK(ssize_t, sendfile64, (int fd, int file, off64_t *offset, size_t size))
{
    if (!WATCHED(fd))
        return real.sendfile64_ ? real.sendfile64_(fd, file, offset, size)
                                : OI_EARLY(SYS_sendfile, fd, file, offset, size);
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t put = answers(seen) || flushed(fd, 0) ? real.sendfile64_(fd, file, offset, size) : -1;
    oi_outgoing_sent(seen, fd, NULL, 0, put);
    return put;
}

OI_HOOK(ssize_t, splice, (int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size, unsigned flags))
{
    bool hears = OI_HEARD(in);
    if (!hears && !WATCHED(out))
        return real.splice_ ? real.splice_(in, in_offset, out, out_offset, size, flags)
                            : OI_EARLY6(SYS_splice, in, in_offset, out, out_offset, size, flags);
    struct oi_connection_seen from = oi_descriptor_connection(in), to = oi_descriptor_connection(out);
    ssize_t moved = flushed(out, 0) ? real.splice_(in, in_offset, out, out_offset, size, flags) : -1;
    if (hears && moved >= 0)
        oi_socket_received(from, in, NULL, moved, size > 0);
    if (to.connection && moved > 0)
        oi_outgoing_sent(to, out, NULL, 0, moved);
    return moved;
}
