/* What the host programs share: one call of an instrumented library. Every program takes a mode and a Redis socket. */
#ifndef TESTS_APPS_HOST_H
#define TESTS_APPS_HOST_H

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A connection to the server behind the unix socket, or the end of the program. */
static inline redisContext *host_connect(const char *socket)
{
    redisContext *redis = redisConnectUnix(socket);
    if (!redis || redis->err) {
        dprintf(2, "no redis at %s: %s\n", socket, redis ? redis->errstr : "out of memory");
        _exit(99);
    }
    return redis;
}

/* One GET; true if the server answered as it should (no such key). */
static inline int host_ask(redisContext *redis, const char *key)
{
    redisReply *reply = (redisReply *)redisCommand(redis, "GET %s", key);
    int right = reply && reply->type == REDIS_REPLY_NIL;
    if (reply)
        freeReplyObject(reply);
    return right;
}

/* Connects, asks once, hangs up: exactly one span. */
static inline int host_get(const char *socket, const char *key)
{
    redisContext *redis = host_connect(socket);
    int right = host_ask(redis, key);
    redisFree(redis);
    return right;
}

/* A row of a program's table of modes. */
struct host_mode {
    const char *name;
    int (*run)(const char *socket);
};

static inline int host_main(int count, char **arguments, const struct host_mode *modes, size_t size)
{
    for (size_t i = 0; count >= 3 && i < size; i++)
        if (strcmp(modes[i].name, arguments[1]) == 0)
            return modes[i].run(arguments[2]);
    dprintf(2, "usage: %s MODE SOCKET\n", arguments[0]);
    return 98;
}

#define HOST_MAIN(modes)                                                                                               \
    int main(int count, char **arguments)                                                                              \
    {                                                                                                                  \
        return host_main(count, arguments, modes, sizeof(modes) / sizeof(modes)[0]);                                   \
    }

#endif
