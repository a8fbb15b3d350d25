// build: -ldl
/* Opens a module with RTLD_DEEPBIND: MODE MODULE SOCKET, MODE being letters: l(azy) or n(ow), g(lobal), r: by a name
 * without a path, e: the module ends the program. Tells how the module's memory is protected. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell_protection(const char *name)
{
    char line[512], permissions[8];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, name) && sscanf(line, "%*s %7s", permissions) == 1)
            printf("%s ", permissions);
    if (maps)
        fclose(maps);
    puts(name);
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 98;
    const char *mode = arguments[1], *path = arguments[2];
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    int flags = RTLD_DEEPBIND | (strchr(mode, 'l') ? RTLD_LAZY : RTLD_NOW) | (strchr(mode, 'g') ? RTLD_GLOBAL : 0);
    void *module = dlopen(strchr(mode, 'r') ? name : path, flags);
    if (!module) {
        printf("dlopen: %s\n", dlerror());
        return 97;
    }
    printf("then %s\n", dlerror() ? "an error" : "none");
    tell_protection(name);
    tell_protection("libhiredis");
    int (*ask)(const char *, int) = (int (*)(const char *, int))dlsym(module, "module_ask");
    printf("asked %d\n", ask(arguments[3], strchr(mode, 'e') != NULL));
    printf("again %d\n", ask(arguments[3], 0));
    tell_protection(name);
    printf("closed %d\n", dlclose(module));
    return 60;
}
