// build: -shared -fPIC
/* A kernel that takes little: preloaded behind everything else, it hands on at most OI_NARROW bytes of what is sent
 * over a unix socket, or to the port OI_NARROW_PORT (any), at once, a number that differs from call to call, and now
 * and then answers EAGAIN to who does not block.
 *
 * With OI_NARROW_CONFIRMS the port's peer has not confirmed all that was sent to it as soon as the kernel is asked, but
 * so many bytes between one question and the next. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t state = 88172645463325252u;

static size_t below(size_t limit)
{
    uint64_t now = __atomic_load_n(&state, __ATOMIC_RELAXED);
    now ^= now << 13;
    now ^= now >> 7;
    now ^= now << 17;
    __atomic_store_n(&state, now, __ATOMIC_RELAXED);
    return (size_t)(now % limit);
}

static ssize_t narrow(int fd, const struct iovec *pieces, size_t count, int flags)
{
    static size_t most;
    struct iovec some[64];
    size_t used = 0;
    if (!most)
        most = strtoul(getenv("OI_NARROW"), NULL, 10);
    size_t left = 1 + below(most);
    if (below(6) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK)) {
        errno = EAGAIN;
        return -1;
    }
    for (size_t i = 0; i < count && used < 64 && left > 0; i++) {
        some[used] = pieces[i];
        if (some[used].iov_len > left)
            some[used].iov_len = left;
        left -= some[used++].iov_len;
    }
    ssize_t (*real)(int, const struct msghdr *, int) =
        (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    return real(fd, &(struct msghdr){.msg_iov = some, .msg_iovlen = used}, flags);
}

static int is_meant(const struct sockaddr_in *peer)
{
    const char *port = getenv("OI_NARROW_PORT");
    return port && (strcmp(port, "any") == 0 || ntohs(peer->sin_port) == atoi(port));
}

static int is_socket(int fd)
{
    struct stat status;
    int saved = errno, result = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    result = result && getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
             (peer.ss_family == AF_UNIX || (peer.ss_family == AF_INET && is_meant((struct sockaddr_in *)&peer)));
    errno = saved;
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (is_socket(fd))
        return narrow(fd, message->msg_iov, message->msg_iovlen, flags);
    ssize_t (*real)(int, const struct msghdr *, int) =
        (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    return real(fd, message, flags);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
    if (is_socket(fd))
        return narrow(fd, &(struct iovec){(void *)(uintptr_t)buffer, size}, 1, 0);
    ssize_t (*real)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return real(fd, buffer, size);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    if (is_socket(fd))
        return narrow(fd, pieces, (size_t)count, 0);
    ssize_t (*real)(int, const struct iovec *, int) =
        (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    return real(fd, pieces, count);
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *address, socklen_t length)
{
    if (is_socket(fd))
        return narrow(fd, &(struct iovec){(void *)(uintptr_t)buffer, size}, 1, flags);
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
        (ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "sendto");
    return real(fd, buffer, size, flags, address, length);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
    return sendto(fd, buffer, size, flags, NULL, 0);
}

static int real_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    int (*real)(int, int, int, void *, socklen_t *) =
        (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
    return real(fd, level, option, value, length);
}

static int real_ioctl(int fd, unsigned long request, void *argument)
{
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}

/* Once all of it is confirmed, how many bytes that are. */
static uint64_t written(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    for (int open = 1; open != 0;)
        if (real_ioctl(fd, SIOCOUTQ, &open) != 0)
            return 0;
    return real_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_bytes_acked : 0;
}

/* What is not yet confirmed when this question is asked. */
static uint64_t unconfirmed(uint64_t now, uint64_t step)
{
    enum { STEPS = 12 };
    static uint64_t before, left;
    if (now != before)
        left = STEPS * step < now ? STEPS * step : now / step * step;
    before = now;
    return left -= left > 0 ? step : 0;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    const char *step = getenv("OI_NARROW_CONFIRMS");
    uint64_t now = step && level == IPPROTO_TCP && option == TCP_INFO && is_socket(fd) ? written(fd) : 0;
    int result = real_getsockopt(fd, level, option, value, length);
    if (now)
        ((struct tcp_info *)value)->tcpi_bytes_acked = now - unconfirmed(now, strtoul(step, NULL, 10));
    return result;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    const char *step = getenv("OI_NARROW_CONFIRMS");
    uint64_t now = step && request == SIOCOUTQ && is_socket(fd) ? written(fd) : 0;
    int result = real_ioctl(fd, request, argument);
    if (now)
        *(int *)argument = (int)unconfirmed(now, strtoul(step, NULL, 10));
    return result;
}
