// build: -lhiredis -lcurl pkg:libmariadb -pthread
/* An HTTP/1.1 server that asks others: parenting_serve MODEL PORT REDIS-PORT MYSQL-PORT URL
 *
 * Of a request for /TAG it asks them for TAG, and then answers with it. MODEL says who does that:
 *
 *   thread     a thread for each connection
 *   fork       a process for each connection
 *   pool       the main thread reads the requests, one after the other; four threads, which it starts when it has read
 * the first one, ask and answer handed     the main thread reads the first request, and starts four threads then; they
 * get that, and from then on whole connections
 */
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"
#include "parenting_calls.h"

enum { WORKERS = 4, QUEUE = 256 };

struct client {
    int fd;
    size_t length;
    char text[4096], tag[64];
};

/* Reads one request; false: the client has left. */
static bool read_request(struct client *client)
{
    client->length = 0;
    do {
        ssize_t got = read(client->fd, client->text + client->length, sizeof client->text - 1 - client->length);
        if (got <= 0)
            return false;
        client->length += (size_t)got;
        client->text[client->length] = '\0';
    } while (!strstr(client->text, "\r\n\r\n"));
    return sscanf(client->text, "GET /%60s", client->tag) == 1;
}

static void answer(struct client *client, struct calls *calls, bool keep)
{
    char text[256];
    calls_make(calls, client->tag);
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n%s",
                          keep ? "" : "Connection: close\r\n", strlen(client->tag), client->tag);
    if (send(client->fd, text, (size_t)length, MSG_NOSIGNAL) != length)
        calls_fail("send");
}

static void end(struct client *client)
{
    close(client->fd);
    free(client);
}

static void *converse(void *user)
{
    struct client *client = user;
    struct calls calls;
    if (read_request(client)) {
        calls_open(&calls);
        do
            answer(client, &calls, true);
        while (read_request(client));
        calls_close(&calls);
    }
    end(client);
    mysql_thread_end();
    return NULL;
}

/* --- a queue of clients */

static struct client *queue[QUEUE];
static size_t head, tail;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void give(struct client *client)
{
    pthread_mutex_lock(&lock);
    queue[tail++ % QUEUE] = client;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static struct client *take(void)
{
    pthread_mutex_lock(&lock);
    while (head == tail)
        pthread_cond_wait(&changed, &lock);
    struct client *client = queue[head++ % QUEUE];
    pthread_mutex_unlock(&lock);
    return client;
}

/* A request whose text was read before is answered first. */
static void *work(void *user)
{
    struct calls calls;
    (void)user;
    calls_open(&calls);
    for (;;) {
        struct client *client = take();
        if (client->length > 0 || read_request(client))
            answer(client, &calls, false);
        end(client);
    }
    return NULL;
}

static void begin(const char *model, struct client *client)
{
    static bool started;
    pthread_t thread;
    if (serve_apart(model, converse, client, client->fd))
        return;
    client->length = 0;
    if ((!started || strcmp(model, "pool") == 0) && !read_request(client)) {
        end(client);
        return;
    }
    for (int i = 0; i < WORKERS && !started; i++)
        pthread_create(&thread, NULL, work, NULL);
    started = true;
    give(client);
}

int main(int argc, char **argv)
{
    int on = 1;
    if (argc != 6)
        return 2;
    calls_init(argv[3], argv[4], argv[5]);
    signal(SIGCHLD, SIG_IGN);
    int listener = listening(atoi(argv[2]), 256);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        struct client *client = calloc(1, sizeof *client);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        client->fd = fd;
        begin(argv[1], client);
    }
}
