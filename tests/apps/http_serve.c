// build: -lhiredis -lcurl -pthread
/* An HTTP/1.1 server: http_serve MODEL REDIS-PORT URL
 *
 * MODEL says who serves a connection: `thread` one of its own, `fork` a child of its own, `alone` the thread that
 * accepts, one after the other. Prints the port it listens on, and serves until it is killed. What a request's path
 * begins with says what it does:
 *
 *   /length /chunked /file /vector /close /hinted    ways to answer
 *   /none                                            no answer: the connection is closed
 *   /refuse                                          answers before it has read the body
 *   /switch                                          101, then echoes
 *   /calls/TAG                                        GET TAG of Redis, and URL/TAG by libcurl, before it answers;
 *                                                    with a TAG that begins with poll, select or epoll after it has
 *                                                    waited so for an answer over a socket of its own
 *   /status/CODE
 */
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listening.h"

static int redis_port;
static const char *url;
static char greeting[] = "hello, world\n";

struct client {
    int fd;
    char text[65536 * 2];
    size_t length; /* of what has been read */
};

static void put(int fd, const void *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text = (const char *)text + sent;
        length -= (size_t)sent;
    }
}

static void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

static void with_length(int fd, int status, const char *body, bool head)
{
    char text[512];
    int length =
        snprintf(text, sizeof text, "HTTP/1.1 %d Status\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                 status, strlen(body));
    size_t size = head ? 0 : strlen(body);
    char answer[size + (size_t)length];
    memcpy(answer, text, (size_t)length);
    memcpy(answer + length, body, size);
    put(fd, answer, sizeof answer);
}

static size_t nowhere(char *at, size_t size, size_t count, void *user)
{
    (void)at;
    (void)user;
    return size * count;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Asks over a socket of its own, and waits for the answer as the tag says. */
static void wait_within(const char *how)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN};
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), ready = 0;
    struct pollfd poll_set = {.fd = fd, .events = POLLIN};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    address.sin_port = htons((uint16_t)redis_port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || write(fd, "PING\r\n", 6) != 6)
        exit(1);
    if (begins(how, "poll"))
        ready = poll(&poll_set, 1, -1);
    else if (begins(how, "select"))
        ready = select(fd + 1, &set, NULL, NULL, NULL);
    else if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        ready = epoll_wait(epoll, &event, 1, -1);
    if (ready != 1 || read(fd, text, sizeof text) != 7)
        exit(1);
    close(epoll);
    close(fd);
}

static void work(int fd, const char *tag)
{
    char text[256];
    if (begins(tag, "poll") || begins(tag, "select") || begins(tag, "epoll"))
        wait_within(tag);
    redisContext *redis = redisConnect("127.0.0.1", redis_port);
    freeReplyObject(redisCommand(redis, "GET %s", tag));
    redisFree(redis);
    CURL *easy = curl_easy_init();
    snprintf(text, sizeof text, "%.100s/%.100s", url, tag);
    curl_easy_setopt(easy, CURLOPT_URL, text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, nowhere);
    curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    with_length(fd, 200, tag, false);
}

static void send_file(int fd)
{
    int file = memfd_create("answer", 0);
    for (int i = 0; i < 1000; i++)
        if (write(file, greeting, sizeof greeting - 1) < 0)
            exit(1);
    lseek(file, 0, SEEK_SET);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 13000\r\n\r\n");
    while (sendfile(fd, file, NULL, 4096) > 0)
        ;
    close(file);
}

static void send_vector(int fd)
{
    char head[] = "HTTP/1.1 200 OK\r\nContent-Le", more[] = "ngth: 13\r\n", empty[] = "\r\n";
    struct iovec pieces[] = {{head, sizeof head - 1},
                             {NULL, 0},
                             {more, sizeof more - 1},
                             {empty, sizeof empty - 1},
                             {greeting, sizeof greeting - 1}};
    if (writev(fd, pieces, 5) < 0)
        exit(1);
}

/* False: the connection is over. */
static bool answer(struct client *client, const char *method, const char *path)
{
    int fd = client->fd;
    char got[1024];
    if (begins(path, "/length"))
        with_length(fd, 200, greeting, begins(method, "HEAD"));
    else if (begins(path, "/status/"))
        with_length(fd, atoi(path + 8), "so it is\n", false);
    else if (begins(path, "/calls/"))
        work(fd, path + 7);
    else if (begins(path, "/vector"))
        send_vector(fd);
    else if (begins(path, "/file"))
        send_file(fd);
    else if (begins(path, "/hinted"))
        say(fd, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    else if (begins(path, "/chunked"))
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\nGET /not-a-request "
                "HTTP/1.1\r\n\r\n\r\n0\r\nA-Trailer: 1\r\n\r\n");
    else if (begins(path, "/close")) {
        say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        say(fd, greeting);
        return false;
    } else if (begins(path, "/none"))
        return false;
    else if (begins(path, "/switch")) {
        say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        for (ssize_t n; (n = read(fd, got, sizeof got)) > 0;)
            put(fd, got, (size_t)n);
        return false;
    } else
        with_length(fd, 404, "what?\n", false);
    return true;
}

/* Reads one request and answers it. */
static bool serve(struct client *client)
{
    char *end, method[16] = "", path[16384] = "";
    for (;;) {
        client->text[client->length] = '\0';
        end = strstr(client->text, "\r\n\r\n");
        if (end)
            break;
        ssize_t got = read(client->fd, client->text + client->length, sizeof client->text - 1 - client->length);
        if (got <= 0)
            return false;
        client->length += (size_t)got;
    }
    size_t head = (size_t)(end + 4 - client->text), body = 0;
    sscanf(client->text, "%15s %16383s", method, path);
    char *length = strcasestr(client->text, "\r\nContent-Length:");
    if (length && length < end)
        body = (size_t)atol(length + 17);
    if (begins(path, "/refuse")) {
        with_length(client->fd, 413, "too much\n", false);
        shutdown(client->fd, SHUT_WR);
        while (recv(client->fd, client->text, sizeof client->text, 0) > 0)
            ;
        return false;
    }
    if (strcasestr(client->text, "100-continue"))
        say(client->fd, "HTTP/1.1 100 Continue\r\n\r\n");
    while (client->length < head + body) {
        ssize_t got = recv(client->fd, client->text + client->length, sizeof client->text - 1 - client->length, 0);
        if (got <= 0)
            return false;
        client->length += (size_t)got;
    }
    memmove(client->text, client->text + head + body, client->length - head - body);
    client->length -= head + body;
    return answer(client, method, path);
}

static void *converse(void *user)
{
    struct client *client = user;
    while (serve(client))
        ;
    close(client->fd);
    free(client);
    return NULL;
}

static void begin(const char *model, int fd)
{
    struct client *client = malloc(sizeof *client);
    client->fd = fd;
    client->length = 0;
    if (!serve_apart(model, converse, client, fd))
        converse(client);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    redis_port = atoi(argv[2]);
    url = argv[3];
    signal(SIGCHLD, SIG_IGN);
    curl_global_init(CURL_GLOBAL_ALL);
    int listener = listening(0, 128);
    say_port(listener);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            begin(argv[1], fd);
    }
}
