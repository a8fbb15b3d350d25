// build: -shared -fPIC
/* Somebody else's preloaded object that wraps what we wrap, in the classic way. Counts on stderr at the end. */
#include "host.h"

#include <dlfcn.h>
#include <stdarg.h>

static int commands, connects;

redisContext *redisConnectUnix(const char *path)
{
    static redisContext *(*real)(const char *);
    if (!real)
        real = (redisContext * (*)(const char *)) dlsym(RTLD_NEXT, "redisConnectUnix");
    connects++;
    return real(path);
}

void *redisvCommand(redisContext *redis, const char *format, va_list arguments)
{
    static void *(*real)(redisContext *, const char *, va_list);
    if (!real)
        real = (void *(*)(redisContext *, const char *, va_list))dlsym(RTLD_NEXT, "redisvCommand");
    commands++;
    return real(redis, format, arguments);
}

void *redisCommand(redisContext *redis, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    void *reply = redisvCommand(redis, format, arguments);
    va_end(arguments);
    return reply;
}

pid_t fork(void)
{
    static pid_t (*real)(void);
    if (!real)
        real = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
    return real();
}

void exit(int status)
{
    static void (*real)(int);
    if (!real)
        real = (void (*)(int))dlsym(RTLD_NEXT, "exit");
    dprintf(2, "interposer: %d connects, %d commands, exit %d\n", connects, commands, status);
    real(status);
    __builtin_unreachable();
}
