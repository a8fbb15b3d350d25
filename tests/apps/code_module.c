// build: -shared -fPIC
/* A module that calls a library with a connection it is given. */
#include <hiredis/hiredis.h>
#include <stdio.h>

void module_ask(redisContext *redis);

void module_ask(redisContext *redis)
{
    redisReply *reply = redisCommand(redis, "GET module");
    printf("module %d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
}
