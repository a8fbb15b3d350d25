/* Waiting for the next event: a thread that waits for requests is done with the one it had.
 *
 * Only sets with a listening or accepted descriptor in them say so; a program that waits for a database's answer in the
 * middle of a request stays in it. A set is looked at when the kernel has found it readable. A thread without a current
 * span pays for one load.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/descriptor.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/socket.h"

int __poll_chk(struct pollfd *set, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *set, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room);

#define FUNCTIONS(X)                                                                                                   \
    X(epoll_wait)                                                                                                      \
    X(epoll_pwait)                                                                                                     \
    X(epoll_pwait2)                                                                                                    \
    X(poll)                                                                                                            \
    X(__poll_chk)                                                                                                      \
    X(ppoll)                                                                                                           \
    X(__ppoll_chk)                                                                                                     \
    X(select)                                                                                                          \
    X(pselect)

OI_LIBC_FUNCTIONS

void oi_socket_wait_resolve(void)
{
    resolve_all();
}

/* Relocation comes before thread-local data can be reached. */
static inline bool in_request(void)
{
    return real.epoll_wait_ && oi_thread.current && !oi_thread.busy;
}

static void done_with_request(void)
{
    oi_context_set(NULL);
}

static inline void waits(int epoll)
{
    if (in_request() && oi_descriptor(epoll) == OI_DESCRIPTOR_WAITS)
        done_with_request();
}

/* libc's header says that poll only writes to the set, which makes gcc think that it has no content yet. */
static void waits_for_any(uintptr_t address, nfds_t count)
{
    const struct pollfd *set = (const struct pollfd *)address;
    for (nfds_t i = 0; i < count; i++) {
        if (oi_descriptor_serves(set[i].fd)) {
            done_with_request();
            return;
        }
    }
}

static void selects_any(int limit, const fd_set *set)
{
    for (int fd = 0; set && fd < limit && fd < FD_SETSIZE; fd++) {
        if (oi_descriptor(fd) != 0 && FD_ISSET(fd, set) && oi_descriptor_serves(fd)) {
            done_with_request();
            return;
        }
    }
}

OI_HOOK(int, epoll_wait, (int epoll, struct epoll_event *events, int room, int timeout))
{
    waits(epoll);
    return REAL(epoll_wait) ? real.epoll_wait_(epoll, events, room, timeout) : MISSING;
}

OI_HOOK(int, epoll_pwait, (int epoll, struct epoll_event *events, int room, int timeout, const sigset_t *mask))
{
    waits(epoll);
    return REAL(epoll_pwait) ? real.epoll_pwait_(epoll, events, room, timeout, mask) : MISSING;
}

OI_HOOK(int, epoll_pwait2,
        (int epoll, struct epoll_event *events, int room, const struct timespec *timeout, const sigset_t *mask))
{
    waits(epoll);
    return REAL(epoll_pwait2) ? real.epoll_pwait2_(epoll, events, room, timeout, mask) : MISSING;
}

/* Before the constructor, and in a request: the set is looked at after the call, which fails where it is no memory. */
static __attribute__((noinline)) int poll_slowly(struct pollfd *set, nfds_t count, int timeout)
{
    if (!real.poll_) {
        struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};
        return (int)OI_EARLY(SYS_ppoll, set, count, timeout < 0 ? NULL : &limit, 0);
    }
    int result = real.poll_(set, count, timeout);
    if (result >= 0)
        waits_for_any((uintptr_t)set, count);
    return result;
}

OI_HOOK(int, poll, (struct pollfd * set, nfds_t count, int timeout))
{
    if (__builtin_expect(!real.poll_ || in_request(), false))
        return poll_slowly(set, count, timeout);
    return real.poll_(set, count, timeout);
}

OI_HOOK(int, __poll_chk, (struct pollfd * set, nfds_t count, int timeout, size_t room))
{
    int result = REAL(__poll_chk) ? real.__poll_chk_(set, count, timeout, room) : MISSING;
    if (result >= 0 && in_request() && count <= room / sizeof *set)
        waits_for_any((uintptr_t)set, count);
    return result;
}

OI_HOOK(int, ppoll, (struct pollfd * set, nfds_t count, const struct timespec *timeout, const sigset_t *mask))
{
    int result = REAL(ppoll) ? real.ppoll_(set, count, timeout, mask) : MISSING;
    if (result >= 0 && in_request())
        waits_for_any((uintptr_t)set, count);
    return result;
}

OI_HOOK(int, __ppoll_chk,
        (struct pollfd * set, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room))
{
    int result = REAL(__ppoll_chk) ? real.__ppoll_chk_(set, count, timeout, mask, room) : MISSING;
    if (result >= 0 && in_request() && count <= room / sizeof *set)
        waits_for_any((uintptr_t)set, count);
    return result;
}

OI_HOOK(int, select, (int limit, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout))
{
    if (in_request())
        selects_any(limit, in);
    return REAL(select) ? real.select_(limit, in, out, other, timeout) : MISSING;
}

OI_HOOK(int, pselect,
        (int limit, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout, const sigset_t *mask))
{
    if (in_request())
        selects_any(limit, in);
    return REAL(pselect) ? real.pselect_(limit, in, out, other, timeout, mask) : MISSING;
}
