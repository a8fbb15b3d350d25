// build: -shared -fPIC -lhiredis -pthread
/* A plugin whose constructor waits for a thread that asks Redis: whoever opens it holds the loader's lock meanwhile. */
#include "host.h"

#include <pthread.h>

int module_get(const char *socket, const char *key);

static void *ask(void *unused)
{
    (void)unused;
    printf("constructor %d\n", host_get(getenv("REDIS_SOCKET"), "constructor:1"));
    return NULL;
}

__attribute__((constructor)) static void start(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, ask, NULL);
    pthread_join(thread, NULL);
}

int module_get(const char *socket, const char *key)
{
    return host_get(socket, key);
}
