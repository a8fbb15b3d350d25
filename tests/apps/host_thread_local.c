// build: -lhiredis -pthread
/* Has much thread-local data of its own, for which every thread's stack must have room. */
#include "host.h"

static __thread char kept[1 << 20];

static int ask(const char *socket)
{
    int right = host_get(socket, "main:1");
    kept[right] = 'k';
    printf("right %d\n", right);
    return kept[right] == 'k' ? 49 : 95;
}

static const struct host_mode modes[] = {{"ask", ask}};

HOST_MAIN(modes)
