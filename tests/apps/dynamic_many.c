// build: -ldl
/* Many copies of hiredis at one time, and all their functions by dlsym: SOCKET LIBRARY... */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>

static const char *const names[] = {"redisConnect",
                                    "redisConnectWithTimeout",
                                    "redisConnectNonBlock",
                                    "redisConnectBindNonBlock",
                                    "redisConnectBindNonBlockWithReuse",
                                    "redisConnectUnix",
                                    "redisConnectUnixWithTimeout",
                                    "redisConnectUnixNonBlock",
                                    "redisConnectFd",
                                    "redisReconnect",
                                    "redisFree",
                                    "redisFreeKeepFd",
                                    "redisvCommand",
                                    "redisCommand",
                                    "redisCommandArgv",
                                    "redisvAppendCommand",
                                    "redisAppendCommand",
                                    "redisAppendCommandArgv",
                                    "redisAppendFormattedCommand",
                                    "redisGetReply",
                                    "redisGetReplyFromReader",
                                    "redisBufferWrite",
                                    "redisBufferRead",
                                    "redisAsyncConnect",
                                    "redisAsyncConnectBind",
                                    "redisAsyncConnectBindWithReuse",
                                    "redisAsyncConnectUnix",
                                    "redisvAsyncCommand",
                                    "redisAsyncCommand",
                                    "redisAsyncCommandArgv",
                                    "redisAsyncFormattedCommand"};
enum { NAMES = sizeof names / sizeof *names, COPIES = 64 };

static void *copies[COPIES];

static int ask(void *library, const char *socket, const char *key)
{
    void *(*connect)(const char *) = (void *(*)(const char *))dlsym(library, "redisConnectUnix");
    void *(*command)(void *, const char *, ...) = (void *(*)(void *, const char *, ...))dlsym(library, "redisCommand");
    void (*release)(void *) = (void (*)(void *))dlsym(library, "redisFree");
    void (*release_reply)(void *) = (void (*)(void *))dlsym(library, "freeReplyObject");
    void *redis = connect(socket);
    void *reply = command(redis, "GET %s", key);
    release_reply(reply);
    release(redis);
    return reply != NULL;
}

int main(int count, char **arguments)
{
    int found = 0, known = count - 2;
    for (int i = 0; i < known && i < COPIES; i++) {
        copies[i] = dlopen(arguments[i + 2], RTLD_NOW | RTLD_LOCAL);
        for (int k = 0; k < NAMES; k++)
            found += dlsym(copies[i], names[k]) != NULL;
    }
    printf("found %d\n", found);
    printf("first %d\n", ask(copies[0], arguments[1], "first"));
    printf("last %d\n", ask(copies[known - 1], arguments[1], "last"));
    for (int i = 0; i < known; i++)
        dlclose(copies[i]);
    /* Not where one of them was. */
    for (int i = 0; i < 1000; i++)
        mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *again = dlopen(arguments[count - 1], RTLD_NOW | RTLD_LOCAL);
    printf("again %d\n", ask(again, arguments[1], "again"));
    return 80;
}
