/* A loop of one client call, the smallest there is. Knows nothing of telemetry.
 *   client redis SOCKET COUNT    GET of a key of 20 bytes, over a unix socket
 *   client mysql SOCKET COUNT    SELECT 1, stored and freed
 * Prints, after a tenth of the loop to warm up, its nanoseconds by the clock, and of processor time: of this thread,
 * and of the whole process. */
#include <hiredis/hiredis.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID};
enum { CLOCKS = sizeof clocks / sizeof clocks[0] };

static void look(long times[CLOCKS])
{
    for (int i = 0; i < CLOCKS; i++) {
        struct timespec time;
        clock_gettime(clocks[i], &time);
        times[i] = time.tv_sec * 1000000000L + time.tv_nsec;
    }
}

static void report(const long before[CLOCKS])
{
    long after[CLOCKS];
    look(after);
    for (int i = 0; i < CLOCKS; i++)
        printf("%ld%c", after[i] - before[i], i + 1 < CLOCKS ? ' ' : '\n');
}

static int redis_loop(redisContext *redis, long count)
{
    for (long i = 0; i < count; i++) {
        redisReply *reply = redisCommand(redis, "GET bench:key");
        if (!reply || reply->type != REDIS_REPLY_STRING)
            return -1;
        freeReplyObject(reply);
    }
    return 0;
}

static int mysql_loop(MYSQL *mysql, long count)
{
    for (long i = 0; i < count; i++) {
        MYSQL_RES *result = mysql_query(mysql, "SELECT 1") == 0 ? mysql_store_result(mysql) : NULL;
        if (!result)
            return -1;
        mysql_free_result(result);
    }
    return 0;
}

static int redis_bench(const char *socket, long count)
{
    redisContext *redis = redisConnectUnix(socket);
    if (!redis || redis->err)
        return -1;
    freeReplyObject(redisCommand(redis, "SET bench:key %s", "value of twenty byte"));
    int failed = redis_loop(redis, count / 10);
    long before[CLOCKS];
    look(before);
    failed |= redis_loop(redis, count);
    report(before);
    redisFree(redis);
    return failed;
}

static int mysql_bench(const char *socket, long count)
{
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, NULL, "guest", NULL, "shop", 0, socket, 0))
        return -1;
    int failed = mysql_loop(mysql, count / 10);
    long before[CLOCKS];
    look(before);
    failed |= mysql_loop(mysql, count);
    report(before);
    mysql_close(mysql);
    return failed;
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 4)
        return 2;
    long count = strtol(arguments[3], NULL, 10);
    int failed =
        strcmp(arguments[1], "redis") == 0 ? redis_bench(arguments[2], count) : mysql_bench(arguments[2], count);
    if (failed)
        fprintf(stderr, "client: %s at %s failed\n", arguments[1], arguments[2]);
    return failed ? 1 : 0;
}
