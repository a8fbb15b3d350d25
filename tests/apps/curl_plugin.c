// build: -ldl
/* Opens a module without letting others see its symbols: MODULE URL. */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    void *module = count == 3 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!module) {
        puts(dlerror());
        return 1;
    }
    int (*fetch)(const char *) = (int (*)(const char *))dlsym(module, "fetch");
    int status = fetch(arguments[2]);
    fflush(stdout);
    return status;
}
