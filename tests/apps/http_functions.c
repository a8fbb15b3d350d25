// build: -O2 -D_FORTIFY_SOURCE=2 -pthread
/* A server that uses every function libc has for connections: http_functions FAMILY COUNT, of "inet", "inet6" or
 * "unix". It prints its port or abstract name and serves COUNT connections with one request each, each in another one
 * of the ways it knows to accept, name, wait for, read from, write to and close one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
enum { LENGTH = sizeof answer - 1, ROOM = 1000 };
static char text[ROOM];
static volatile size_t room = ROOM - 100; /* not known to the compiler, which then has it checked */
static int listener;

/* --- ways to read ---------------------------------------------------------------------------------------------------
 */

static ssize_t by_read(int fd)
{
    return read(fd, text, ROOM / 2);
}

static ssize_t by_read_checked(int fd)
{
    return read(fd, text, room);
}

static ssize_t by_readv(int fd)
{
    struct iovec pieces[] = {{text, 7}, {text + 7, 0}, {text + 7, ROOM - 7}};
    return readv(fd, pieces, 3);
}

static ssize_t by_preadv2(int fd)
{
    struct iovec pieces[] = {{text, 9}, {text + 9, ROOM - 9}};
    return preadv2(fd, pieces, 2, -1, 0);
}

static ssize_t by_recv(int fd)
{
    return recv(fd, text, ROOM / 2, 0);
}

static ssize_t by_recv_checked(int fd)
{
    return recv(fd, text, room, 0);
}

static ssize_t by_recvfrom(int fd)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    return recvfrom(fd, text, ROOM / 2, 0, (struct sockaddr *)&from, &length);
}

static ssize_t by_recvfrom_checked(int fd)
{
    return recvfrom(fd, text, room, 0, NULL, NULL);
}

static ssize_t by_recvmsg(int fd)
{
    struct iovec pieces[] = {{text, 3}, {text + 3, ROOM - 3}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    return recvmsg(fd, &message, 0);
}

static ssize_t by_recvmmsg(int fd)
{
    struct iovec piece = {text, ROOM};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    return recvmmsg(fd, &message, 1, 0, NULL) == 1 ? (ssize_t)message.msg_len : -1;
}

static ssize_t by_peek(int fd)
{
    ssize_t got = recv(fd, text, ROOM, MSG_PEEK);
    return got > 0 ? read(fd, text, (size_t)got) : -1;
}

/* --- ways to write --------------------------------------------------------------------------------------------------
 */

static ssize_t by_write(int fd)
{
    return write(fd, answer, LENGTH);
}

static ssize_t by_writev(int fd)
{
    struct iovec pieces[] = {{(char *)(uintptr_t)answer, 5}, {(char *)(uintptr_t)answer + 5, LENGTH - 5}};
    return writev(fd, pieces, 2);
}

static ssize_t by_pwritev2(int fd)
{
    struct iovec piece = {(char *)(uintptr_t)answer, LENGTH};
    return pwritev2(fd, &piece, 1, -1, 0);
}

static ssize_t by_send(int fd)
{
    return send(fd, answer, LENGTH, MSG_NOSIGNAL);
}

static ssize_t by_sendto(int fd)
{
    return sendto(fd, answer, LENGTH, 0, NULL, 0);
}

static ssize_t by_sendmsg(int fd)
{
    struct iovec pieces[] = {{(char *)(uintptr_t)answer, 20}, {(char *)(uintptr_t)answer + 20, LENGTH - 20}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    return sendmsg(fd, &message, 0);
}

static ssize_t by_sendmmsg(int fd)
{
    struct iovec pieces[] = {{(char *)(uintptr_t)answer, 20}, {(char *)(uintptr_t)answer + 20, LENGTH - 20}};
    struct mmsghdr messages[] = {{.msg_hdr = {.msg_iov = pieces, .msg_iovlen = 1}},
                                 {.msg_hdr = {.msg_iov = pieces + 1, .msg_iovlen = 1}}};
    return sendmmsg(fd, messages, 2, 0) == 2 ? LENGTH : -1;
}

static int file_of_body(void)
{
    int file = memfd_create("body", 0);
    if (write(file, answer + LENGTH - 3, 3) != 3)
        exit(1);
    return file;
}

static ssize_t by_file(int fd, ssize_t (*function)(int, int, off_t *, size_t))
{
    int file = file_of_body();
    off_t at = 0;
    ssize_t put = send(fd, answer, LENGTH - 3, MSG_MORE);
    put += function(fd, file, &at, 3);
    close(file);
    return put;
}

static ssize_t by_sendfile(int fd)
{
    return by_file(fd, sendfile);
}

static ssize_t by_sendfile64(int fd)
{
    return by_file(fd, sendfile64);
}

static ssize_t by_splice(int fd)
{
    int ends[2];
    ssize_t put = send(fd, answer, LENGTH - 3, MSG_MORE);
    if (pipe(ends) != 0 || write(ends[1], answer + LENGTH - 3, 3) != 3)
        exit(1);
    put += splice(ends[0], NULL, fd, NULL, 3, 0);
    close(ends[0]);
    close(ends[1]);
    return put;
}

/* --- ways to accept, to name, to wait and to close ------------------------------------------------------------------
 */

static int by_accept(void)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    return accept(listener, (struct sockaddr *)&peer, &length);
}

static int by_accept_small(void)
{
    struct sockaddr peer;
    socklen_t length = 3;
    return accept(listener, &peer, &length);
}

static int by_accept4(void)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int same(int fd)
{
    return fd;
}

static int by_dup(int fd)
{
    int copy = dup(fd);
    close(fd);
    return copy;
}

static int by_dup2(int fd)
{
    int copy = dup2(fd, 100);
    close(fd);
    return copy;
}

static int by_dup2_over(int fd)
{
    int taken = open("/dev/null", O_RDONLY), copy = dup2(fd, taken);
    close(fd);
    return copy;
}

static int by_dup3(int fd)
{
    int copy = dup3(fd, 70000, O_CLOEXEC);
    if (copy < 0) /* so many there may not be */
        copy = dup3(fd, 101, O_CLOEXEC);
    close(fd);
    return copy;
}

static int by_fcntl(int fd)
{
    int copy = fcntl(fd, F_DUPFD, 50);
    close(fd);
    return copy;
}

static int by_fcntl_cloexec(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 60);
    close(fd);
    return copy;
}

static int by_close(int fd)
{
    return close(fd);
}

static int by_shutdown(int fd)
{
    return shutdown(fd, SHUT_WR) | close(fd);
}

static int by_close_range(int fd)
{
    return close_range((unsigned)fd, (unsigned)fd, 0);
}

static int by_closefrom(int fd)
{
    closefrom(fd);
    return 0;
}

static int by_syscall(int fd)
{
    return (int)syscall(SYS_close, fd);
}

static int by_syscall_range(int fd)
{
    return (int)syscall(SYS_close_range, fd, fd, 0);
}

static int by_fclose(int fd)
{
    return fclose(fdopen(fd, "r"));
}

static int by_dup2_file(int fd)
{
    int file = open("/dev/null", O_RDONLY);
    return dup2(file, fd) != fd || close(file) != 0 || close(fd) != 0;
}

static const struct timespec patience = {30, 0};

static int by_poll(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 30000);
}

static int by_ppoll(int fd)
{
    return ppoll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, &patience, NULL);
}

static int by_select(int fd)
{
    fd_set set;
    struct timeval limit = {30, 0};
    if (fd >= FD_SETSIZE)
        return 1;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &limit);
}

static int by_pselect(int fd)
{
    fd_set set;
    if (fd >= FD_SETSIZE)
        return 1;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return pselect(fd + 1, &set, NULL, NULL, &patience, NULL);
}

static int by_epoll(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(EPOLL_CLOEXEC);
    static unsigned times;
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    times++;
    int ready = times % 3 == 0   ? epoll_wait(set, &event, 1, 30000)
                : times % 3 == 1 ? epoll_pwait(set, &event, 1, 30000, NULL)
                                 : epoll_pwait2(set, &event, 1, &patience, NULL);
    close(set);
    return ready;
}

/* --- all of them ----------------------------------------------------------------------------------------------------
 */

static ssize_t (*const reads[])(int) = {by_read,    by_read_checked, by_readv,    by_preadv2,
                                        by_recv,    by_recv_checked, by_recvfrom, by_recvfrom_checked,
                                        by_recvmsg, by_recvmmsg,     by_peek};
static ssize_t (*const writes[])(int) = {by_write,   by_writev,   by_pwritev2, by_send,       by_sendto,
                                         by_sendmsg, by_sendmmsg, by_sendfile, by_sendfile64, by_splice};
static int (*const accepts[])(void) = {by_accept, by_accept_small, by_accept4};
static int (*const names[])(int) = {same, by_dup, by_dup2, by_dup2_over, by_dup3, by_fcntl, by_fcntl_cloexec};
static int (*const waits[])(int) = {by_poll, by_ppoll, by_select, by_pselect, by_epoll};
static int (*const ends[])(int) = {by_close,         by_shutdown, by_close_range, by_syscall,
                                   by_syscall_range, by_fclose,   by_dup2_file,   by_closefrom};
#define COUNT(ways) (sizeof ways / sizeof *ways)

static void serve(size_t number)
{
    int fd = accepts[number % COUNT(accepts)]();
    fd = names[number % COUNT(names)](fd);
    if (fd < 0 || waits[number % COUNT(waits)](fd) != 1)
        exit(2);
    ssize_t got = reads[number % COUNT(reads)](fd);
    if (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0)
        exit(3);
    if (writes[number % COUNT(writes)](fd) != LENGTH)
        exit(4);
    if (ends[number % COUNT(ends)](fd) != 0)
        exit(5);
}

int main(int argc, char **argv)
{
    struct sockaddr_storage own = {0};
    struct sockaddr_in *inet = (struct sockaddr_in *)&own;
    struct sockaddr_in6 *inet6 = (struct sockaddr_in6 *)&own;
    socklen_t length = sizeof own, named;
    if (argc != 3)
        return 2;
    own.ss_family = strcmp(argv[1], "unix") == 0 ? AF_UNIX : strcmp(argv[1], "inet6") == 0 ? AF_INET6 : AF_INET;
    inet->sin_addr.s_addr = own.ss_family == AF_INET ? htonl(INADDR_LOOPBACK) : 0;
    if (own.ss_family == AF_INET6)
        inet6->sin6_addr = in6addr_loopback;
    named = own.ss_family == AF_UNIX ? sizeof(sa_family_t) : own.ss_family == AF_INET6 ? sizeof *inet6 : sizeof *inet;
    listener = socket(own.ss_family, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&own, named) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&own, &length) != 0)
        return 1;
    if (own.ss_family == AF_UNIX)
        printf("%.*s\n", (int)(length - sizeof(sa_family_t) - 1), ((struct sockaddr_un *)&own)->sun_path + 1);
    else
        printf("%d\n", ntohs(inet->sin_port));
    fflush(stdout);
    for (size_t number = 0, count = strtoul(argv[2], NULL, 10); number < count; number++)
        serve(number);
    return 0;
}
