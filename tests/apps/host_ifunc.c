// build: -lhiredis
/* Prints what host_ifunc_library.c has chosen before this program began, and asks the server as ever. */
#include "host.h"

int ask(void);

static int chosen(const char *socket)
{
    printf("chosen %d\n", ask());
    printf("right %d\n", host_get(socket, "main:1"));
    return 0;
}

static const struct host_mode modes[] = {{"chosen", chosen}};

HOST_MAIN(modes)
