// build: -shared -fPIC
// no sanitizers: the loader opens it before any of their runtimes
/* An auditor of the loader (LD_AUDIT) in whose presence one object takes its time to be opened, once: that whose name
 * has SLOW_OBJECT in it, as long as the folder SLOW_FOLDER lacks a file `over` (SLOW_WORK=wait), or until it has spent
 * so many milliseconds of processor time. The file `begun` says that it has begun. */
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

unsigned la_version(unsigned version)
{
    return version;
}

static long spent_ms(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
}

unsigned la_objopen(struct link_map *object, Lmid_t namespace, uintptr_t *cookie)
{
    (void)namespace;
    (void)cookie;
    const char *name = getenv("SLOW_OBJECT"), *folder = getenv("SLOW_FOLDER"), *work = getenv("SLOW_WORK");
    char begun[512], over[512];
    if (!name || !folder || !work || !strstr(object->l_name, name))
        return 0;
    snprintf(begun, sizeof begun, "%s/begun", folder);
    snprintf(over, sizeof over, "%s/over", folder);
    int file = open(begun, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return 0;
    close(file);
    const struct timespec moment = {.tv_nsec = 50000000};
    if (strcmp(work, "wait") == 0)
        while (access(over, F_OK) != 0)
            nanosleep(&moment, NULL);
    else
        for (long last = spent_ms() + atol(work); spent_ms() < last;)
            ;
    return 0;
}
