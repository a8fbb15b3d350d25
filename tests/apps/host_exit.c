// build: -lhiredis -pthread
/* Ends in every way a program can, after one span. Text is left in stdout's buffer, for exit processing to write. */
#include "host.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <error.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

static const char *server;

static void begin(const char *socket)
{
    server = socket;
    printf("answer %d, then", host_get(socket, "main:1"));
}

static int end_return(const char *socket)
{
    begin(socket);
    return 7;
}

static int end_return_300(const char *socket)
{
    begin(socket);
    return 300;
}

static int end_exit(const char *socket)
{
    begin(socket);
    exit(3);
}

static int end__exit(const char *socket)
{
    begin(socket);
    fflush(stdout);
    _exit(4);
}

static int end__Exit(const char *socket)
{
    begin(socket);
    fflush(stdout);
    _Exit(5);
}

static void said(void)
{
    dprintf(1, " at quick exit");
}

static int end_quick_exit(const char *socket)
{
    begin(socket);
    fflush(stdout);
    at_quick_exit(said);
    quick_exit(6);
}

static int end_abort(const char *socket)
{
    begin(socket);
    fflush(stdout);
    abort();
}

static int end_assert(const char *socket)
{
    begin(socket);
    fflush(stdout);
    assert(socket == NULL);
    return 0;
}

static int end_signal(int number)
{
    fflush(stdout);
    raise(number);
    return 97;
}

static int end_sigterm(const char *socket)
{
    begin(socket);
    return end_signal(SIGTERM);
}

static int end_sigkill(const char *socket)
{
    begin(socket);
    return end_signal(SIGKILL);
}

static int end_sigsegv(const char *socket)
{
    begin(socket);
    return end_signal(SIGSEGV);
}

static void *leave(void *unused)
{
    (void)unused;
    exit(8);
}

static int end_exit_in_thread(const char *socket)
{
    begin(socket);
    pthread_t thread;
    pthread_create(&thread, NULL, leave, NULL);
    pthread_join(thread, NULL);
    return 96;
}

static void *race(void *unused)
{
    (void)unused;
    exit(11);
}

/* Every thread at once: C11 leaves it undefined, glibc lets one win, and programs do it. */
static int end_exit_race(const char *socket)
{
    begin(socket);
    fflush(stdout);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, race, NULL);
    exit(11);
}

static void ask_late(void)
{
    printf(" atexit answer %d", host_get(server, "late:1"));
}

static int end_atexit_call(const char *socket)
{
    atexit(ask_late);
    begin(socket);
    return 9;
}

static void leave_at_once(void)
{
    fflush(stdout);
    _exit(12);
}

static int end_atexit__exit(const char *socket)
{
    atexit(leave_at_once);
    begin(socket);
    return 9;
}

static void leave_again(void)
{
    exit(13);
}

static int end_atexit_exit(const char *socket)
{
    atexit(leave_again);
    begin(socket);
    exit(9);
}

__attribute__((destructor)) static void farewell(void)
{
    printf(" farewell\n");
}

static int end_err(const char *socket)
{
    begin(socket);
    errno = ENOENT;
    err(14, "gone %s", "away");
}

static int end_errx(const char *socket)
{
    begin(socket);
    errx(15, "gone %s", "away");
}

static int end_error(const char *socket)
{
    begin(socket);
    error(16, ENOENT, "gone %s", "away");
    return 0;
}

static void *go_on(void *unused)
{
    (void)unused;
    printf(" thread answer %d", host_get(server, "thread:1"));
    return NULL;
}

/* The process lives until its last thread ends; then its status is 0 and stdout is written. */
static int end_pthread_exit(const char *socket)
{
    begin(socket);
    pthread_t thread;
    pthread_create(&thread, NULL, go_on, NULL);
    pthread_detach(thread);
    pthread_exit(NULL);
}

static int end_pthread_exit_alone(const char *socket)
{
    begin(socket);
    pthread_exit(NULL);
}

static sem_t busy;

/* The thread that goes on is still there when main has returned. */
static void *for_ever(void *unused)
{
    (void)unused;
    redisContext *redis = host_connect(server);
    host_ask(redis, "busy");
    sem_post(&busy);
    for (;;)
        host_ask(redis, "busy");
    return NULL;
}

static int end_busy_threads(const char *socket)
{
    begin(socket);
    pthread_t threads[3];
    sem_init(&busy, 0, 0);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, for_ever, NULL);
    for (int i = 0; i < 3; i++)
        sem_wait(&busy);
    return 17;
}

static const struct host_mode modes[] = {
    {"return", end_return},
    {"return-300", end_return_300},
    {"exit", end_exit},
    {"_exit", end__exit},
    {"_Exit", end__Exit},
    {"quick_exit", end_quick_exit},
    {"abort", end_abort},
    {"assert", end_assert},
    {"sigterm", end_sigterm},
    {"sigkill", end_sigkill},
    {"sigsegv", end_sigsegv},
    {"exit-in-thread", end_exit_in_thread},
    {"exit-race", end_exit_race},
    {"atexit-call", end_atexit_call},
    {"atexit-_exit", end_atexit__exit},
    {"atexit-exit", end_atexit_exit},
    {"err", end_err},
    {"errx", end_errx},
    {"error", end_error},
    {"pthread_exit", end_pthread_exit},
    {"pthread_exit-alone", end_pthread_exit_alone},
    {"busy-threads", end_busy_threads},
};

HOST_MAIN(modes)
