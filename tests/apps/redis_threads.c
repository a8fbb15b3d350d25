// build: -lhiredis -pthread
/* Several threads with a connection each: redis_threads PORT THREADS COMMANDS. Prints what the counters say in the end.
 */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int port, commands;

static void *work(void *user)
{
    redisContext *context = redisConnect("127.0.0.1", port);
    for (int i = 0; i < commands; i++) {
        redisReply *reply = redisCommand(context, "INCR thread:%d", *(int *)user);
        if (!reply || reply->integer != i + 1)
            abort();
        freeReplyObject(reply);
    }
    redisFree(context);
    return NULL;
}

int main(int argc, char **argv)
{
    static pthread_t threads[64];
    static int numbers[64];
    if (argc != 4)
        return 2;
    port = atoi(argv[1]);
    commands = atoi(argv[3]);
    for (int i = 0; i < atoi(argv[2]); i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    }
    for (int i = 0; i < atoi(argv[2]); i++)
        pthread_join(threads[i], NULL);
    puts("done");
    return 0;
}
