// build: -pthread
/* Any calls on sockets, in any order: any_calls FOLDER SEED STEPS WAY
 *
 * Some connections at a time, opened or accepted, over which HTTP, Redis's or MySQL's protocol is spoken, or nothing
 * that makes sense. Each step makes one call that SEED says, in a thread or a forked process now and then, and prints
 * what it returned, errno, and a sum of what it wrote to memory. The other ends are this program's, too, but served by
 * the kernel's own calls; what arrives there is taken at once, so that every call finds the same room. What calls say
 * was taken of a connection's bytes is in FOLDER/sent.N, what arrived in FOLDER/got.N. WAY may say `tcp` (else the
 * sockets are unix ones), and `sound`: what calls are given to send is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 4, NAMES = 3, STREAM = 1 << 16, MOST = 1 << 14, PAGE = 4096, UNTOUCHED = 4711 };
enum { HTTP, REDIS, MYSQL, NOISE, KINDS };

/* What processes share: what is said over a connection, and how much of it has been. */
struct talk {
    size_t position, length, answered, answers_length;
    char stream[STREAM], answers[STREAM];
};
static struct {
    uint64_t state;
    struct talk talks[CONNECTIONS];
} * all;

static struct connection {
    int names[NAMES]; /* descriptors; -1: none */
    int peer, file, number;
    bool ended; /* its own end sends no more */
} connections[CONNECTIONS];

static const char *folder;
static bool tcp, sound, forked; /* another process has the connections */
static int opened;
static char *edge; /* memory ends here */
static char memory[MOST];

static size_t below(size_t limit)
{
    all->state ^= all->state << 13;
    all->state ^= all->state >> 7;
    all->state ^= all->state << 17;
    return (size_t)(all->state % limit);
}

static size_t any_size(size_t most)
{
    static const size_t limits[] = {1, 3, 20, 300, 3000, MOST};
    size_t size = below(limits[below(sizeof limits / sizeof *limits)] + 1);
    return size < most ? size : most;
}

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

static size_t add(char *text, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static size_t add(char *text, size_t at, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = at < STREAM ? vsnprintf(text + at, STREAM - at, format, list) : 0;
    va_end(list);
    return at + (size_t)length < STREAM ? at + (size_t)length : STREAM;
}

static size_t add_noise(char *text, size_t at, size_t count)
{
    for (; count > 0 && at < STREAM; count--)
        text[at++] = (char)below(256);
    return at;
}

static size_t add_http(char *text, size_t at, bool answer)
{
    static const char *const ends[] = {"\r\n", "\r\n", "\r\n", "\n"};
    const char *end = ends[below(4)];
    size_t body = any_size(2000);
    bool chunked = below(3) == 0;
    at = answer ? add(text, at, "HTTP/1.1 %zu Fine%s", 200 + below(5), end)
                : add(text, at, "%s /%zu HTTP/1.1%sHost: h%s", below(2) ? "POST" : "GET", below(99), end, end);
    for (size_t i = below(6); i > 0; i--)
        at = add(text, at, "X-%zu: %.*s%s", i, (int)below(30), "abcdefghijklmnopqrstuvwxyz0123", end);
    if (!answer && below(5) == 0)
        at = add(text, at, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01%s", end);
    if (chunked)
        at = add(text, at, "Transfer-Encoding: chunked%s%s%zx\r\n", end, end, body + 1);
    else
        at = add(text, at, "Content-Length: %zu%s%s", body, end, end);
    static const char inside[] = "GET / HTTP/1.1\r\n\r\n"; /* a body that looks like a request */
    for (size_t i = 0; i < body + chunked && at < STREAM; i++)
        text[at++] = inside[i % (sizeof inside - 1)];
    return chunked ? add(text, at, "\r\n0\r\n\r\n") : at;
}

static size_t add_redis(char *text, size_t at, bool answer)
{
    size_t length = any_size(300);
    if (answer && below(2))
        return add(text, at, "+OK\r\n");
    at = add(text, at, answer ? "$%zu\r\n" : "*2\r\n$3\r\nGET\r\n$%zu\r\n", length);
    while (length-- > 0 && at < STREAM)
        text[at++] = (char)('a' + length % 26);
    return add(text, at, "\r\n");
}

static size_t add_mysql(char *text, size_t at, bool answer)
{
    static const char greeting[] = "\x0a"
                                   "5.7.1\0\1\0\0\0abcdefgh\0\377\367\10\2\0\17\200\25\0\0\0\0\0\0\0\0\0\0abcdefghijkl";
    size_t length = answer && at == 0 ? sizeof greeting : 1 + any_size(200);
    if (at + length + 4 > STREAM)
        return STREAM;
    memcpy(text + at, (char[]){(char)length, (char)(length >> 8), 0, (char)(answer && at > 0)}, 4);
    memset(text + at + 4, answer ? 0 : 3, length);
    if (answer && at == 0)
        memcpy(text + at + 4, greeting, sizeof greeting);
    return at + 4 + length;
}

static size_t make_stream(char *text, size_t kind, bool answer)
{
    size_t at = 0, limit = 1 + below(STREAM);
    while (at < limit)
        at = kind == HTTP    ? add_http(text, at, answer)
             : kind == REDIS ? add_redis(text, at, answer)
             : kind == MYSQL ? add_mysql(text, at, answer)
                             : add_noise(text, at, 100);
    if (below(4) == 0)
        text[below(at)] ^= (char)(1 << below(8));
    return at;
}

/* --- the other end: the kernel's own calls ------------------------------------------------------------------------ */

static bool is_reset(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    syscall(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &length);
    return info.tcpi_state == TCP_CLOSE;
}

static int unread(int fd)
{
    int count = 0;
    syscall(SYS_ioctl, fd, FIONREAD, &count);
    return count;
}

/* The peer has read all there is, and may confirm what has come. */
static bool is_on_its_way(const struct connection *connection)
{
    int count = 0, soon = 1;
    if (!tcp)
        return false;
    syscall(SYS_setsockopt, connection->peer, IPPROTO_TCP, TCP_QUICKACK, &soon, sizeof soon);
    syscall(SYS_ioctl, connection->names[0], SIOCOUTQ, &count);
    return count > 0 && !is_reset(connection->names[0]);
}

/* All that is on its way has arrived. */
static void take_all(struct connection *connection)
{
    char name[PATH_MAX], bytes[4096];
    snprintf(name, sizeof name, "%s/got.%d", folder, connection->number);
    int file = open(name, O_WRONLY | O_APPEND | O_CREAT, 0600);
    for (bool more = true; more;) {
        more = is_on_its_way(connection);
        long count;
        while ((count = syscall(SYS_recvfrom, connection->peer, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL)) > 0)
            if (write(file, bytes, (size_t)count) != count)
                fail("write");
    }
    close(file);
}

static void answer(struct connection *connection, struct talk *talk)
{
    int fd = connection->names[0], waiting = unread(fd);
    size_t count = any_size(talk->answers_length - talk->answered);
    if (waiting > MOST || count == 0)
        return;
    long put = syscall(SYS_sendto, connection->peer, talk->answers + talk->answered, count, MSG_DONTWAIT | MSG_NOSIGNAL,
                       NULL, 0);
    talk->answered += put > 0 ? (size_t)put : 0;
    while (tcp && unread(fd) < waiting + put && !is_reset(fd) && !is_reset(connection->peer))
        ;
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static socklen_t bind_any(int fd, struct sockaddr_storage *address)
{
    socklen_t length = sizeof *address;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr un = {.sa_family = AF_UNIX}; /* the kernel finds a name */
    if ((tcp ? bind(fd, (struct sockaddr *)&in, sizeof in) : bind(fd, &un, sizeof(sa_family_t))) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &length) != 0)
        fail("bind");
    return length;
}

static void open_connection(struct connection *connection, struct talk *talk)
{
    struct sockaddr_storage address;
    size_t kind = below(KINDS + 2) % KINDS;
    bool accepts = below(4) == 0;
    int family = tcp ? AF_INET : AF_UNIX, listener = socket(family, SOCK_STREAM, 0);
    int first = socket(family, SOCK_STREAM, 0), second;
    socklen_t length = bind_any(listener, &address);
    if (accepts) {
        listen(listener, 1);
        syscall(SYS_connect, first, &address, length);
        second = accept(listener, NULL, NULL);
    } else {
        syscall(SYS_listen, listener, 1);
        connect(first, (struct sockaddr *)&address, length);
        second = (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
    }
    close(listener);
    if (second < 0)
        fail("accept");
    *connection = (struct connection){.names = {accepts ? second : first, -1, -1},
                                      .peer = accepts ? first : second,
                                      .file = memfd_create("stream", 0),
                                      .number = opened++};
    setsockopt(connection->names[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = 1000},
               sizeof(struct timeval));
    if (tcp)
        for (int i = 0, soon = 1; i < 2; i++)
            setsockopt(i ? first : second, IPPROTO_TCP, TCP_NODELAY, &soon, sizeof soon);
    talk->position = talk->answered = 0;
    talk->length = make_stream(talk->stream, kind, accepts);
    talk->answers_length = make_stream(talk->answers, kind, !accepts);
    if (pwrite(connection->file, talk->stream, talk->length, 0) != (ssize_t)talk->length)
        fail("pwrite");
}

static void end_connection(struct connection *connection, const struct talk *talk)
{
    char name[PATH_MAX];
    take_all(connection);
    snprintf(name, sizeof name, "%s/sent.%d", folder, connection->number);
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(file, talk->stream, talk->position) != (ssize_t)talk->position)
        fail("write");
    close(file);
    for (int i = 0; i < NAMES; i++)
        if (connection->names[i] >= 0)
            close(connection->names[i]);
    syscall(SYS_close, connection->peer);
    close(connection->file);
}

static int any_name(const struct connection *connection)
{
    int name = connection->names[below(NAMES)];
    return name >= 0 ? name : connection->names[0];
}

#include "any_calls.h"

/* --- steps -------------------------------------------------------------------------------------------------------- */

static void *step(void *nothing)
{
    size_t which = below(CONNECTIONS), what = below(20);
    struct connection *connection = &connections[which];
    struct talk *talk = &all->talks[which];
    if (talk->position == talk->length || (what == 19 && below(4) == 0)) {
        if (forked)
            return nothing;
        end_connection(connection, talk);
        open_connection(connection, talk);
    } else if (what < 10) {
        make_send(connection, talk);
    } else if (what < 17) {
        if (below(4) > 0)
            answer(connection, talk);
        make_receive(connection);
    } else {
        make_other(connection);
    }
    take_all(connection);
    return nothing;
}

static void step_somewhere(void)
{
    pthread_t thread;
    if (below(8) > 0) {
        step(NULL);
    } else {
        pthread_create(&thread, NULL, step, NULL);
        pthread_join(thread, NULL);
    }
}

/* Two processes take turns, and one of them goes on alone. */
static void fork_for_a_while(void)
{
    int turns[2][2];
    char turn = 0;
    size_t rounds = 1 + below(4);
    if (pipe(turns[0]) != 0 || pipe(turns[1]) != 0)
        fail("pipe");
    bool child = fork() == 0;
    forked = true;
    close(turns[!child][0]);
    close(turns[child][1]);
    for (size_t i = 0; i < 2 * rounds; i++) {
        if (i % 2 != (child ? 0 : 1)) { /* the child begins */
            if (read(turns[child][0], &turn, 1) != 1)
                fail("read");
            continue;
        }
        for (size_t steps = below(12); steps > 0; steps--)
            step_somewhere();
        if (write(turns[!child][1], &turn, 1) != 1)
            fail("write");
    }
    if (child)
        _exit(0);
    close(turns[child][0]);
    close(turns[!child][1]);
    if (wait(NULL) < 0)
        fail("wait");
    forked = false;
}

int main(int argc, char *argv[])
{
    if (argc < 5)
        return 2;
    folder = argv[1];
    tcp = strstr(argv[4], "tcp") != NULL;
    sound = strstr(argv[4], "sound") != NULL;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 1 << 12);
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    edge = (char *)mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + PAGE;
    mprotect(edge, 2 * PAGE, PROT_NONE);
    all->state = strtoull(argv[2], NULL, 10) * 2654435761u + 88172645463325252u;
    for (int i = 0; i < CONNECTIONS; i++)
        open_connection(&connections[i], &all->talks[i]);
    for (long i = strtol(argv[3], NULL, 10); i > 0; i--) {
        if (below(40) == 0)
            fork_for_a_while();
        else
            step_somewhere();
    }
    for (int i = 0; i < CONNECTIONS; i++)
        end_connection(&connections[i], &all->talks[i]);
    return 0;
}
