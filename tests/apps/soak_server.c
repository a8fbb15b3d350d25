// build: -pthread
/* A server with a thread a connection, which does to its descriptors what programs do: soak_server FILE IDS. It prints
 * its port and ends with its standard input. FILE has a byte for each number that a request's target may say: how often
 * such a request was read, and FORKED where it was not answered and the process has forked meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listening.h"

enum { TEXT = 16384, BIG = 131072, FORKED = 128 };

static uint8_t *read_of;
static unsigned ids;
static int big_file;
static _Atomic unsigned forks_begun, forks_done;
static __thread unsigned seed;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

/* --- descriptors ----------------------------------------------------------------------------------------------------
 */

static void close_somehow(int fd, bool last)
{
    switch (any(last ? 4 : 3)) {
    case 0:
        syscall(SYS_close, fd);
        break;
    case 1:
        close_range((unsigned)fd, (unsigned)fd, 0);
        break;
    case 3:
        shutdown(fd, SHUT_WR); /* also of its other names */
        close(fd);
        break;
    default:
        close(fd);
    }
}

/* Over a socket, to ourselves. */
static int passed(int fd)
{
    int pair[2], got = -1;
    char byte = 'x', room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || sendmsg(pair[0], &message, 0) != 1)
        exit(1);
    close(fd);
    message.msg_controllen = sizeof room;
    if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) != 1)
        exit(1);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    close(pair[0]);
    close(pair[1]);
    return got;
}

/* Another name for the connection, which is served by it from here on. */
static int renamed(int fd)
{
    int copy = fd;
    switch (any(6)) {
    case 0:
        copy = dup(fd);
        break;
    case 1:
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 700);
        break;
    case 2: {
        int taken = open("/dev/null", O_RDONLY);
        copy = dup2(fd, taken);
        break;
    }
    case 3:
        return passed(fd);
    }
    if (copy < 0)
        exit(1);
    if (copy != fd)
        close_somehow(fd, false);
    return copy;
}

static void children(void)
{
    pid_t child;
    bool by_fork = any(2);
    forks_begun += by_fork;
    child = by_fork ? fork() : vfork();
    if (child == 0) {
        close_range(3, ~0U, 0);
        _exit(0);
    }
    forks_done += by_fork;
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* A connection that is none of HTTP's, from both sides. */
static void own_protocol(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), caller = socket(AF_UNIX, SOCK_STREAM, 0), byte = 7;
    if (bind(listener, (struct sockaddr *)&address, sizeof address.sun_family) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(caller, (struct sockaddr *)&address, length) != 0)
        exit(1);
    int called = accept(listener, NULL, NULL);
    for (int i = 0; i < 3; i++)
        if (write(caller, &byte, sizeof byte) != sizeof byte || read(called, &byte, sizeof byte) != sizeof byte ||
            send(called, &byte, sizeof byte, 0) != sizeof byte || recv(caller, &byte, sizeof byte, 0) != sizeof byte)
            exit(1);
    close(listener);
    close_somehow(caller, true);
    close_somehow(called, true);
}

/* Descriptors of all kinds that come and go. */
static void churn(void)
{
    int pair[2], byte = 0;
    struct epoll_event event = {.events = EPOLLIN};
    for (unsigned i = any(8); i > 0; i--)
        close_somehow(open("/dev/null", O_RDONLY), true);
    if (pipe(pair) == 0) {
        if (write(pair[1], &byte, 1) == 1 && read(pair[0], &byte, 1) == 1)
            close(pair[0]);
        close(pair[1]);
    }
    if (socketpair(AF_UNIX, any(2) ? SOCK_STREAM : SOCK_DGRAM, 0, pair) == 0) {
        int epoll = epoll_create1(0);
        epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event);
        send(pair[0], "GET / HTTP/1.1\r\n\r\n", 18, 0);
        recv(pair[1], &byte, sizeof byte, 0);
        close(epoll);
        close(pair[0]);
        close_somehow(pair[1], true);
    }
    own_protocol();
    if (any(20) == 0)
        children();
}

/* --- requests -------------------------------------------------------------------------------------------------------
 */

static ssize_t take(int fd, char *at, size_t room)
{
    struct iovec pieces[2] = {{at, room / 2}, {at + room / 2, room - room / 2}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    if (any(4) == 0)
        recv(fd, at, room, MSG_PEEK);
    if (any(4) == 0)
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    switch (any(4)) {
    case 0:
        return read(fd, at, room);
    case 1:
        return readv(fd, pieces, 2);
    case 2:
        return recvmsg(fd, &message, 0);
    default:
        return recv(fd, at, room, 0);
    }
}

static bool put(int fd, const char *at, size_t length)
{
    while (length > 0) {
        size_t size = any(4) == 0 ? 1 + any((unsigned)length) : length;
        struct iovec pieces[2] = {{(char *)(uintptr_t)at, size / 2},
                                  {(char *)(uintptr_t)at + size / 2, size - size / 2}};
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
        unsigned how = any(4);
        ssize_t sent = how == 0   ? write(fd, at, size)
                       : how == 1 ? writev(fd, pieces, 2)
                       : how == 2 ? sendmsg(fd, &message, MSG_NOSIGNAL)
                                  : send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool put_big(int fd)
{
    off_t at = 0;
    while (at < BIG)
        if (sendfile(fd, big_file, &at, (size_t)(BIG - at)) < 0)
            return false;
    return true;
}

static bool answer(int fd, const char *method, const char *target)
{
    char head[256];
    bool big = strncmp(target, "/big", 4) == 0, missing = strncmp(target, "/missing", 8) == 0;
    const char *body = big ? "" : missing ? "nothing\n" : strcmp(method, "POST") == 0 ? "got it\n" : "hello\n";
    size_t length = big ? BIG : strlen(body);
    sprintf(head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", missing ? "404 Not Found" : "200 OK", length);
    if (strcmp(method, "HEAD") == 0)
        return put(fd, head, strlen(head));
    if (big)
        return put(fd, head, strlen(head)) && put_big(fd);
    strcat(head, body);
    return put(fd, head, strlen(head));
}

struct client {
    int fd;
    unsigned seed;
    unsigned forks; /* that were done when it began */
    size_t have;
    char text[TEXT + 1];
};

static bool more(struct client *client)
{
    ssize_t got = client->have == TEXT ? 0 : take(client->fd, client->text + client->have, TEXT - client->have);
    client->have += got > 0 ? (size_t)got : 0;
    client->text[client->have] = '\0';
    return got > 0;
}

/* Reads one request and answers it. */
static bool serve(struct client *client)
{
    char *end, method[8] = "", target[64] = "", version[16] = "";
    unsigned id;
    client->text[client->have] = '\0';
    while (!(end = strstr(client->text, "\r\n\r\n")))
        if (!more(client))
            return false;
    if (sscanf(client->text, "%7s %63s %15s", method, target, version) != 3 || strcmp(version, "HTTP/1.1") != 0)
        return false;
    const char *number = strstr(target, "?n=");
    if (!number || sscanf(number, "?n=%u", &id) != 1 || id >= ids)
        exit(1);
    __atomic_fetch_add(&read_of[id], 1, __ATOMIC_RELAXED);
    const char *length = strcasestr(client->text, "\r\nContent-Length:");
    const char *closes = strcasestr(client->text, "\r\nConnection: close");
    bool last = closes && closes < end;
    size_t whole = (size_t)(end + 4 - client->text);
    whole += length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    while (client->have < whole) {
        if (more(client))
            continue;
        if (forks_begun != client->forks)
            read_of[id] |= FORKED;
        return false;
    }
    memmove(client->text, client->text + whole, client->have - whole);
    client->have -= whole;
    bool answered = answer(client->fd, method, target);
    if (!answered && forks_begun != client->forks)
        read_of[id] |= FORKED;
    return answered && !last;
}

static void *converse(void *user)
{
    struct client *client = user;
    seed = client->seed;
    if (any(3) == 0)
        churn();
    client->fd = renamed(client->fd);
    while (serve(client))
        ;
    close_somehow(client->fd, true);
    free(client);
    return NULL;
}

static void *accepts(void *user)
{
    int listener = *(int *)user;
    pthread_t thread;
    for (unsigned number = 0;; number++) {
        int fd = number % 2 ? accept(listener, NULL, NULL) : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct client *client = malloc(sizeof *client);
        if (fd < 0 || !client)
            exit(1);
        client->fd = fd;
        client->forks = forks_done;
        client->have = 0;
        client->seed = number;
        if (pthread_create(&thread, NULL, converse, client) != 0)
            exit(1);
        pthread_detach(thread);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    char byte;
    if (argc != 3)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    ids = (unsigned)atoi(argv[2]);
    int file = open(argv[1], O_RDWR | O_CLOEXEC);
    read_of = mmap(NULL, ids, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    big_file = memfd_create("big", MFD_CLOEXEC);
    if (file < 0 || read_of == MAP_FAILED || ftruncate(big_file, BIG) != 0)
        return 1;
    int listener = listening(0, 1024);
    say_port(listener);
    pthread_create(&thread, NULL, accepts, &listener);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0;
}
