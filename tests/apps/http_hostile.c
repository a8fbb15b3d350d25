// build: -pthread
/* A server that leaves libc's functions in ways they were not called for: http_hostile HOW. It prints its port; of what
 * it did, it prints a line when the client may go on.
 *
 *   jump     a signal handler jumps out of calls that block, before a request and in the middle of one
 *   cancel   so does the end of a thread, from outside
 *   handler  a signal handler serves a connection of its own, while the program serves another one
 *   leave    threads end in the middle of requests, and at last the process does
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "listening.h"
#include "sleeping.h"

static int listener, connection, full;
static char path[64];

static void say(const char *what)
{
    printf("%s\n", what);
    fflush(stdout);
}

/* Reads one request; false: there is none. */
static bool hear(int fd)
{
    char text[4096];
    size_t length = 0;
    do {
        ssize_t got = read(fd, text + length, sizeof text - 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        length += (size_t)got;
        text[length] = '\0';
    } while (!strstr(text, "\r\n\r\n"));
    return sscanf(text, "%*s %63s", path) == 1;
}

static void tell(int fd, const char *what)
{
    char text[200];
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(what), what);
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
        exit(1);
}

/* --- calls that block ----------------------------------------------------------------------------------------------
 */

static void blocks(int which, int fd)
{
    static char bytes[100000];
    struct iovec piece = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct mmsghdr many = {.msg_hdr = message};
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(EPOLL_CLOEXEC);
    ssize_t result = 0;
    fd_set selected;
    FD_ZERO(&selected);
    FD_SET(fd, &selected);
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    if (which == 0)
        result = read(fd, bytes, sizeof bytes);
    else if (which == 1)
        result = recv(fd, bytes, sizeof bytes, 0);
    else if (which == 2)
        result = readv(fd, &piece, 1);
    else if (which == 3)
        result = recvmsg(fd, &message, 0);
    else if (which == 4)
        result = recvmmsg(fd, &many, 1, 0, NULL);
    else if (which == 5)
        result = poll(&polled, 1, -1);
    else if (which == 6)
        result = select(fd + 1, &selected, NULL, NULL, NULL);
    else if (which == 7)
        result = epoll_wait(set, &event, 1, -1);
    else if (which == 8)
        result = accept(listener, NULL, NULL);
    else if (which == 9)
        result = accept4(listener, NULL, NULL, 0);
    else if (which == 10)
        result = write(full, bytes, sizeof bytes);
    else
        result = sendmsg(full, &message, 0);
    printf("%d came back with %zd\n", which, result);
    exit(1);
}
enum { BLOCKING = 12 };

/* A connection to which nothing more can be written. */
static void fill(void)
{
    static char bytes[100000];
    int caller = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    getsockname(listener, (struct sockaddr *)&own, &length);
    if (connect(caller, (struct sockaddr *)&own, length) != 0)
        exit(1);
    full = accept(listener, NULL, NULL);
    while (send(full, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

/* --- jump ----------------------------------------------------------------------------------------------------------
 */

static sigjmp_buf out;

static void jump(int number)
{
    (void)number;
    siglongjmp(out, 1);
}

static void jump_out_of_all(int fd)
{
    for (volatile int which = 0; which < BLOCKING; which++) {
        if (sigsetjmp(out, 1) == 0) {
            struct itimerval soon = {{0, 0}, {0, 5000}};
            setitimer(ITIMER_REAL, &soon, NULL);
            blocks(which, fd);
        }
    }
}

static void jumps(void)
{
    signal(SIGALRM, jump);
    connection = accept(listener, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        jump_out_of_all(connection);
        say("speak");
        if (!hear(connection))
            exit(1);
        jump_out_of_all(connection);
        tell(connection, path);
    }
    close(connection);
}

/* --- cancel --------------------------------------------------------------------------------------------------------
 */

static atomic_int blocking;

static void *blocked(void *user)
{
    atomic_store(&blocking, gettid());
    blocks(*(int *)user, connection);
    return NULL;
}

static void cancel_all(void)
{
    for (int which = 0; which < BLOCKING; which++) {
        pthread_t thread;
        void *result;
        atomic_store(&blocking, 0);
        pthread_create(&thread, NULL, blocked, &which);
        while (atomic_load(&blocking) == 0 || sleeps_in(atomic_load(&blocking)) < 0)
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, &result);
        if (result != PTHREAD_CANCELED)
            exit(1);
    }
}

static void cancels(void)
{
    connection = accept(listener, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        cancel_all();
        say("speak");
        if (!hear(connection))
            exit(1);
        cancel_all();
        tell(connection, path);
    }
    close(connection);
}

/* --- handler -------------------------------------------------------------------------------------------------------
 */

static int aside;

static void serve_aside(int number)
{
    static char text[1000], answer[1100];
    int saved = errno;
    (void)number;
    ssize_t got = recv(aside, text, sizeof text, MSG_DONTWAIT);
    if (got > 4 && memcmp(text + got - 4, "\r\n\r\n", 4) == 0) {
        int length = sprintf(answer, "HTTP/1.1 201 Created\r\nContent-Length: %zd\r\n\r\n%.*s", got, (int)got, text);
        if (send(aside, answer, (size_t)length, 0) != length)
            _exit(9);
    }
    errno = saved;
}

static void in_handlers(void)
{
    struct sigaction action = {.sa_handler = serve_aside, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 150}, {0, 150}};
    aside = accept(listener, NULL, NULL);
    connection = accept(listener, NULL, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (hear(connection))
        tell(connection, path);
}

/* --- leave ---------------------------------------------------------------------------------------------------------
 */

static void *reads(void *user)
{
    (void)user;
    pthread_exit(hear(connection) ? path : NULL);
}

static void *ends(void *user)
{
    (void)user;
    hear(connection);
    exit(43);
}

static void in_thread(void *(*what)(void *))
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, what, NULL);
    pthread_join(thread, &result);
    if (!result)
        exit(1);
}

static void leaves(void)
{
    connection = accept(listener, NULL, NULL);
    in_thread(reads);
    tell(connection, path);
    in_thread(reads);
    close(connection);
    connection = accept(listener, NULL, NULL);
    in_thread(ends);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*serve)(void);
    } ways[] = {{"jump", jumps}, {"cancel", cancels}, {"handler", in_handlers}, {"leave", leaves}};
    if (argc != 2)
        return 2;
    listener = listening(0, 16);
    fill();
    say_port(listener);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, argv[1]) == 0)
            ways[i].serve();
    return 0;
}
