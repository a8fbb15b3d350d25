#include "agent/last_thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/life.h"
#include "agent/system.h"
#include "agent/thread.h"
#include "agent/worker.h"

enum { STACK_SIZE = 128 * 1024, LOOK_MS = 1, LOOK_MS_MAX = 50 };

static pthread_key_t key;
static bool have_key;
static _Atomic bool main_gone;
static _Atomic bool keeper_here;
static _Atomic uint32_t is_alone; /* futex: no thread of the program's is left */
static sigset_t main_mask;

static void become_agent_thread(void)
{
    oi_thread.agent = true;
    prctl(PR_SET_NAME, "otel-keeper");
}

/* A thread that still runs, and is not ours: not a zombie, and not named as the agent's. */
static bool counts(const char *tid)
{
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = oi_system_read(fd, text, sizeof text - 1);
    oi_system_close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    const char *end = strrchr(text, ')');
    bool over = end && (end[2] == 'Z' || end[2] == 'X');
    return !over && !strstr(text, "(otel-worker)") && !strstr(text, "(otel-keeper)");
}

static bool alone(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        return false;
    bool others = false;
    for (struct dirent *entry; !others && (entry = readdir(tasks)) != NULL;)
        others = entry->d_name[0] != '.' && counts(entry->d_name);
    closedir(tasks);
    return !others;
}

/* Nothing tells a process that a thread of it has ended, so in this rare state somebody looks now and then. */
static void look_until_alone(void)
{
    static _Atomic uint32_t never;
    for (uint64_t pause = LOOK_MS; !alone(); pause = pause * 2 < LOOK_MS_MAX ? pause * 2 : LOOK_MS_MAX)
        oi_futex_wait(&never, 0, oi_mono_ns() + pause * OI_NS_PER_MS);
}

/* Looking takes descriptors, and these must not be the program's; the keeper, which runs the program's exit handlers,
 * needs the program's. So it is another thread that looks. */
static void *look(void *unused)
{
    (void)unused;
    become_agent_thread();
    if (syscall(SYS_close_range, 0U, ~0U, CLOSE_RANGE_UNSHARE) != 0)
        unshare(CLONE_FILES);
    look_until_alone();
    atomic_store(&is_alone, 1);
    oi_futex_wake(&is_alone, 1);
    return NULL;
}

static int start(void *(*work)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    int rc = pthread_attr_init(&attributes);
    if (rc != 0)
        return rc;
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    rc = pthread_create(&thread, &attributes, work, NULL);
    pthread_attr_destroy(&attributes);
    return rc;
}

static void *keep(void *unused)
{
    (void)unused;
    become_agent_thread();
    if (start(look) != 0)
        look_until_alone();
    else
        while (!atomic_load(&is_alone))
            oi_futex_wait(&is_alone, 0, OI_FOREVER);
    oi_life_leave_by_last_thread();
    oi_thread.agent = false;
    pthread_sigmask(SIG_SETMASK, &main_mask, NULL);
    exit(0);
}

static void start_keeper(void)
{
    sigset_t all, before;
    if (atomic_exchange(&keeper_here, true))
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = start(keep);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) /* better no more telemetry than a program that never ends */
        oi_worker_end(oi_mono_ns() + oi_agent.config.shutdown_timeout * OI_NS_PER_MS);
}

/* The main thread ends and is not the whole process. */
static void main_ends(void *unused)
{
    (void)unused;
    pthread_sigmask(SIG_SETMASK, NULL, &main_mask);
    atomic_store(&main_gone, true);
    if (oi_worker_running())
        start_keeper();
}

void oi_last_thread_watch(void)
{
    if (!have_key)
        have_key = pthread_key_create(&key, main_ends) == 0;
    atomic_store(&main_gone, false);
    atomic_store(&keeper_here, false);
    atomic_store(&is_alone, 0);
    if (have_key)
        pthread_setspecific(key, &key);
}

void oi_last_thread_worker_started(void)
{
    if (atomic_load(&main_gone))
        start_keeper();
}
