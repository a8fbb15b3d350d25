// build: -pthread
/* A load with everything that clients do to a server: soak_client PORT FILE IDS RATE THREADS SEED.
 *
 * Each request has a number of its own in its target. FILE has two bytes for each of IDS numbers: what was asked for,
 * and what became of it. Requests are sent at RATE a second, by THREADS threads. Commands on standard input, a line
 * each: `go`; `pause`, which is answered by a line of counts when every connection is closed; the end of the input ends
 * the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum state { NOT_SENT, SENT, ANSWERED, PART }; /* tests/soak/run knows these and the shapes by number */
enum shape { SMALL, BIG, HEAD, POST, MISSING, SHAPES };
enum { MOST = 16, TEXT = 8192, STORM = 60, PATIENCE_S = 120 };

static struct sockaddr_in address = {.sin_family = AF_INET};
static struct number {
    uint8_t shape, state;
} * numbers;
static unsigned ids;
static _Atomic unsigned next_id;
static _Atomic long connections, garbage, timeouts, refused;
static bool paused = true;
static unsigned at_work;
static int64_t period_ns, due_ns;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static __thread unsigned seed;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* What was missed is made up for, but not for ever. */
static void pace(unsigned requests)
{
    enum { LATE_NS = 200000000 };
    pthread_mutex_lock(&mutex);
    int64_t now = now_ns(), mine = due_ns > now - LATE_NS ? due_ns : now;
    due_ns = mine + period_ns * requests;
    pthread_mutex_unlock(&mutex);
    struct timespec until = {mine / 1000000000, mine % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

/* --- connections ----------------------------------------------------------------------------------------------------
 */

static int open_connection(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct timeval patience = {PATIENCE_S, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        atomic_fetch_add(errno == EAGAIN || errno == ETIMEDOUT ? &timeouts : &refused, 1);
        close(fd);
        return -1;
    }
    atomic_fetch_add(&connections, 1);
    return fd;
}

static void abandon(int fd)
{
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static ssize_t receive(int fd, char *text, size_t room)
{
    ssize_t got = recv(fd, text, room, 0);
    if (got < 0 && errno == EAGAIN)
        atomic_fetch_add(&timeouts, 1);
    return got;
}

/* In `pieces` random pieces. */
static void send_all(int fd, const char *text, size_t length, unsigned pieces)
{
    while (length > 0) {
        size_t size = pieces > 1 ? 1 + any((unsigned)length) : length;
        ssize_t put = send(fd, text, size, MSG_NOSIGNAL);
        if (put < 0) {
            if (errno == EAGAIN)
                atomic_fetch_add(&timeouts, 1);
            return;
        }
        text += put;
        length -= (size_t)put;
        pieces -= pieces > 1;
    }
}

/* --- requests and answers -------------------------------------------------------------------------------------------
 */

/* A request's text; its number, and -1 when there are no more. */
static long compose(char *text, size_t *length, const char *more)
{
    static const char *const starts[SHAPES] = {"GET /small", "GET /big", "HEAD /small", "POST /post", "GET /missing"};
    static const char body[] = "a=1&b=GET / HTTP/1.1\r\n\r\n";
    unsigned id = atomic_fetch_add(&next_id, 1), lot = any(10);
    enum shape shape = lot < 6 ? SMALL : lot == 6 ? BIG : lot == 7 ? HEAD : lot == 8 ? POST : MISSING;
    if (id >= ids)
        return -1;
    numbers[id].shape = (uint8_t)shape;
    char *at = text + sprintf(text, "%s?n=%u HTTP/1.1\r\nHost: a\r\n%s", starts[shape], id, more);
    if (id % 2)
        at += sprintf(at, "traceparent: 00-%032x-%016x-01\r\n", id, id);
    if (shape == POST)
        at += sprintf(at, "Content-Length: %zu\r\n", sizeof body - 1);
    at += sprintf(at, "\r\n%s", shape == POST ? body : "");
    *length = (size_t)(at - text);
    return id;
}

struct reader {
    int fd;
    size_t have;
    char text[TEXT + 1];
};

/* Reads one whole answer, of which the headers fit in a buffer. False: the connection is over before. */
static bool read_answer(struct reader *in, long id)
{
    char *end;
    for (;;) {
        in->text[in->have] = '\0';
        end = strstr(in->text, "\r\n\r\n");
        ssize_t got = end || in->have == TEXT ? 0 : receive(in->fd, in->text + in->have, TEXT - in->have);
        if (end)
            break;
        if (got <= 0)
            return false;
        in->have += (size_t)got;
    }
    const char *length = strcasestr(in->text, "\r\nContent-Length:");
    size_t rest = length && length < end && numbers[id].shape != HEAD ? strtoul(length + 17, NULL, 10) : 0;
    size_t head = (size_t)(end + 4 - in->text);
    size_t here = in->have - head < rest ? in->have - head : rest;
    memmove(in->text, in->text + head + here, in->have - head - here);
    in->have -= head + here;
    for (rest -= here; rest > 0;) {
        char thrown[16384];
        ssize_t got = receive(in->fd, thrown, rest < sizeof thrown ? rest : sizeof thrown);
        if (got <= 0)
            return false;
        rest -= (size_t)got;
    }
    numbers[id].state = ANSWERED;
    return true;
}

/* --- what clients do ---------------------------------------------------------------------------------------------- */

/* Sends `count` requests in one piece or many, and reads their answers. */
static bool converse(struct reader *in, unsigned count, unsigned pieces, bool last)
{
    char text[MOST * 300];
    long id[MOST];
    size_t length = 0, one;
    pace(count);
    for (unsigned i = 0; i < count; i++) {
        id[i] = compose(text + length, &one, last && i == count - 1 ? "Connection: close\r\n" : "");
        if (id[i] < 0)
            return false;
        numbers[id[i]].state = SENT;
        length += one;
    }
    send_all(in->fd, text, length, pieces);
    if (last && any(2))
        shutdown(in->fd, SHUT_WR);
    for (unsigned i = 0; i < count; i++)
        if (!read_answer(in, id[i]))
            return false;
    return true;
}

static void short_connection(struct reader *in)
{
    converse(in, 1, 1, true);
}

static void kept_connection(struct reader *in)
{
    for (unsigned i = 1 + any(20); i > 0 && converse(in, 1, 1, i == 1 && any(2)); i--)
        ;
}

static void pipelined(struct reader *in)
{
    for (unsigned i = 1 + any(3); i > 0 && converse(in, 2 + any(MOST - 2), 1 + any(4), i == 1 && any(2)); i--)
        ;
}

static void in_pieces(struct reader *in)
{
    converse(in, 1, 2 + any(20), any(2));
}

/* Asks and leaves without, or in the middle of, the answer. */
static void leave_early(struct reader *in)
{
    char text[MOST * 300];
    size_t length = 0, one;
    unsigned count = 1 + any(3);
    pace(count);
    for (unsigned i = 0; i < count; i++) {
        long id = compose(text + length, &one, "");
        if (id < 0)
            return;
        numbers[id].state = SENT;
        length += one;
    }
    send_all(in->fd, text, length, 1);
    if (any(2))
        receive(in->fd, in->text, 1 + any(TEXT));
    if (any(2)) {
        abandon(in->fd);
        in->fd = -1;
    }
}

/* Less than a whole head. */
static void say_half(struct reader *in)
{
    char text[300];
    size_t length;
    pace(1);
    long id = compose(text, &length, "");
    if (id < 0)
        return;
    numbers[id].state = PART;
    send_all(in->fd, text, 1 + any((unsigned)(strstr(text, "\r\n\r\n") - text)), 1);
    if (any(2)) {
        abandon(in->fd);
        in->fd = -1;
    }
}

static void talk_nonsense(struct reader *in)
{
    static const char *const texts[] = {
        "\x16\x03\x01\x02", "*1\r\n$4\r\nPING\r\n",  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "hello\r\n\r\n", "GET\r\n\r\n",
        "\r\n \r\n\r\n",    "GET / HTTP/3.7\r\n\r\n"};
    char text[256];
    size_t length = sizeof text;
    unsigned which = any(2 * sizeof texts / sizeof *texts);
    pace(1);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)any(256);
    if (which < sizeof texts / sizeof *texts)
        length = (size_t)(stpcpy(text, texts[which]) - text);
    text[0] = text[0] >= 'A' && which >= sizeof texts / sizeof *texts ? (char)(text[0] | 0x80) : text[0];
    send_all(in->fd, text, length, 1);
    shutdown(in->fd, SHUT_WR);
    while (receive(in->fd, in->text, TEXT) > 0)
        ;
    atomic_fetch_add(&garbage, 1);
}

/* Many connections at once, of which the last one asks. */
static void storm(struct reader *in)
{
    int fds[STORM], count = (int)any(STORM);
    for (int i = 0; i < count; i++)
        fds[i] = open_connection();
    converse(in, 1, 1, true);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            any(2) ? abandon(fds[i]) : (void)close(fds[i]);
}

static void once(void)
{
    static void (*const ways[])(struct reader *) = {short_connection, short_connection, kept_connection,
                                                    kept_connection,  pipelined,        in_pieces,
                                                    leave_early,      say_half,         talk_nonsense};
    struct reader in = {.fd = open_connection()};
    if (in.fd < 0)
        return;
    if (any(50) == 0)
        storm(&in);
    else
        ways[any(sizeof ways / sizeof *ways)](&in);
    if (in.fd >= 0)
        close(in.fd);
}

static void *work(void *user)
{
    seed = (unsigned)(uintptr_t)user;
    for (;;) {
        pthread_mutex_lock(&mutex);
        at_work--;
        pthread_cond_broadcast(&changed);
        while (paused)
            pthread_cond_wait(&changed, &mutex);
        at_work++;
        pthread_mutex_unlock(&mutex);
        once();
    }
    return NULL;
}

static void set_paused(bool to)
{
    pthread_mutex_lock(&mutex);
    paused = to;
    pthread_cond_broadcast(&changed);
    while (paused && at_work > 0)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

int main(int argc, char **argv)
{
    char line[16];
    pthread_t thread;
    if (argc != 7)
        return 2;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    ids = (unsigned)atoi(argv[3]);
    period_ns = 1000000000 / atoi(argv[4]);
    int file = open(argv[2], O_RDWR | O_CLOEXEC);
    numbers = mmap(NULL, ids * sizeof *numbers, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || numbers == MAP_FAILED)
        return 1;
    at_work = (unsigned)atoi(argv[5]);
    for (unsigned i = 0, count = at_work; i < count; i++)
        pthread_create(&thread, NULL, work, (void *)(uintptr_t)(strtoul(argv[6], NULL, 10) * 1000 + i));
    while (fgets(line, sizeof line, stdin)) {
        set_paused(strcmp(line, "pause\n") == 0);
        if (!paused)
            continue;
        printf("%u %ld %ld %ld %ld\n", atomic_load(&next_id), connections, garbage, timeouts, refused);
        fflush(stdout);
    }
    _exit(0);
}
