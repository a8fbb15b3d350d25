// build: -lhiredis -levent
/* A server of one thread, libevent's evhttp, that asks others: parenting_event MODE PORT REDIS-PORT HTTP-PORT
 *
 * Of a request for /TAG it gives GET TAG by asynchronous hiredis, when that is answered EXISTS TAG, and then answers
 * with TAG. MODE says when:
 *
 *   http      in the function that gets the request, and by evhttp: twice GET /TAG
 *   at-once   likewise, by hiredis
 *   timer     after a while
 *   stream    after a while, when the answer has begun
 *   after     after a while, when it has been answered
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct evhttp_request *request;
    char tag[64];
    int asked;
};

static enum { HTTP, AT_ONCE, TIMER, STREAM, AFTER } mode;
static struct event_base *base;
static ev_uint16_t http_port;
static redisAsyncContext *redis;

static void fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void put_tag(struct job *job, void (*send)(struct evhttp_request *, struct evbuffer *))
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, job->tag, strlen(job->tag));
    send(job->request, body);
    evbuffer_free(body);
}

static void answer_whole(struct evhttp_request *request, struct evbuffer *body)
{
    evhttp_send_reply(request, 200, "OK", body);
}

static void on_second(redisAsyncContext *context, void *reply, void *user)
{
    struct job *job = user;
    (void)context;
    if (!reply)
        fail("EXISTS");
    if (mode == STREAM) {
        put_tag(job, evhttp_send_reply_chunk);
        evhttp_send_reply_end(job->request);
    } else if (mode != AFTER) {
        put_tag(job, answer_whole);
    }
    free(job);
}

static void on_first(redisAsyncContext *context, void *reply, void *user)
{
    struct job *job = user;
    if (!reply)
        fail("GET");
    redisAsyncCommand(context, on_second, job, "EXISTS %s", job->tag);
}

static void ask(struct job *job)
{
    redisAsyncCommand(redis, on_first, job, "GET %s", job->tag);
}

static void on_answer(struct evhttp_request *asked, void *user);

/* Over a connection of its own. */
static void ask_http(struct job *job)
{
    char path[80];
    struct evhttp_connection *connection = evhttp_connection_base_new(base, NULL, "127.0.0.1", http_port);
    struct evhttp_request *request = evhttp_request_new(on_answer, job);
    evhttp_connection_free_on_completion(connection);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Host", "others");
    snprintf(path, sizeof path, "/%s", job->tag);
    if (evhttp_make_request(connection, request, EVHTTP_REQ_GET, path) != 0)
        fail("evhttp_make_request");
}

static void on_answer(struct evhttp_request *asked, void *user)
{
    struct job *job = user;
    if (!asked || evhttp_request_get_response_code(asked) != 200)
        fail("GET by HTTP");
    if (job->asked++ == 0) {
        ask_http(job);
    } else {
        put_tag(job, answer_whole);
        free(job);
    }
}

static void on_time(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    ask(user);
}

static void on_request(struct evhttp_request *request, void *user)
{
    struct timeval a_while = {.tv_usec = rand() % 3000};
    struct job *job = calloc(1, sizeof *job);
    (void)user;
    job->request = request;
    snprintf(job->tag, sizeof job->tag, "%s", evhttp_request_get_uri(request) + 1);
    if (mode == HTTP || mode == AT_ONCE) {
        (mode == HTTP ? ask_http : ask)(job);
        return;
    }
    if (mode == STREAM)
        evhttp_send_reply_start(request, 200, "OK");
    else if (mode == AFTER)
        put_tag(job, answer_whole);
    event_base_once(base, -1, EV_TIMEOUT, on_time, job, &a_while);
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"http", "at-once", "timer", "stream", "after"};
    if (argc != 5)
        return 2;
    while (strcmp(modes[mode], argv[1]) != 0)
        if (++mode > AFTER)
            return 2;
    signal(SIGPIPE, SIG_IGN);
    http_port = (ev_uint16_t)atoi(argv[4]);
    base = event_base_new();
    redis = redisAsyncConnect("127.0.0.1", atoi(argv[3]));
    if (!redis || redis->err || redisLibeventAttach(redis, base) != REDIS_OK)
        fail("redisAsyncConnect");
    struct evhttp *http = evhttp_new(base);
    evhttp_set_gencb(http, on_request, NULL);
    if (evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)atoi(argv[2])) != 0)
        fail("evhttp_bind_socket");
    return event_base_dispatch(base);
}
