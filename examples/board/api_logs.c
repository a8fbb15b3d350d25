#include "api_logs.h"

#include <stdio.h>

static int complain(const redisContext *logs, const redisReply *reply)
{
    fprintf(stderr, "board: redis: %s\n", reply ? reply->str : logs->errstr);
    return -1;
}

redisContext *api_logs_open(const char *host, int port)
{
    redisContext *logs = *host == '/' ? redisConnectUnix(host) : redisConnect(host, port);
    if (logs && logs->err) {
        complain(logs, NULL);
        redisFree(logs);
        return NULL;
    }
    return logs;
}

static int check(const redisContext *logs, redisReply *reply)
{
    int result = reply && reply->type != REDIS_REPLY_ERROR ? 0 : complain(logs, reply);
    if (reply)
        freeReplyObject(reply);
    return result;
}

int api_logs_add(redisContext *logs, const char *action)
{
    if (check(logs, redisCommand(logs, "LPUSH api_logs %s", action)) != 0)
        return -1;
    return check(logs, redisCommand(logs, "LTRIM api_logs 0 4"));
}

int api_logs_list(redisContext *logs, void (*show)(void *user, const char *action), void *user)
{
    redisReply *reply = redisCommand(logs, "LRANGE api_logs 0 -1");
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        for (size_t i = 0; i < reply->elements; i++)
            show(user, reply->element[i]->str);
    return check(logs, reply);
}

void api_logs_close(redisContext *logs)
{
    if (logs)
        redisFree(logs);
}
