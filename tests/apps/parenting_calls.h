/* What a request makes a server ask others for, each with the request's tag in it: Redis, MariaDB and an HTTP server.
 * Connections are a thread's own, and kept. */
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <mysql.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct calls {
    redisContext *redis;
    MYSQL *mysql;
    CURL *curl;
};

static int calls_redis_port, calls_mysql_port;
static const char *calls_url;

static void calls_init(const char *redis_port, const char *mysql_port, const char *url)
{
    calls_redis_port = atoi(redis_port);
    calls_mysql_port = atoi(mysql_port);
    calls_url = url;
    curl_global_init(CURL_GLOBAL_ALL);
    mysql_library_init(0, NULL, NULL);
}

static __attribute__((noreturn)) void calls_fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static size_t calls_body(char *at, size_t size, size_t count, void *user)
{
    (void)at, (void)user;
    return size * count;
}

static void calls_open(struct calls *calls)
{
    calls->redis = redisConnect("127.0.0.1", calls_redis_port);
    calls->mysql = mysql_init(NULL);
    calls->curl = curl_easy_init();
    if (!calls->redis || calls->redis->err)
        calls_fail("redisConnect");
    if (!mysql_real_connect(calls->mysql, "127.0.0.1", "app", "secret", "shop", (unsigned)calls_mysql_port, NULL, 0))
        calls_fail(mysql_error(calls->mysql));
}

static void calls_close(struct calls *calls)
{
    redisFree(calls->redis);
    mysql_close(calls->mysql);
    curl_easy_cleanup(calls->curl);
}

static void calls_redis(struct calls *calls, const char *tag)
{
    redisReply *reply = redisCommand(calls->redis, "GET %s", tag);
    if (!reply || reply->type != REDIS_REPLY_NIL)
        calls_fail("GET");
    freeReplyObject(reply);
}

static void calls_mysql(struct calls *calls, const char *tag)
{
    char text[128];
    snprintf(text, sizeof text, "SELECT 1 AS %.60s", tag);
    MYSQL_RES *result = mysql_query(calls->mysql, text) == 0 ? mysql_store_result(calls->mysql) : NULL;
    if (!result)
        calls_fail(text);
    mysql_free_result(result);
}

static void calls_http(struct calls *calls, const char *tag)
{
    char text[512];
    snprintf(text, sizeof text, "%.300s/%.60s", calls_url, tag);
    curl_easy_setopt(calls->curl, CURLOPT_URL, text);
    curl_easy_setopt(calls->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(calls->curl, CURLOPT_WRITEFUNCTION, calls_body);
    if (curl_easy_perform(calls->curl) != CURLE_OK)
        calls_fail(text);
}

static inline void calls_make(struct calls *calls, const char *tag)
{
    calls_redis(calls, tag);
    calls_mysql(calls, tag);
    calls_http(calls, tag);
}
