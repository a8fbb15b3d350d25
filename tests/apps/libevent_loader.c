// build: -ldl
/* Opens a program that was built as a module, which has brought libevent with it, and runs that: libevent_loader MODULE
 * ARGUMENT… */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *module = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*of_module)(int, char **) = NULL;
    if (module)
        *(void **)&of_module = dlsym(module, "main");
    if (!of_module)
        return puts(dlerror()), 1;
    return of_module(argc - 1, argv + 1);
}
