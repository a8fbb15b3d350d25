/* preadv2 and pwritev2: with -1 for a position they read and write what has none, as sockets. */
#undef _FILE_OFFSET_BITS /* it would give them the names of their twins */

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hooks/connection.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/outgoing.h"
#include "hooks/socket.h"

#define FUNCTIONS(X)                                                                                                   \
    X(preadv2)                                                                                                         \
    X(preadv64v2)                                                                                                      \
    X(pwritev2)                                                                                                        \
    X(pwritev64v2)

OI_LIBC_FUNCTIONS

void oi_socket_positions_resolve(void)
{
    resolve_all();
}

enum { NO_POSITION = -1, HALF = 32 };

#define EARLY(number)                                                                                                  \
    OI_EARLY6(number, fd, pieces, count, position, sizeof(long) > 4 ? 0 : (long)((uint64_t)position >> HALF), flags)
#define READS(fd, position) __builtin_expect((position) == NO_POSITION && OI_HEARD(fd), false)
#define WRITES(fd, position)                                                                                           \
    __builtin_expect((position) == NO_POSITION && oi_descriptor_connected(oi_descriptor(fd)), false)

typedef ssize_t reads_or_writes(int fd, const struct iovec *pieces, int count, off64_t position, int flags);

static __attribute__((noinline)) ssize_t read_watched(reads_or_writes *call, int fd, const struct iovec *pieces,
                                                      int count, int flags)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    ssize_t got = call(fd, pieces, count, NO_POSITION, flags);
    oi_socket_received(seen, fd, pieces, got, got == 0 && oi_socket_any(pieces, (size_t)count));
    return got;
}

/* With flags, nothing of ours goes along; without them, it is writev. */
static __attribute__((noinline)) ssize_t write_flagged(reads_or_writes *call, int fd, const struct iovec *pieces,
                                                       int count, int flags)
{
    struct oi_connection_seen seen = oi_descriptor_connection(fd);
    if (!oi_outgoing_flush(fd, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0))
        return -1;
    ssize_t put = call(fd, pieces, count, NO_POSITION, flags);
    oi_outgoing_sent(seen, fd, pieces, 0, put);
    return put;
}

OI_HOOK(ssize_t, preadv2, (int fd, const struct iovec *pieces, int count, off_t position, int flags))
{
    if (READS(fd, position) && real.preadv2_)
        return read_watched(real.preadv2_, fd, pieces, count, flags);
    return real.preadv2_ ? real.preadv2_(fd, pieces, count, position, flags) : EARLY(SYS_preadv2);
}

OI_HOOK(ssize_t, preadv64v2, (int fd, const struct iovec *pieces, int count, off64_t position, int flags))
{
    if (READS(fd, position) && real.preadv64v2_)
        return read_watched(real.preadv64v2_, fd, pieces, count, flags);
    return real.preadv64v2_ ? real.preadv64v2_(fd, pieces, count, position, flags) : EARLY(SYS_preadv2);
}

OI_HOOK(ssize_t, pwritev2, (int fd, const struct iovec *pieces, int count, off_t position, int flags))
{
    if (WRITES(fd, position) && real.pwritev2_)
        return flags == 0 ? oi_socket_writev(fd, pieces, count)
                          : write_flagged(real.pwritev2_, fd, pieces, count, flags);
    return real.pwritev2_ ? real.pwritev2_(fd, pieces, count, position, flags) : EARLY(SYS_pwritev2);
}

OI_HOOK(ssize_t, pwritev64v2, (int fd, const struct iovec *pieces, int count, off64_t position, int flags))
{
    if (WRITES(fd, position) && real.pwritev64v2_)
        return flags == 0 ? oi_socket_writev(fd, pieces, count)
                          : write_flagged(real.pwritev64v2_, fd, pieces, count, flags);
    return real.pwritev64v2_ ? real.pwritev64v2_(fd, pieces, count, position, flags) : EARLY(SYS_pwritev2);
}
