/* Whether another thread has come to wait. */
#ifndef TESTS_APPS_SLEEPING_H
#define TESTS_APPS_SLEEPING_H

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The system call in which a thread of this process sleeps, as a number; -1: it does not. */
static inline long sleeps_in(pid_t thread)
{
    char path[64];
    long number = -1;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)thread);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%ld", &number) != 1)
        number = -1;
    if (file)
        fclose(file);
    return number;
}

/* Whether it waits for what another process sends. */
static inline int sleeps_until_told(pid_t thread)
{
    long number = sleeps_in(thread);
    return number == SYS_recvfrom || number == SYS_read || number == SYS_ppoll || number == SYS_poll;
}

#endif
