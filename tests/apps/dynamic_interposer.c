// build: -shared -fPIC -ldl
/* Somebody else's preloaded object that wraps dlsym and dlopen. What it has counted it says at the end. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static int symbols, libraries;

static void *(*real_dlsym(void))(void *, const char *)
{
    static void *(*real)(void *, const char *);
#ifdef __x86_64__
    if (!real)
        *(void **)&real = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
#else
    if (!real)
        *(void **)&real = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.17");
#endif
    return real;
}

void *dlsym(void *handle, const char *name)
{
    if (strncmp(name, "redis", 5) == 0)
        symbols++;
    return real_dlsym()(handle, name);
}

void *dlopen(const char *path, int mode)
{
    static void *(*real)(const char *, int);
    if (!real)
        *(void **)&real = real_dlsym()(RTLD_NEXT, "dlopen");
    if (path && strstr(path, "hiredis"))
        libraries++;
    return real(path, mode);
}

__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, "interposer: %d symbols, %d libraries\n", symbols, libraries);
}
