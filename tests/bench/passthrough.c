/* One call on one kind of descriptor, again and again. Knows nothing of telemetry.
 *   passthrough CALL KIND COUNT
 * CALL: read write recv send close poll epoll_wait; KIND: file pipe udp socket (a stream socket that no agent watches),
 * accepted, opened (the two ends of a connection of the program's own protocol).
 * Prints the nanoseconds of processor time of a call, the warm-up of a tenth left out. */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum call { READ, WRITE, RECV, SEND, CLOSE, POLL, EPOLL_WAIT, CALLS };
static const char *const calls[CALLS] = {"read", "write", "recv", "send", "close", "poll", "epoll_wait"};

static int in, out;

/* A connection over which something else than HTTP was said, both ways. */
static int open_connection(bool accepted)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    char line[8];
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), caller = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address.sun_family) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(caller, (struct sockaddr *)&address, length) != 0)
        return -1;
    int called = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    for (int i = 0; i < 3; i++)
        if (write(caller, "\1hello\n", 7) != 7 || read(called, line, sizeof line) != 7 ||
            write(called, "\2hello\n", 7) != 7 || read(caller, line, sizeof line) != 7)
            return -1;
    fcntl(caller, F_SETFL, O_NONBLOCK);
    in = out = accepted ? called : caller;
    return 0;
}

static int open_kind(const char *kind)
{
    int pair[2] = {-1, -1};
    if (strcmp(kind, "accepted") == 0 || strcmp(kind, "opened") == 0)
        return open_connection(strcmp(kind, "accepted") == 0);
    if (strcmp(kind, "file") == 0) {
        pair[0] = pair[1] = memfd_create("bench", 0);
        if (ftruncate(pair[0], 1) != 0)
            return -1;
    } else if (strcmp(kind, "pipe") == 0
                   ? pipe2(pair, O_NONBLOCK)
                   : socketpair(AF_UNIX, SOCK_NONBLOCK | (strcmp(kind, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM), 0,
                                pair)) {
        return -1;
    }
    in = pair[0];
    out = pair[1];
    return 0;
}

/* Calls that have nothing to move fail at once: it is the way there and back that is measured. */
static long one(enum call call, int epoll)
{
    static char byte[1];
    struct pollfd set = {.fd = in, .events = POLLIN};
    struct epoll_event event;
    switch (call) {
    case READ:
        return read(in, byte, 1);
    case WRITE:
        return write(out, byte, 0);
    case RECV:
        return recv(in, byte, 1, MSG_DONTWAIT);
    case SEND:
        return send(out, byte, 0, MSG_DONTWAIT);
    case CLOSE:
        return close(1000);
    case POLL:
        return poll(&set, 1, 0);
    default:
        return epoll_wait(epoll, &event, 1, 0);
    }
}

static long processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 4 || open_kind(argv[2]) != 0)
        return 2;
    enum call call = READ;
    while (call < CALLS && strcmp(calls[call], argv[1]) != 0)
        call++;
    long count = strtol(argv[3], NULL, 10);
    int epoll = epoll_create1(0);
    for (long i = 0; i < count / 10; i++)
        one(call, epoll);
    long before = processor_ns();
    for (long i = 0; i < count; i++)
        one(call, epoll);
    printf("%.2f\n", (double)(processor_ns() - before) / (double)count);
    return 0;
}
