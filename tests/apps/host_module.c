// build: -shared -fPIC -lhiredis
/* A plugin that brings its own client library, out of the program's sight (opened with RTLD_LOCAL). */
#include "host.h"

int module_get(const char *socket, const char *key);

int module_get(const char *socket, const char *key)
{
    return host_get(socket, key);
}
