/* The agent's own use of descriptors: the system call itself.
 *
 * The names libc has for these are hooked by this very object, and a descriptor of the agent's may have a number under
 * which the program's table still knows a connection. Nor are these cancellation points. errno is set as libc would.
 */
#ifndef OI_AGENT_SYSTEM_H
#define OI_AGENT_SYSTEM_H

#include <poll.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline ssize_t oi_system_read(int fd, void *buffer, size_t size)
{
    return syscall(SYS_read, fd, buffer, size);
}

static inline ssize_t oi_system_write(int fd, const void *buffer, size_t size)
{
    return syscall(SYS_write, fd, buffer, size);
}

static inline int oi_system_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

static inline int oi_system_dup(int fd)
{
    return (int)syscall(SYS_dup, fd);
}

static inline int oi_system_poll(struct pollfd *set, nfds_t count, int timeout_ms)
{
#ifdef SYS_poll /* as libc: a filter that knows one call need not know the other */
    return (int)syscall(SYS_poll, set, count, timeout_ms);
#else
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    return (int)syscall(SYS_ppoll, set, count, timeout_ms < 0 ? NULL : &timeout, NULL, (size_t)0);
#endif
}

#endif
