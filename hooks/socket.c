/* Descriptors: where connections come from, what else refers to them, and where they end.
 *
 * What is said to agent code stands behind the real call, but for closing: once a descriptor is closed its number may
 * be another thread's. A vfork child shares our memory and has descriptors of its own: what it does is not noted.
 */
#undef _FILE_OFFSET_BITS /* it would give fcntl and sendfile the names of their twins */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/confinement.h"
#include "hooks/connection.h"
#include "hooks/early.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/outgoing.h"
#include "hooks/readable.h"
#include "hooks/socket.h"

int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list list);

#define FUNCTIONS(X)                                                                                                   \
    X(listen)                                                                                                          \
    X(accept)                                                                                                          \
    X(accept4)                                                                                                         \
    X(connect)                                                                                                         \
    X(shutdown)                                                                                                        \
    X(close)                                                                                                           \
    X(close_range)                                                                                                     \
    X(closefrom)                                                                                                       \
    X(dup)                                                                                                             \
    X(dup2)                                                                                                            \
    X(dup3)                                                                                                            \
    X(fcntl)                                                                                                           \
    X(fcntl64)                                                                                                         \
    X(fdopen)                                                                                                          \
    X(fclose)                                                                                                          \
    X(vdprintf)                                                                                                        \
    X(__vdprintf_chk)                                                                                                  \
    X(epoll_ctl)

OI_LIBC_FUNCTIONS

int fcntl64(int fd, int command, ...);

/* Where hooks/stubs.S goes on to, and what it calls first. */
extern void *oi_real_syscall __attribute__((visibility("hidden")));
void *oi_real_syscall;
void oi_syscall_seen(long number, long first, long last, long flags) __attribute__((visibility("hidden")));
long oi_syscall_failed(long error) __attribute__((visibility("hidden")));

void oi_socket_resolve(void)
{
    resolve_all();
    oi_real_syscall = oi_libc_resolve("syscall", (const void *)(uintptr_t)syscall);
}

/* The table may be written to: the agent is at work, this is the program's thread, and the memory is this process's. */
static bool noting(void)
{
    return oi_active() && oi_life_in_own_process() && oi_guard_enter();
}

/* --- becoming a server: the context this process was started in is not that of what it serves --------------------- */

OI_HOOK(int, listen, (int fd, int backlog))
{
    int result = REAL(listen) ? real.listen_(fd, backlog) : MISSING;
    if (result != 0 || !oi_active() || !oi_life_in_own_process())
        return result;
    oi_root_detach();
    if (oi_http_server_wanted() && oi_guard_enter()) {
        oi_descriptor_listens(fd);
        oi_guard_leave();
    }
    return result;
}

/* A forked worker of a server accepts and never calls listen: its thread is started here. */
static void accepted(int fd, int listener, const struct sockaddr *address, const socklen_t *length, socklen_t room)
{
    int saved = errno;
    if (oi_active() && !oi_thread.agent && oi_life_in_own_process()) {
        oi_root_detach();
        if (oi_http_server_wanted()) {
            oi_worker_need();
            if (oi_guard_enter()) {
                bool whole = address && length && *length <= room;
                oi_descriptor_accepted(fd, listener, whole ? address : NULL, whole ? *length : 0);
                oi_context_set(NULL);
                oi_guard_leave();
            }
        }
    }
    errno = saved;
}

/* How much of an address there is room for: afterwards its whole length stands there. */
static socklen_t room_for(const struct sockaddr *address, const socklen_t *length)
{
    return address && length && oi_http_server_wanted() && oi_readable(length, sizeof *length) ? *length : 0;
}

OI_HOOK(int, accept, (int fd, struct sockaddr *address, socklen_t *length))
{
    socklen_t room = room_for(address, length);
    int result = REAL(accept) ? real.accept_(fd, address, length) : MISSING;
    if (result >= 0)
        accepted(result, fd, address, length, room);
    return result;
}

OI_HOOK(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags))
{
    socklen_t room = room_for(address, length);
    int result = REAL(accept4) ? real.accept4_(fd, address, length, flags) : MISSING;
    if (result >= 0)
        accepted(result, fd, address, length, room);
    return result;
}

/* What a library with hooks of its own opens is its hooks' to tell. */
OI_HOOK(int, connect, (int fd, const struct sockaddr *address, socklen_t length))
{
    int result = REAL(connect) ? real.connect_(fd, address, length) : MISSING;
    int saved = errno;
    if ((result == 0 || saved == EINPROGRESS) && (oi_clients_wanted() || oi_http_server_wanted()) && address &&
        length >= sizeof(sa_family_t) &&
        (address->sa_family == AF_INET || address->sa_family == AF_INET6 || address->sa_family == AF_UNIX) &&
        !oi_library_contains(OI_CALLER) && !oi_thread.agent && oi_active() && oi_life_in_own_process()) {
        if (oi_clients_wanted())
            oi_worker_need();
        if (oi_guard_enter()) {
            oi_descriptor_opened(fd, address, length);
            oi_guard_leave();
        }
    }
    errno = saved;
    return result;
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void closing(int fd)
{
    int saved = errno;
    if (noting()) {
        oi_descriptor_closing(fd);
        oi_guard_leave();
    }
    errno = saved;
}

OI_HOOK(int, close, (int fd))
{
    if (__builtin_expect(oi_descriptor(fd) != 0, false))
        closing(fd);
    return real.close_ ? real.close_(fd) : (int)OI_EARLY(SYS_close, fd, 0, 0, 0);
}

/* What libc reads and writes by itself is not seen. */
static void unseen(int fd)
{
    int saved = errno;
    if (oi_descriptor_connected(oi_descriptor(fd)) && noting()) {
        oi_connection_lose(oi_descriptor_connection(fd));
        oi_guard_leave();
    }
    errno = saved;
}

/* What is left of ours goes first; false: it cannot, and nothing may be printed. */
static bool flushed(int fd)
{
    return !oi_descriptor_connected(oi_descriptor(fd)) || oi_outgoing_flush(fd, 0);
}

OI_HOOK(FILE *, fdopen, (int fd, const char *mode))
{
    int saved = errno;
    if (oi_descriptor_connected(oi_descriptor(fd)))
        oi_outgoing_flush(fd, MSG_NOSIGNAL | MSG_DONTWAIT); /* as far as it goes */
    errno = saved;
    FILE *stream = REAL(fdopen) ? real.fdopen_(fd, mode) : NULL;
    if (stream)
        unseen(fd);
    return stream;
}

OI_HOOK(int, vdprintf, (int fd, const char *format, va_list list))
{
    if (!flushed(fd))
        return -1;
    unseen(fd);
    return REAL(vdprintf) ? real.vdprintf_(fd, format, list) : MISSING;
}

OI_HOOK(int, dprintf, (int fd, const char *format, ...))
{
    va_list list;
    if (!flushed(fd))
        return -1;
    unseen(fd);
    va_start(list, format);
    int result = REAL(vdprintf) ? real.vdprintf_(fd, format, list) : MISSING;
    va_end(list);
    return result;
}

OI_HOOK(int, __vdprintf_chk, (int fd, int flag, const char *format, va_list list))
{
    if (!flushed(fd))
        return -1;
    unseen(fd);
    return REAL(__vdprintf_chk) ? real.__vdprintf_chk_(fd, flag, format, list) : MISSING;
}

OI_HOOK(int, __dprintf_chk, (int fd, int flag, const char *format, ...))
{
    va_list list;
    if (!flushed(fd))
        return -1;
    unseen(fd);
    va_start(list, format);
    int result = REAL(__vdprintf_chk) ? real.__vdprintf_chk_(fd, flag, format, list) : MISSING;
    va_end(list);
    return result;
}

/* libc closes the descriptor without asking us. */
OI_HOOK(int, fclose, (FILE * stream))
{
    int saved = errno, fd = stream ? fileno(stream) : -1;
    errno = saved;
    if (oi_descriptor(fd) != 0)
        closing(fd);
    return REAL(fclose) ? real.fclose_(stream) : EOF;
}

static void closing_range(unsigned first, unsigned last)
{
    int saved = errno;
    if (noting()) {
        oi_descriptor_closing_range(first, last);
        oi_guard_leave();
    }
    errno = saved;
}

OI_HOOK(int, close_range, (unsigned first, unsigned last, int flags))
{
    enum { CLOEXEC_ONLY = 4, UNSHARE = 2 }; /* <linux/close_range.h> */
    if (first <= last && (flags & (CLOEXEC_ONLY | UNSHARE)) == 0)
        closing_range(first, last);
    return REAL(close_range) ? real.close_range_(first, last, flags) : MISSING;
}

void oi_syscall_seen(long number, long first, long last, long flags)
{
    if (!oi_relocated())
        return;
    if (number == SYS_close && oi_descriptor((int)first) != 0)
        closing((int)first);
    else if (number == SYS_close_range && (unsigned)first <= (unsigned)last && flags == 0)
        closing_range((unsigned)first, (unsigned)last);
    else if (number == SYS_prctl)
        oi_before_prctl((int)first, (unsigned long)last, (unsigned long)flags);
    else if (number == SYS_seccomp)
        oi_before_seccomp((unsigned)first, (unsigned long)flags);
}

long oi_syscall_failed(long error)
{
    if (oi_relocated())
        errno = (int)-error;
    return -1;
}

OI_HOOK(void, closefrom, (int first))
{
    closing_range(first < 0 ? 0 : (unsigned)first, UINT32_MAX);
    if (REAL(closefrom))
        real.closefrom_(first);
}

OI_HOOK(int, shutdown, (int fd, int how))
{
    struct oi_connection_seen seen = oi_descriptor_any_connection(fd);
    int result = REAL(shutdown) ? real.shutdown_(fd, how) : MISSING;
    int saved = errno;
    if (seen.connection && result == 0 && how != SHUT_RD && noting()) {
        oi_connection_end_of_output(seen);
        oi_guard_leave();
    }
    errno = saved;
    return result;
}

/* --- other names of the same -------------------------------------------------------------------------------------- */

static int duplicated(int from, int to)
{
    int saved = errno;
    if (to >= 0 && (oi_descriptor(from) != 0 || oi_descriptor(to) != 0) && noting()) {
        oi_descriptor_duplicated(from, to);
        oi_guard_leave();
    }
    errno = saved;
    return to;
}

OI_HOOK(int, dup, (int fd))
{
    return duplicated(fd, real.dup_ ? real.dup_(fd) : (int)OI_EARLY(SYS_dup, fd, 0, 0, 0));
}

OI_HOOK(int, dup2, (int from, int to))
{
    return duplicated(from, real.dup2_     ? real.dup2_(from, to)
                            : (from == to) ? (int)OI_EARLY(SYS_fcntl, from, F_GETFD, 0, 0) < 0 ? -1 : to
                                           : (int)OI_EARLY(SYS_dup3, from, to, 0, 0));
}

OI_HOOK(int, dup3, (int from, int to, int flags))
{
    return duplicated(from, real.dup3_ ? real.dup3_(from, to, flags) : (int)OI_EARLY(SYS_dup3, from, to, flags, 0));
}

/* The third argument is a number or an address; either way it is handed on as it came. */
#define FCNTL(name)                                                                                                    \
    va_list list;                                                                                                      \
    va_start(list, command);                                                                                           \
    long argument = va_arg(list, long);                                                                                \
    va_end(list);                                                                                                      \
    int result = real.name ? real.name(fd, command, argument) : (int)OI_EARLY(SYS_fcntl, fd, command, argument, 0);    \
    if (command == F_SETFL && result == 0 && !(argument & O_NONBLOCK))                                                 \
        oi_descriptor_blocks(fd);                                                                                      \
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result

OI_HOOK(int, fcntl, (int fd, int command, ...))
{
    FCNTL(fcntl_);
}

OI_HOOK(int, fcntl64, (int fd, int command, ...))
{
    FCNTL(fcntl64_);
}

OI_HOOK(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event))
{
    int result = REAL(epoll_ctl) ? real.epoll_ctl_(epoll, operation, fd, event) : MISSING;
    int saved = errno;
    if (result == 0 && operation == EPOLL_CTL_ADD && oi_descriptor_serves(fd) &&
        !oi_descriptor_is_set(oi_descriptor(epoll)) && noting()) {
        oi_descriptor_waits(epoll);
        oi_guard_leave();
    }
    if (result == 0)
        oi_descriptor_waited_for(epoll, fd, operation != EPOLL_CTL_DEL && event ? event->events : 0);
    errno = saved;
    return result;
}
