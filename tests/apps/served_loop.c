// build: -lhiredis -lcurl -pthread
/* A server whose calls are all made in one loop: served_loop libcurl|hiredis REDIS-PORT URL COUNT
 *
 * It prints its port and serves COUNT requests, each in a thread of its own, which gives its operation to the loop and
 * answers when that is over. The loop is the main thread's, which serves nobody: it runs when all have been given. For
 * a request of /TAG the operation is URL/TAG in one multi handle, or ECHO TAG on one asynchronous connection; what it
 * calls when there is an answer asks Redis for TAG. Afterwards the main thread asks for `after`. */
#include <curl/curl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"

enum { MOST = 16 };

static struct job {
    int fd;
    pthread_t thread;
    char tag[32];
    CURL *easy;
    bool asked;
} jobs[MOST];
static const char *url;
static int given, answered;
static bool over;
static CURLM *all;
static redisAsyncContext *connection;
static redisContext *redis;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void ask(struct job *job)
{
    if (!job->asked)
        freeReplyObject(redisCommand(redis, "GET %s", job->tag));
    job->asked = true;
    answered++;
}

static size_t on_body(char *data, size_t size, size_t count, void *job)
{
    (void)data;
    ask(job);
    return size * count;
}

static void on_reply(redisAsyncContext *of, void *reply, void *job)
{
    (void)of, (void)reply;
    ask(job);
}

static void give(struct job *job)
{
    char text[256];
    if (connection) {
        redisAsyncCommand(connection, on_reply, job, "ECHO %s", job->tag);
        return;
    }
    snprintf(text, sizeof text, "%.200s/%s", url, job->tag);
    job->easy = curl_easy_init();
    curl_easy_setopt(job->easy, CURLOPT_URL, text);
    curl_easy_setopt(job->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(job->easy, CURLOPT_WRITEDATA, job);
    curl_multi_add_handle(all, job->easy);
}

static void *serve(void *argument)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    struct job *job = argument;
    char request[4096] = "";
    size_t length = 0;
    while (!strstr(request, "\r\n\r\n") && length < sizeof request - 1) {
        ssize_t got = read(job->fd, request + length, sizeof request - 1 - length);
        if (got <= 0)
            exit(3);
        length += (size_t)got;
        request[length] = 0;
    }
    sscanf(request, "GET /%31s ", job->tag);
    pthread_mutex_lock(&lock);
    give(job);
    given++;
    pthread_cond_broadcast(&changed);
    while (!over)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    if (write(job->fd, answer, sizeof answer - 1) < 0)
        exit(4);
    close(job->fd);
    return NULL;
}

static void drive_libcurl(void)
{
    int running = 1;
    while (running && curl_multi_perform(all, &running) == CURLM_OK)
        curl_multi_poll(all, NULL, 0, 100, NULL);
}

static void drive_hiredis(int count)
{
    redisAsyncHandleWrite(connection);
    while (answered < count) {
        struct pollfd one = {.fd = connection->c.fd, .events = POLLIN};
        poll(&one, 1, 10);
        redisAsyncHandleWrite(connection);
        if (one.revents)
            redisAsyncHandleRead(connection);
    }
}

static void end(int count)
{
    pthread_mutex_lock(&lock);
    over = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < count; i++) {
        pthread_join(jobs[i].thread, NULL);
        if (jobs[i].easy) {
            curl_multi_remove_handle(all, jobs[i].easy);
            curl_easy_cleanup(jobs[i].easy);
        }
    }
    if (all)
        curl_multi_cleanup(all);
    if (connection)
        redisAsyncFree(connection);
    redisFree(redis);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int count = atoi(argv[4]);
    url = argv[3];
    redis = redisConnect("127.0.0.1", atoi(argv[2]));
    if (strcmp(argv[1], "hiredis") == 0)
        connection = redisAsyncConnect("127.0.0.1", atoi(argv[2]));
    else
        all = curl_multi_init();
    int fd = listening(0, MOST);
    say_port(fd);
    for (int i = 0; i < count; i++) {
        jobs[i].fd = accept(fd, NULL, NULL);
        pthread_create(&jobs[i].thread, NULL, serve, &jobs[i]);
    }
    pthread_mutex_lock(&lock);
    while (given < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    if (all)
        drive_libcurl();
    else
        drive_hiredis(count);
    freeReplyObject(redisCommand(redis, "GET after"));
    end(count);
    close(fd);
    return 0;
}
