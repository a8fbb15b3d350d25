// build: -lhiredis -pthread
/* A server that does what it does in functions of libevent: libevent_turns WATCH DO REDIS-PORT [THREADS]
 *
 * Each thread has an event base, prints its port, and serves one request a connection. Of a request for /TAG it says
 * "TAG" when it has read it, and does something for it; /held… is left alone, /end has all answered, and ends the
 * thread.
 *
 *   WATCH  new, assign, set, once, base-once   how it is told that there is something to read; set and once know one
 * base buffer, deferred                    bufferevents; the latter call functions of the program's later edge EPOLLET,
 * so that the event stays while it is run DO     ask       GET TAG free      has freed the event before it asks again
 * has assigned its event anew, for another descriptor, before it asks other     has read what has come over the
 * connection before this one, before it asks timer     asks in the function of a timer active    asks in the function
 * of an event that it makes active signal    asks in the function of a signal's event nested    asks, has another base
 * run a timer that asks, GET TAG-inner, and asks again: GET TAG-after poll      has waited for the connection again,
 * with epoll, before it asks fork      a child asks
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 64 };

struct connection {
    int fd;
    struct event *event, assigned;
    struct bufferevent *buffer;
    char text[512];
    size_t length;
    const char *tag; /* NULL: it has not been read */
};

static const char *way, *work;
static int redis_port;
static __thread struct event_base *base;
static __thread redisContext *redis;
static __thread struct connection connections[MOST];
static __thread int count;

static bool is(const char *what, const char *word)
{
    return strcmp(what, word) == 0;
}

static void get(const char *tag, const char *more)
{
    redisReply *reply = redisCommand(redis, "GET %s%s", tag, more);
    if (!reply || reply->type != REDIS_REPLY_NIL)
        exit(3);
    freeReplyObject(reply);
}

static void done(const struct connection *connection)
{
    printf("%s\n", connection->tag);
    fflush(stdout);
}

static void later(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    get(((struct connection *)user)->tag, "");
    done(user);
}

static void inner(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    get(((struct connection *)user)->tag, "-inner");
}

static void nothing(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
}

static void nest(struct connection *connection)
{
    struct event_base *own = event_base_new();
    struct timeval now = {0};
    get(connection->tag, "");
    event_base_once(own, -1, EV_TIMEOUT, inner, connection, &now);
    event_base_dispatch(own);
    event_base_free(own);
    get(connection->tag, "-after");
}

static void make_event(struct connection *connection)
{
    bool of_signal = is(work, "signal");
    struct event *event = event_new(base, of_signal ? SIGUSR1 : -1, of_signal ? EV_SIGNAL : 0, later, connection);
    if (of_signal)
        event_add(event, NULL);
    if (of_signal)
        raise(SIGUSR1);
    else
        event_active(event, EV_TIMEOUT, 1);
}

static void wait_again(const struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, connection->fd, &event);
    epoll_wait(set, &event, 1, 0);
    close(set);
}

static void in_child(const char *tag)
{
    pid_t child = fork();
    if (child == 0) {
        redis = redisConnect("127.0.0.1", redis_port);
        get(tag, "");
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static void prepare(struct connection *connection)
{
    char text[512];
    if (is(work, "free"))
        event_free(connection->event);
    else if (is(work, "again"))
        event_assign(&connection->assigned, base, connections[0].fd, EV_READ, nothing, NULL);
    else if (is(work, "poll"))
        wait_again(connection);
    else if (is(work, "other") && connection > connections &&
             recv(connection[-1].fd, text, sizeof text, MSG_DONTWAIT) <= 0)
        exit(4);
}

static void serve(struct connection *connection)
{
    struct timeval now = {0};
    if (is(work, "timer")) {
        event_base_once(base, -1, EV_TIMEOUT, later, connection, &now);
    } else if (is(work, "active") || is(work, "signal")) {
        make_event(connection);
    } else if (is(work, "nested")) {
        nest(connection);
        done(connection);
    } else if (is(work, "fork")) {
        in_child(connection->tag);
        done(connection);
    } else {
        prepare(connection);
        later(-1, 0, connection);
    }
}

static void answer_all(void)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (int i = 0; i < count; i++)
        if (write(connections[i].fd, answer, sizeof answer - 1) != (ssize_t)(sizeof answer - 1))
            exit(5);
    event_base_loopbreak(base);
}

/* What has been read of the request. */
static void look(struct connection *connection)
{
    if (connection->tag || !memmem(connection->text, connection->length, "\r\n\r\n", 4))
        return;
    connection->text[connection->length] = '\0';
    connection->tag = strchr(connection->text, '/') + 1;
    *strchr(connection->tag, ' ') = '\0';
    if (strncmp(connection->tag, "held", 4) == 0)
        done(connection);
    else if (is(connection->tag, "end"))
        answer_all();
    else
        serve(connection);
}

static void watch(struct connection *connection);

static void on_read(evutil_socket_t fd, short what, void *user)
{
    struct connection *connection = user;
    size_t room = sizeof connection->text - 1 - connection->length;
    ssize_t got = read(fd, connection->text + connection->length, room);
    (void)what;
    if (got <= 0)
        return;
    connection->length += (size_t)got;
    look(connection);
    if (!connection->tag && strstr(way, "once"))
        watch(connection);
}

static void on_buffer(struct bufferevent *buffer, void *user)
{
    struct connection *connection = user;
    connection->length += bufferevent_read(buffer, connection->text + connection->length,
                                           sizeof connection->text - 1 - connection->length);
    look(connection);
}

static void watch(struct connection *connection)
{
    bool deferred = is(way, "deferred");
    int fd = connection->fd;
    if (is(way, "buffer") || deferred) {
        connection->buffer = bufferevent_socket_new(base, fd, deferred ? BEV_OPT_DEFER_CALLBACKS : 0);
        bufferevent_setcb(connection->buffer, on_buffer, NULL, NULL, connection);
        bufferevent_enable(connection->buffer, EV_READ);
        return;
    }
    connection->event = &connection->assigned;
    if (is(way, "new") || is(way, "edge"))
        connection->event =
            event_new(base, fd, EV_READ | EV_PERSIST | (is(way, "edge") ? EV_ET : 0), on_read, connection);
    else if (is(way, "assign"))
        event_assign(connection->event, base, fd, EV_READ | EV_PERSIST, on_read, connection);
    else if (is(way, "set"))
        event_set(connection->event, fd, EV_READ | EV_PERSIST, on_read, connection);
    else if (is(way, "once"))
        event_once(fd, EV_READ, on_read, connection, NULL);
    else
        event_base_once(base, fd, EV_READ, on_read, connection, NULL);
    if (!strstr(way, "once"))
        event_add(connection->event, NULL);
}

/* In "other", nobody is told of what comes over every second connection. */
static void on_accept(evutil_socket_t fd, short what, void *user)
{
    struct connection *connection = &connections[count];
    (void)what, (void)user;
    connection->fd = accept(fd, NULL, NULL);
    if (connection->fd < 0 || ++count == MOST)
        exit(6);
    evutil_make_socket_nonblocking(connection->fd);
    if (!is(work, "other") || count < 3 || count % 2 == 0)
        watch(connection);
}

static void *run(void *unused)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)unused;
    base = is(way, "set") || is(way, "once") ? event_init() : event_base_new();
    redis = redisConnect("127.0.0.1", redis_port);
    if (!redis || redis->err || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, MOST) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        exit(1);
    evutil_make_socket_nonblocking(listener);
    event_add(event_new(base, listener, EV_READ | EV_PERSIST, on_accept, NULL), NULL);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    if (is(way, "set") || is(way, "once"))
        event_dispatch();
    else if (is(way, "assign"))
        event_base_loop(base, 0);
    else
        event_base_dispatch(base);
    for (int i = 0; i < count; i++)
        close(connections[i].fd);
    redisFree(redis);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    int own = argc > 4 ? atoi(argv[4]) : 0;
    if (argc < 4 || own > THREADS)
        return 2;
    way = argv[1];
    work = argv[2];
    redis_port = atoi(argv[3]);
    if (own == 0)
        run(NULL);
    for (int i = 0; i < own; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (int i = 0; i < own; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
