// build: -shared -fPIC -ldl
/* A preloaded object whose constructor looks for functions, before anybody else's has run. */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void look(void)
{
    int (*number)(void) = (int (*)(void))dlsym(RTLD_NEXT, "getppid");
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    void *leave = dlsym(libc, "exit"), *absent = dlsym(libc, "nothing_like_it");
    const char *error = dlerror();
    dprintf(2, "early: %d %d %d %s", number && number() == getppid(), leave != NULL, absent != NULL,
            error ? error : "no error");
    dprintf(2, ", closed %d\n", dlclose(libc));
}
