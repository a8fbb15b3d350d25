// build: -shared -fPIC -lhiredis -ldl
/* Opened with RTLD_DEEPBIND: calls its client library by name, by a table, and by dlsym. */
#include "host.h"

#include <dlfcn.h>

typedef redisContext *connect_function(const char *path);

connect_function *const module_table[] = {redisConnectUnix};
connect_function *module_variable = redisConnectUnix;

int module_ask(const char *socket, int leave);

static int ask_with(connect_function *connect, const char *socket, const char *key)
{
    redisContext *redis = connect(socket);
    int right = redis && host_ask(redis, key);
    redisFree(redis);
    return right;
}

int module_ask(const char *socket, int leave)
{
    int right = host_get(socket, "name:1");
    right += ask_with(module_table[0], socket, "table:1");
    right += ask_with(module_variable, socket, "variable:1");
    right += ask_with((connect_function *)dlsym(RTLD_NEXT, "redisConnectUnix"), socket, "next:1");
    printf("same %d %d\n", module_table[0] == redisConnectUnix, module_variable == redisConnectUnix);
    fflush(stdout);
    if (leave)
        exit(61);
    return right;
}
