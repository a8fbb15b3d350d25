// build: -lhiredis
/* Asks, forks when the file FORK_AFTER is there, and makes the file FORK_THEN when it has forked. The child asks too.
 */
#include "host.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

static int fork_once(const char *socket)
{
    const char *after = getenv("FORK_AFTER"), *then = getenv("FORK_THEN");
    const struct timespec moment = {.tv_nsec = 5000000};
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    while (after && access(after, F_OK) != 0)
        nanosleep(&moment, NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(host_get(socket, "child:0") ? 20 : 95);
    if (then)
        close(open(then, O_CREAT | O_CLOEXEC, 0600));
    int status = 0;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    return 0;
}

static const struct host_mode modes[] = {{"once", fork_once}};

HOST_MAIN(modes)
