// build: -lcurl -ldl
/* A program with one copy of libcurl and a module with another: MODULE URL. */
#include <dlfcn.h>

#include "curl_fetch.h"

int main(int count, char **arguments)
{
    int status = count == 3 ? fetch(arguments[2]) : 98;
    void *module = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!module)
        return 99;
    int (*other)(const char *) = (int (*)(const char *))dlsym(module, "fetch");
    status += other(arguments[2]);
    return status + fetch(arguments[2]);
}
