// build: -shared -fPIC -ldl
/* Somebody else's preloaded object that wraps a function of the MySQL client, and gets the real one from a handle of
 * its own (WRAPPED_LIBRARY). Counts on stderr at the end. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static int queries;

int mysql_query(void *mysql, const char *text);

int mysql_query(void *mysql, const char *text)
{
    static int (*real)(void *, const char *);
    if (!real)
        *(void **)&real = dlsym(dlopen(getenv("WRAPPED_LIBRARY"), RTLD_NOW), "mysql_query");
    int result = real(mysql, text);
    queries++;
    return result;
}

__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, "wrapper: %d queries\n", queries);
}
