// build: -ldl -pthread
/* Loads what its arguments name (-DDEEP: with RTLD_DEEPBIND), uses it, and unloads it. Linked with no instrumented
 * library itself. load MODULE SOCKET       five times: open, ask twice, close together MODULE SOCKET   two threads at
 * once symbol LIBRARY SOCKET    the client library's functions by dlsym tls MODULE SOCKET PLUGIN opens a module with
 * static thread-local data after the first span */
#include <dlfcn.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef int get_function(const char *socket, const char *key);

static const char *module;
static const char *server;

#ifdef DEEP
enum { MODE = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND };
#else
enum { MODE = RTLD_NOW | RTLD_LOCAL };
#endif

static int load_and_ask(int times)
{
    void *handle = dlopen(module, MODE);
    if (!handle) {
        printf("dlopen: %s\n", dlerror());
        return -1;
    }
    get_function *get = (get_function *)dlsym(handle, "module_get");
    int right = 0;
    for (int i = 0; i < times; i++)
        right += get(server, "module:1");
    printf("none: %s\n", dlsym(handle, "module_nothing") ? "found" : dlerror() ? "error" : "no error");
    if (dlclose(handle) != 0)
        return -2;
    return right;
}

static int load(void)
{
    for (int i = 0; i < 5; i++)
        printf("asked %d\n", load_and_ask(2));
    return 50;
}

static void *load_in_thread(void *right)
{
    for (int i = 0; i < 5; i++)
        *(int *)right += load_and_ask(2);
    return NULL;
}

static int together(void)
{
    pthread_t thread[2];
    int right[2] = {0};
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, load_in_thread, &right[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    printf("asked %d %d\n", right[0], right[1]);
    return 51;
}

static int symbol(void)
{
    void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return 91;
    redisContext *(*connect)(const char *) = (redisContext * (*)(const char *)) dlsym(library, "redisConnectUnix");
    void *(*command)(redisContext *, const char *, ...) =
        (void *(*)(redisContext *, const char *, ...))dlsym(library, "redisCommand");
    void (*release)(redisContext *) = (void (*)(redisContext *))dlsym(library, "redisFree");
    void (*release_reply)(void *) = (void (*)(void *))dlsym(library, "freeReplyObject");
    redisContext *redis = connect(server);
    void *reply = command(redis, "GET %s", "symbol:1");
    printf("reply %d\n", reply != NULL);
    release_reply(reply);
    release(redis);
    return 52;
}

static int tls(const char *plugin)
{
    printf("asked %d\n", load_and_ask(1));
    void *handle = dlopen(plugin, RTLD_NOW);
    printf("%s\n", handle ? "opened" : dlerror());
    if (!handle)
        return 92;
    int (*value)(int) = (int (*)(int))dlsym(handle, "module_tls");
    printf("value %d\n", value(7));
    return 53;
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 98;
    module = arguments[2];
    server = arguments[3];
    if (strcmp(arguments[1], "load") == 0)
        return load();
    if (strcmp(arguments[1], "together") == 0)
        return together();
    if (strcmp(arguments[1], "symbol") == 0)
        return symbol();
    return count > 4 ? tls(arguments[4]) : 98;
}
