// build: -shared -fPIC
/* A kernel that takes little: preloaded behind everything else, it hands on at most OI_NARROW bytes of what is sent
 * over a unix socket, or to the port OI_NARROW_PORT, at once, a number that differs from call to call, and now and then
 * answers EAGAIN to who does not block. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
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
    return port && ntohs(peer->sin_port) == atoi(port);
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
