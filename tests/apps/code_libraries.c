// build: -lhiredis -lcurl -levent pkg:libmariadb
/* One call of each library and interface, from a function of its own: `url redis-socket mysql-socket`. What is begun in
 * one function is driven to its end in another. */
#include <curl/curl.h>
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <mysql.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/adapters/libevent.h>

#define APART __attribute__((noinline, noclone))

static size_t swallow(char *at, size_t size, size_t count, void *unused)
{
    (void)at, (void)unused;
    return size * count;
}

static CURL *new_handle(const char *url)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    return easy;
}

APART static void easy_perform(CURL *easy)
{
    int result = curl_easy_perform(easy);
    printf("easy %d\n", result);
}

APART static void multi_add(CURLM *multi, CURL *easy)
{
    int result = curl_multi_add_handle(multi, easy);
    printf("multi %d\n", result);
}

APART static void multi_drive(CURLM *multi)
{
    int running = 1, left;
    while (running) {
        curl_multi_perform(multi, &running);
        if (running)
            curl_multi_wait(multi, NULL, 0, 100, NULL);
    }
    while (curl_multi_info_read(multi, &left)) {
    }
    printf("done\n");
}

static void use_curl(const char *url)
{
    CURL *easy = new_handle(url);
    easy_perform(easy);
    CURLM *multi = curl_multi_init();
    multi_add(multi, easy);
    multi_drive(multi);
    curl_multi_remove_handle(multi, easy);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(easy);
}

APART static void pipeline(redisContext *redis)
{
    redisReply *reply;
    redisAppendCommand(redis, "SET one 1");
    redisAppendCommand(redis, "SET two 2");
    for (int i = 0; i < 2; i++) {
        redisGetReply(redis, (void **)&reply);
        freeReplyObject(reply);
    }
    printf("pipeline\n");
}

static void on_reply(redisAsyncContext *context, void *reply, void *unused)
{
    (void)unused;
    printf("reply %d\n", reply ? ((redisReply *)reply)->type : -1);
    redisAsyncDisconnect(context);
}

/* Ends with the next command: optimised, it goes there with a jump. */
static void on_first_reply(redisAsyncContext *context, void *reply, void *unused)
{
    (void)unused;
    printf("first reply %d\n", reply ? ((redisReply *)reply)->type : -1);
    redisAsyncCommand(context, on_reply, NULL, "GET chained");
}

APART static void async_command(redisAsyncContext *context)
{
    int result = redisAsyncCommand(context, on_first_reply, NULL, "GET async");
    printf("async %d\n", result);
}

static void use_redis(const char *socket)
{
    redisContext *redis = redisConnectUnix(socket);
    pipeline(redis);
    redisFree(redis);
    struct event_base *base = event_base_new();
    redisAsyncContext *context = redisAsyncConnectUnix(socket);
    redisLibeventAttach(context, base);
    async_command(context);
    event_base_dispatch(base);
    event_base_free(base);
}

APART static void query(MYSQL *mysql)
{
    int result = mysql_query(mysql, "SELECT 1");
    printf("query %d\n", result);
}

APART static void fetch(MYSQL *mysql)
{
    MYSQL_RES *result = mysql_store_result(mysql);
    printf("rows %d\n", (int)mysql_num_rows(result));
    mysql_free_result(result);
}

APART static void execute(MYSQL_STMT *statement)
{
    int result = mysql_stmt_execute(statement);
    printf("execute %d\n", result);
}

APART static int begin(MYSQL *mysql, int *result)
{
    int status = mysql_real_query_start(result, mysql, "DO 1", 4);
    printf("begun\n");
    return status;
}

APART static void go_on(MYSQL *mysql, int status, int *result)
{
    while (status) {
        struct pollfd one = {.fd = mysql_get_socket(mysql), .events = POLLIN};
        poll(&one, 1, 1000);
        status = mysql_real_query_cont(result, mysql, MYSQL_WAIT_READ);
    }
    printf("gone on %d\n", *result);
}

static void use_mysql(const char *socket)
{
    int result;
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, 0);
    if (!mysql_real_connect(mysql, NULL, "app", "secret", "shop", 0, socket, 0)) {
        printf("%s\n", mysql_error(mysql));
        return;
    }
    query(mysql);
    fetch(mysql);
    MYSQL_STMT *statement = mysql_stmt_init(mysql);
    mysql_stmt_prepare(statement, "DO 2", 4);
    execute(statement);
    mysql_stmt_close(statement);
    int status = begin(mysql, &result);
    go_on(mysql, status, &result);
    mysql_close(mysql);
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    use_curl(arguments[1]);
    use_redis(arguments[2]);
    use_mysql(arguments[3]);
    return 0;
}
