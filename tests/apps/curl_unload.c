// build: -ldl
/* Opens a module, calls it, closes it again with what it has under way, and ends: MODULE URL. */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    void *module = count == 3 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!module) {
        puts(dlerror());
        return 1;
    }
    int (*begin)(const char *) = (int (*)(const char *))dlsym(module, "begin");
    printf("begun: %d\n", begin(arguments[2]));
    printf("closed: %d\n", dlclose(module));
    printf("libcurl: %s\n", dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD) ? "still there" : "gone");
    return 0;
}
