/* Gives to libc's functions addresses where there is no memory, and prints what each call came to:
 *
 *   http_addresses         a server, in the middle of a request; it prints its port and serves one
 *   http_addresses PORT    a client, before its request
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int connection, quiet, knocked;
static struct sockaddr_un own = {.sun_family = AF_UNIX};
static socklen_t own_length = sizeof own;
static const char *where;

static void said(const char *call, long result)
{
    int error = result < 0 ? errno : 0;
    printf("%s %s: %ld %s\n", where, call, result < 0 ? result : 0, error ? strerrorname_np(error) : "");
}

/* Somebody waits to be accepted. */
static int knock(void)
{
    int caller = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(caller, (struct sockaddr *)&own, own_length) != 0)
        exit(1);
    return caller;
}

static void accepts(void *nowhere)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    said("accept nobody", accept(quiet, (struct sockaddr *)&address, nowhere));
    said("accept4 nobody", accept4(quiet, (struct sockaddr *)&address, nowhere, SOCK_CLOEXEC));
    close(knock());
    said("accept length", accept(knocked, (struct sockaddr *)&address, nowhere));
    close(knock());
    said("accept4 length", accept4(knocked, (struct sockaddr *)&address, nowhere, 0));
    close(knock());
    said("accept address", accept(knocked, nowhere, &length));
    close(knock());
    int fd = accept(knocked, NULL, nowhere);
    said("accept no address", fd);
    close(fd);
}

static void waits(void *nowhere)
{
    struct timeval none = {0, 0};
    struct timespec nothing = {0, 0};
    fd_set set;
    FD_ZERO(&set);
    said("select in", select(connection + 1, nowhere, NULL, NULL, &none));
    said("select out", select(connection + 1, NULL, nowhere, NULL, &none));
    said("pselect in", pselect(connection + 1, nowhere, NULL, NULL, &nothing, NULL));
    said("pselect mask", pselect(connection + 1, &set, NULL, NULL, &nothing, nowhere));
    said("poll", poll(nowhere, 1, 0));
    said("ppoll", ppoll(nowhere, 1, &nothing, NULL));
    said("epoll_ctl", epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, connection, nowhere));
}

static void moves(void *nowhere)
{
    struct iovec piece = {nowhere, 10};
    struct msghdr message = {.msg_iov = nowhere, .msg_iovlen = 2}, bytes = {.msg_iov = &piece, .msg_iovlen = 1};
    struct mmsghdr many = {.msg_hdr = {.msg_iov = nowhere, .msg_iovlen = 1}};
    said("readv", readv(connection, nowhere, 2));
    said("readv bytes", readv(connection, &piece, 1));
    said("recvmsg", recvmsg(connection, nowhere, MSG_DONTWAIT));
    said("recvmsg pieces", recvmsg(connection, &message, MSG_DONTWAIT));
    said("recvmsg bytes", recvmsg(connection, &bytes, MSG_DONTWAIT));
    said("recvmmsg", recvmmsg(connection, nowhere, 1, MSG_DONTWAIT, NULL));
    said("recvmmsg pieces", recvmmsg(connection, &many, 1, MSG_DONTWAIT, NULL));
    said("writev", writev(connection, nowhere, 2));
    said("sendmsg", sendmsg(connection, nowhere, 0));
    said("sendmsg pieces", sendmsg(connection, &message, 0));
    said("sendmmsg", sendmmsg(connection, nowhere, 1, 0));
    said("sendmmsg pieces", sendmmsg(connection, &many, 1, 0));
}

static void sends_bytes(void *nowhere)
{
    struct iovec piece = {nowhere, 10};
    struct msghdr bytes = {.msg_iov = &piece, .msg_iovlen = 1};
    said("write", write(connection, nowhere, 10));
    said("writev bytes", writev(connection, &piece, 1));
    said("send", send(connection, nowhere, 10, 0));
    said("sendmsg bytes", sendmsg(connection, &bytes, 0));
}

static int listening(int family, int flags, struct sockaddr *address, socklen_t *length, socklen_t named)
{
    int fd = socket(family, SOCK_STREAM | flags, 0);
    if (bind(fd, address, named) != 0 || listen(fd, 16) != 0 || getsockname(fd, address, length) != 0)
        exit(1);
    return fd;
}

static struct {
    const char *name;
    char *at;
} places[] = {{"low", (char *)8}, {"none", NULL}, {"gone", NULL}, {"edge", NULL}, {"high", (char *)-4096L}};
enum { PLACES = sizeof places / sizeof *places };

static void find_places(void)
{
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_NONE);
    munmap(pages + 2 * 4096, 4096);
    places[1].at = pages + 4096;
    places[2].at = pages + 2 * 4096;
    places[3].at = pages + 4096 - 2;
}

static int client(int port)
{
    static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    char answer[4096];
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    fcntl(connection, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < PLACES; i++) {
        where = places[i].name;
        moves(places[i].at);
    }
    fcntl(connection, F_SETFL, 0);
    if (write(connection, text, sizeof text - 1) < 0)
        return 1;
    size_t length = 0;
    while (length < 2 || memcmp(answer + length - 2, "ok", 2) != 0) {
        ssize_t got = recv(connection, answer + length, sizeof answer - length, 0);
        if (got <= 0)
            return 1;
        length += (size_t)got;
    }
    return close(connection);
}

static int server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un silent = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address, silent_length = sizeof silent;
    char text[4096];
    int listener = listening(AF_INET, 0, (struct sockaddr *)&address, &length, length);
    quiet = listening(AF_UNIX, SOCK_NONBLOCK, (struct sockaddr *)&silent, &silent_length, sizeof(sa_family_t));
    knocked = listening(AF_UNIX, 0, (struct sockaddr *)&own, &own_length, sizeof(sa_family_t));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    connection = accept(listener, NULL, NULL);
    ssize_t got = read(connection, text, sizeof text);
    fcntl(connection, F_SETFL, O_NONBLOCK);
    if (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0)
        return 1;
    for (int i = 0; i < PLACES; i++) {
        where = places[i].name;
        moves(places[i].at);
        if (strcmp(where, "edge") != 0) /* of which the first bytes can be sent */
            sends_bytes(places[i].at);
        waits(places[i].at);
    }
    for (int i = 0; i < PLACES; i++) {
        where = places[i].name;
        accepts(places[i].at);
    }
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    return write(connection, answer, sizeof answer - 1) < 0;
}

int main(int argc, char **argv)
{
    find_places();
    return argc > 1 ? client(atoi(argv[1])) : server();
}
