// build: -pthread
/* A server that does to its descriptors what programs do: http_descriptors HOW. It prints its port, serves connections
 * one after the other, and answers each request with its path.
 *
 *   dup        serves over a copy of the descriptor and closes the first one
 *   number     the copy's number is 99 999, or the largest there may be
 *   pass       hands each connection to a child over a socket
 *   fork       reads a request and has a child answer it
 *   between    forks for something else in the middle of a request, and says so; the rest comes with the next one
 *   vfork      has a vfork child close all its descriptors before it answers
 *   system     closes by the system call and reads a file that then has the same number
 *   late       the same, a tenth of a second after the last answer, and the client has not closed
 *   often      at once, but an earlier connection's number came back from accept without having been closed in sight
 *   stdio      answers through a FILE, and closes that; /last without
 *   peek       looks at the request before it reads it
 *   threads    one thread reads, another answers
 *   inetd      serves what descriptor 0 is, once
 *   standard   the same, but answers over descriptor 1
 *   wrong      reads to and answers from where there is no memory, and from files that cannot be sent
 *   dprintf    answers by it, if the request is not /last
 *   guest      is handed each connection over one that it has opened itself
 *   all        keeps every connection open, answering whoever asks
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "listening.h"

static const char *how;

static bool is(const char *what)
{
    return strcmp(how, what) == 0;
}

/* Reads to the end of a request's headers; its path. False: there is none. */
static bool hear(int fd, char path[256])
{
    char text[4096];
    size_t length = 0;
    for (;;) {
        if (is("peek"))
            recv(fd, text + length, sizeof text - 1 - length, MSG_PEEK);
        ssize_t got = read(fd, text + length, sizeof text - 1 - length);
        if (got <= 0)
            return false;
        length += (size_t)got;
        text[length] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return sscanf(text, "%*s %255s", path) == 1;
    }
}

static void say(int fd, const char *path)
{
    char text[512];
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
    if (write(fd, text, (size_t)length) != length)
        exit(1);
}

/* Every call that fails here leaves the connection as it was. */
static void say_in_the_end(int fd, const char *path)
{
    static struct iovec *volatile address = (struct iovec *)8;
    struct iovec *nothing = address;
    struct msghdr message = {.msg_iov = nothing, .msg_iovlen = 2};
    int failed = 0, ends[2];
    if (pipe(ends) != 0)
        exit(1);
    failed += readv(fd, nothing, 2) < 0 && errno == EFAULT;
    failed += recvmsg(fd, (struct msghdr *)nothing, 0) < 0 && errno == EFAULT;
    failed += recvmsg(fd, &message, MSG_DONTWAIT) < 0 && errno == EFAULT;
    failed += write(fd, nothing, 1) < 0 && errno == EFAULT;
    failed += writev(fd, nothing, 2) < 0 && errno == EFAULT;
    failed += sendmsg(fd, (struct msghdr *)nothing, 0) < 0 && errno == EFAULT;
    failed += sendmsg(fd, &message, 0) < 0 && errno == EFAULT;
    failed += poll((struct pollfd *)nothing, 1, 0) < 0 && errno == EFAULT;
    failed += sendfile(fd, ends[0], NULL, 10) < 0 && errno == EINVAL;
    close(ends[0]);
    close(ends[1]);
    if (failed == 9)
        say(fd, path);
}

static void wrongly(int fd)
{
    char path[256];
    while (hear(fd, path))
        say_in_the_end(fd, path);
    close(fd);
}

static void through_dprintf(int fd)
{
    char path[256];
    if (hear(fd, path)) {
        if (strcmp(path, "/last") == 0)
            say(fd, path);
        else
            dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
    }
    close(fd);
}

static void converse(int fd)
{
    char path[256];
    while (hear(fd, path))
        say(fd, path);
    close(fd);
}

static int copy_of(int fd)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 100000 ? limit.rlim_max : 100000;
    setrlimit(RLIMIT_NOFILE, &limit);
    int copy = is("number") ? dup2(fd, (int)limit.rlim_cur - 1) : dup(fd);
    if (copy < 0)
        exit(3);
    close(fd);
    return copy;
}

/* A pair whose second end has connected to a listener. */
static void as_host(int pair[2])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pair[1] = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, sizeof address.sun_family);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    if (connect(pair[1], (struct sockaddr *)&address, length) != 0)
        exit(1);
    pair[0] = accept(listener, NULL, NULL);
    close(listener);
}

static void pass(int fd)
{
    int pair[2];
    char byte = 'x', room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (is("guest"))
        as_host(pair);
    else
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        if (recvmsg(pair[1], &message, 0) != 1)
            exit(1);
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        converse(fd);
        exit(0);
    }
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    sendmsg(pair[0], &message, 0);
    close(fd);
    waitpid(child, NULL, 0);
    close(pair[0]);
    close(pair[1]);
}

static void answered_by_child(int fd)
{
    char path[256];
    while (hear(fd, path)) {
        pid_t child = fork();
        if (child == 0) {
            say(fd, path);
            exit(0);
        }
        waitpid(child, NULL, 0);
    }
    close(fd);
}

static void forks_between(int fd)
{
    char text[4096], path[256];
    ssize_t length = read(fd, text, sizeof text);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    printf("go on\n");
    fflush(stdout);
    struct iovec pieces[] = {{text + length, 2}, {text + length + 2, 2000}};
    ssize_t got = length > 0 ? readv(fd, pieces, 2) : 0;
    if (got <= 0 || length + got >= 4000)
        exit(1);
    text[length + got] = '\0';
    for (const char *at = text; (at = strstr(at, " /")); at++)
        if (sscanf(at, "%255s", path) == 1)
            say(fd, path);
    close(fd);
}

static void beside_vfork(int fd)
{
    char path[256];
    while (hear(fd, path)) {
        pid_t child = vfork();
        if (child == 0) {
            close_range(0, ~0U, 0);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        say(fd, path);
    }
    close(fd);
}

static long unseen_call(long number, long first, long second)
{
    register long result __asm__("rax") = number;
    __asm__ volatile("syscall" : "+r"(result) : "D"(first), "S"(second), "d"(0L) : "rcx", "r11", "memory");
    return result;
}

static void read_a_file_as(int fd)
{
    static const char text[] = "GET /from-a-file HTTP/1.1\r\nHost: a\r\n\r\n";
    char path[256];
    int file = memfd_create("text", 0);
    if (write(file, text, sizeof text - 1) < 0 || lseek(file, 0, SEEK_SET) < 0)
        exit(1);
    /* In one step, as another thread's close and open would be. */
    unseen_call(SYS_dup3, file, fd);
    if (!hear(fd, path) || strcmp(path, "/from-a-file") != 0)
        exit(1);
    close(file);
    close(fd);
}

static void reused_out_of_sight(int fd)
{
    char path[256];
    while (hear(fd, path))
        say(fd, path);
    read_a_file_as(fd);
}

/* All that the client asks; then it waits for us to close. */
static void answer_all(int fd)
{
    char path[256];
    for (int number = 0; number < 3 && hear(fd, path); number++) {
        say(fd, path);
        if (strcmp(path, "/last") == 0)
            break;
    }
}

static void reused_late(int fd)
{
    answer_all(fd);
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL); /* it is the time that makes it late */
    read_a_file_as(fd);
}

static void reused_often(int fd)
{
    static int connections;
    answer_all(fd);
    if (connections++ == 0)
        unseen_call(SYS_close, fd, 0);
    else
        read_a_file_as(fd);
}

static void through_a_file(int fd)
{
    char path[256];
    if (!hear(fd, path))
        exit(1);
    if (strcmp(path, "/last") == 0) {
        say(fd, path);
        close(fd);
        return;
    }
    FILE *stream = fdopen(fd, "w");
    fprintf(stream, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
    fclose(stream);
}

static int heard[2];

static void *answers(void *user)
{
    char path[256];
    while (read(heard[0], path, sizeof path) == sizeof path)
        say(*(int *)user, path);
    return NULL;
}

static void in_two_threads(int fd)
{
    char path[256];
    pthread_t thread;
    if (pipe(heard) != 0)
        exit(1);
    pthread_create(&thread, NULL, answers, &fd);
    while (hear(fd, path))
        if (write(heard[1], path, sizeof path) < 0)
            exit(1);
    close(heard[1]);
    pthread_join(thread, NULL);
    close(heard[0]);
    close(fd);
}

static void serve_all(int listener)
{
    struct rlimit limit;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    char path[256];
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    while (epoll_wait(epoll, &event, 1, -1) == 1) {
        int fd = event.data.fd;
        if (fd == listener) {
            event.data.fd = accept(listener, NULL, NULL);
            epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        } else if (hear(fd, path)) {
            say(fd, path);
        } else {
            close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*serve)(int);
    } ways[] = {{"pass", pass},
                {"guest", pass},
                {"fork", answered_by_child},
                {"between", forks_between},
                {"vfork", beside_vfork},
                {"system", reused_out_of_sight},
                {"late", reused_late},
                {"often", reused_often},
                {"stdio", through_a_file},
                {"wrong", wrongly},
                {"dprintf", through_dprintf},
                {"threads", in_two_threads}};
    if (argc != 2)
        return 2;
    how = argv[1];
    if (is("inetd")) {
        converse(0);
        return 0;
    }
    if (is("standard")) {
        char path[256];
        while (hear(0, path))
            say(1, path);
        return 0;
    }
    int listener = listening(0, 4096);
    say_port(listener);
    if (is("all"))
        serve_all(listener);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        void (*serve)(int) = converse;
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            if (is(ways[i].name))
                serve = ways[i].serve;
        serve(is("dup") || is("number") ? copy_of(fd) : fd);
    }
}
