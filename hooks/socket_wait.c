/* Waiting for the next event: a thread that waits for requests is done with the one it had.
 *
 * Only sets with a listening or accepted descriptor in them say so; a program that waits for a database's answer in the
 * middle of a request stays in it. A set is looked at when the kernel has found it readable, or can be asked. A thread
 * without a current span pays for one load.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/descriptor.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/readable.h"
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

/* Waits for requests. */
static inline bool takes_turns(int epoll)
{
    return oi_descriptor_is_set(oi_descriptor(epoll)) && !oi_thread.busy;
}

/* After the wait. */
static void turn(int epoll, int64_t limit_ns)
{
    if (oi_thread.busy)
        return;
    oi_descriptor_waited(epoll);
    oi_gate_turn(limit_ns);
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

/* Of a set only the words with a descriptor of ours are looked at: it may be shorter than `limit` says, if the process
 * has no such descriptors, and stand anywhere. The kernel changes the set, so it must be before the call. */
static void selects_any(int limit, uintptr_t set)
{
    uintptr_t known = 0;
    fd_mask word = 0;
    for (int fd = 0; set && fd < limit && fd < FD_SETSIZE; fd++) {
        if (oi_descriptor(fd) == 0)
            continue;
        uintptr_t at = set + (size_t)(fd / NFDBITS) * sizeof word;
        if (at != known && !oi_readable((const void *)at, sizeof word))
            return; /* the kernel will say so */
        if (at != known)
            memcpy(&word, (const void *)at, sizeof word);
        known = at;
        if (((unsigned long)word >> fd % NFDBITS & 1) && oi_descriptor_serves(fd)) {
            done_with_request();
            return;
        }
    }
}

static int64_t limit_of_ms(int timeout)
{
    return timeout < 0 ? -1 : timeout * INT64_C(1000000);
}

static int64_t limit_of(const struct timespec *timeout)
{
    const time_t long_time = 1000000;
    return timeout && timeout->tv_sec < long_time ? timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec : -1;
}

/* A wait for requests, or before the constructor. It stands apart, so that the wrapper of any other saves no register.
 */
#define WAIT_SLOWLY(name, limit, ...)                                                                                  \
    if (!real.name##_)                                                                                                 \
        return REAL(name) ? real.name##_(__VA_ARGS__) : MISSING;                                                       \
    done_with_request();                                                                                               \
    int result = real.name##_(__VA_ARGS__);                                                                            \
    if (result >= 0)                                                                                                   \
        turn(epoll, limit);                                                                                            \
    return result

static __attribute__((noinline)) int epoll_wait_slowly(int epoll, struct epoll_event *events, int room, int timeout)
{
    WAIT_SLOWLY(epoll_wait, limit_of_ms(timeout), epoll, events, room, timeout);
}

OI_HOOK(int, epoll_wait, (int epoll, struct epoll_event *events, int room, int timeout))
{
    if (__builtin_expect(!real.epoll_wait_ || takes_turns(epoll), false))
        return epoll_wait_slowly(epoll, events, room, timeout);
    return real.epoll_wait_(epoll, events, room, timeout);
}

static __attribute__((noinline)) int epoll_pwait_slowly(int epoll, struct epoll_event *events, int room, int timeout,
                                                        const sigset_t *mask)
{
    WAIT_SLOWLY(epoll_pwait, limit_of_ms(timeout), epoll, events, room, timeout, mask);
}

OI_HOOK(int, epoll_pwait, (int epoll, struct epoll_event *events, int room, int timeout, const sigset_t *mask))
{
    if (__builtin_expect(!real.epoll_pwait_ || takes_turns(epoll), false))
        return epoll_pwait_slowly(epoll, events, room, timeout, mask);
    return real.epoll_pwait_(epoll, events, room, timeout, mask);
}

static __attribute__((noinline)) int epoll_pwait2_slowly(int epoll, struct epoll_event *events, int room,
                                                         const struct timespec *timeout, const sigset_t *mask)
{
    WAIT_SLOWLY(epoll_pwait2, limit_of(timeout), epoll, events, room, timeout, mask);
}

OI_HOOK(int, epoll_pwait2,
        (int epoll, struct epoll_event *events, int room, const struct timespec *timeout, const sigset_t *mask))
{
    if (__builtin_expect(!real.epoll_pwait2_ || takes_turns(epoll), false))
        return epoll_pwait2_slowly(epoll, events, room, timeout, mask);
    return real.epoll_pwait2_(epoll, events, room, timeout, mask);
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
        selects_any(limit, (uintptr_t)in);
    return REAL(select) ? real.select_(limit, in, out, other, timeout) : MISSING;
}

OI_HOOK(int, pselect,
        (int limit, fd_set *in, fd_set *out, fd_set *other, const struct timespec *timeout, const sigset_t *mask))
{
    if (in_request())
        selects_any(limit, (uintptr_t)in);
    return REAL(pselect) ? real.pselect_(limit, in, out, other, timeout, mask) : MISSING;
}
