// build: -pthread
/* A client that writes requests in odd ways: http_writes ADDRESS WAY SEED SIZE SENT
 *
 * ADDRESS is a unix socket's path, or a port. WAY is what calls are made (write, writev, send, sendmsg, mixed,
 * sendfile) and how (with `+`: nonblocking, dup, threads, fork, processes, signals, timeout), SIZE the most that is
 * written at once. All that the calls say was taken goes to the file SENT. Prints how many requests there were, how
 * many with a trace of their own, of how many others the empty line was handed over and taken in one piece, and of how
 * many it may have been, because the call before took all bytes up to there. Reads no answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS = 120, ROOM = 1 << 20, PIECES = 60 };

struct request {
    size_t empty_line, body, content, end; /* offsets; content to end: bytes that need not be read to be counted */
    bool own, whole, past, perhaps; /* its empty line: was in the last call, is taken, was once in a call and due */
};

/* What processes share. */
static struct {
    pthread_mutex_t turn;
    size_t position;
    uint64_t state;
    struct request requests[REQUESTS];
} * all;
static struct request *requests;
static char stream[ROOM];
static size_t length;
static size_t most;
static const char *way;
static int connection, other, file, sent;

static size_t below(size_t limit)
{
    all->state ^= all->state << 13;
    all->state ^= all->state >> 7;
    all->state ^= all->state << 17;
    return (size_t)(all->state % limit);
}

static bool has(const char *word)
{
    return strstr(way, word) != NULL;
}

static void add(const char *text)
{
    memcpy(stream + length, text, strlen(text));
    length += strlen(text);
}

static void add_bytes(size_t count)
{
    static const char text[] = "GET / HTTP/1.1\r\n\r\n"; /* a body that looks like a request */
    for (size_t i = 0; i < count; i++)
        stream[length++] = text[i % (sizeof text - 1)];
}

static void make_request(struct request *request, int number)
{
    char line[200];
    size_t kind = below(4), body = below(3) ? below(2000) : 0;
    const char *end = below(8) ? "\r\n" : "\n";
    request->own = below(6) == 0;
    snprintf(line, sizeof line, "%s /%d HTTP/1.1%sHost: example.test%s", kind ? "POST" : "GET", number, end, end);
    add(line);
    for (size_t i = below(12); i > 0; i--) {
        snprintf(line, sizeof line, "X-Header-%zu: %.*s%s", i, (int)below(70),
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", end);
        add(line);
    }
    if (request->own) {
        snprintf(line, sizeof line, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01%s", end);
        add(line);
    }
    snprintf(line, sizeof line,
             kind == 3 ? "Transfer-Encoding: chunked%s"
             : kind    ? "Content-Length: %2$zu%1$s"
                       : "",
             end, body);
    add(line);
    request->empty_line = length;
    add(end);
    request->body = length;
    if (kind == 3) {
        snprintf(line, sizeof line, "%zx\r\n", body + 1);
        add(line);
    }
    request->content = length;
    add_bytes(kind == 3 ? body + 1 : kind ? body : 0);
    request->end = length;
    if (kind == 3)
        add("\r\n0\r\n\r\n");
}

/* Which empty lines this attempt holds. */
static void look(size_t count)
{
    for (struct request *request = requests; request < requests + REQUESTS; request++)
        if (!request->past)
            request->whole = all->position <= request->empty_line && all->position + count >= request->body;
}

static void took(ssize_t count)
{
    for (size_t done = 0; done < (size_t)count;) {
        ssize_t put = write(sent, stream + all->position + done, (size_t)count - done);
        if (put <= 0)
            abort();
        done += (size_t)put;
    }
    all->position += (size_t)count;
    for (struct request *request = requests; request < requests + REQUESTS; request++)
        if (all->position > request->empty_line)
            request->past = true;
        else if (all->position == request->empty_line && request->whole)
            request->perhaps = true;
}

/* All bytes up to an empty line were taken of a call that had that, too. */
static bool at_empty_line(void)
{
    for (struct request *request = requests; request < requests + REQUESTS; request++)
        if (request->perhaps && all->position == request->empty_line)
            return true;
    return false;
}

static size_t content_left(void)
{
    for (struct request *request = requests; request < requests + REQUESTS; request++)
        if (all->position >= request->content && all->position < request->end)
            return request->end - all->position;
    return 0;
}

static ssize_t write_pieces(int fd, size_t *count, bool message)
{
    struct iovec pieces[PIECES];
    size_t number = 1 + below(PIECES), used = 0, left = *count, at = all->position;
    for (; used < number && left > 0; used++) {
        size_t part = used + 1 == number ? left : below(left + 1);
        pieces[used] = (struct iovec){stream + at, part};
        at += part;
        left -= part;
    }
    *count -= left;
    look(*count);
    struct msghdr header = {.msg_iov = pieces, .msg_iovlen = used};
    return message ? sendmsg(fd, &header, MSG_NOSIGNAL) : writev(fd, pieces, (int)used);
}

static ssize_t attempt(int fd, size_t *count)
{
    enum {
        WRITE,
        WRITEV,
        SEND,
        SENDMSG,
        WAYS
    } how = has("mixed")     ? (int)below(WAYS)
            : has("writev")  ? WRITEV
            : has("sendmsg") ? SENDMSG
            : has("send")    ? SEND
                             : WRITE;
    if (has("sendfile") && content_left() > 0) {
        off_t offset = (off_t)all->position;
        if (*count > content_left())
            *count = content_left();
        return sendfile(fd, file, &offset, *count);
    }
    if (how == WRITEV || how == SENDMSG)
        return write_pieces(fd, count, how == SENDMSG);
    look(*count);
    return how == SEND ? send(fd, stream + all->position, *count, MSG_NOSIGNAL)
                       : write(fd, stream + all->position, *count);
}

static void step(void)
{
    size_t count = 1 + below(most);
    if (count > length - all->position)
        count = length - all->position;
    int fd = has("dup") && below(2) ? other : connection;
    errno = 12345;
    ssize_t taken = attempt(fd, &count);
    if (taken > (ssize_t)count || taken == 0) {
        printf("%zd of %zu taken\n", taken, count);
        exit(1);
    }
    if (taken > 0 && errno != 12345) {
        printf("errno %d after success\n", errno);
        exit(1);
    }
    int error = errno;
    took(taken > 0 ? taken : 0);
    errno = error;
    if (taken > 0)
        return;
    if (errno == EAGAIN && (has("nonblocking") || has("timeout"))) {
        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
    } else if (errno != EINTR) {
        printf("errno %d\n", errno);
        exit(1);
    }
}

static void *write_all(void *nothing)
{
    for (;;) {
        pthread_mutex_lock(&all->turn);
        bool more = all->position < length;
        if (more)
            step();
        pthread_mutex_unlock(&all->turn);
        if (!more)
            return nothing;
    }
}

static void nothing(int number)
{
    (void)number;
}

static void prepare(void)
{
    char name[] = "/tmp/http_writes.XXXXXX";
    file = mkstemp(name);
    unlink(name);
    if (write(file, stream, length) != (ssize_t)length)
        exit(2);
    other = dup(connection);
    if (has("nonblocking"))
        fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) | O_NONBLOCK);
    if (has("timeout"))
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 2000}, sizeof(struct timeval));
    if (has("signals")) {
        struct sigaction action = {.sa_handler = nothing, .sa_flags = has("restart") ? SA_RESTART : 0};
        struct itimerval every = {{0, 3000}, {0, 3000}};
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &every, NULL);
    }
}

static void count(void)
{
    size_t whole = 0, perhaps = 0, own = 0;
    for (struct request *request = requests; request < requests + REQUESTS; request++) {
        whole += request->whole && !request->own;
        perhaps += !request->whole && request->perhaps && !request->own;
        own += request->own;
    }
    printf("%d %zu %zu %zu\n", REQUESTS, own, whole, whole + perhaps);
}

static int dial(const char *name)
{
    int small = 1;
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(name))};
    bool tcp = port.sin_port != 0;
    port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    strncpy(path.sun_path, name, sizeof path.sun_path - 1);
    connection = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
    setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    return tcp ? connect(connection, (struct sockaddr *)&port, sizeof port)
               : connect(connection, (struct sockaddr *)&path, sizeof path);
}

static void share(void)
{
    pthread_mutexattr_t attributes;
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    requests = all->requests;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&all->turn, &attributes);
}

int main(int argc, char *argv[])
{
    if (argc < 6)
        return 2;
    way = argv[2];
    share();
    all->state = strtoull(argv[3], NULL, 10) * 2654435761u + 1;
    most = strtoul(argv[4], NULL, 10);
    for (int i = 0; i < REQUESTS; i++)
        make_request(&requests[i], i);
    sent = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (dial(argv[1]) != 0)
        return 2;
    prepare();
    pid_t child = -1;
    if (has("threads")) {
        pthread_t thread;
        pthread_create(&thread, NULL, write_all, NULL);
        write_all(NULL);
        pthread_join(thread, NULL);
    } else if (has("fork")) {
        while (all->position < length / 2)
            step();
        if (fork() != 0)
            return wait(NULL) < 0;
    } else if (has("processes")) {
        for (size_t i = below(400); (i > 0 || !at_empty_line()) && all->position<length; i -= i> 0)
            step();
        child = fork();
    }
    write_all(NULL);
    close(other);
    close(connection);
    if (child == 0)
        return 0;
    if (child > 0 && wait(NULL) < 0)
        return 2;
    count();
    return 0;
}
