// build: -lhiredis -pthread
/* Makes processes in every way a program can. Each child makes one span with a connection of its own. */
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

enum { CHILDREN = 40, THREADS = 3, ASKED = 50 };

static int child_asks(const char *socket, const char *who, int number)
{
    char key[32];
    snprintf(key, sizeof key, "%s:%d", who, number);
    return host_get(socket, key) ? 20 + number % 20 : 95;
}

/* Waits for a child and says how it ended. */
static int ended(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void await(const pid_t *children, int count)
{
    for (int i = 0; i < count; i++)
        printf("child %d ended %d\n", i, ended(children[i]));
}

static int many(const char *socket, void (*leave)(int), const char *who)
{
    pid_t children[CHILDREN];
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    for (int i = 0; i < CHILDREN; i++)
        if ((children[i] = fork()) == 0)
            leave(child_asks(socket, who, i));
    await(children, CHILDREN);
    return 0;
}

static int fork_many(const char *socket)
{
    return many(socket, _exit, "child");
}

static int fork_many_exit(const char *socket)
{
    return many(socket, exit, "child");
}

/* No span before the fork: the child is the first to need a worker. */
static int fork_first(const char *socket)
{
    pid_t child = fork();
    if (child == 0)
        exit(child_asks(socket, "child", 0));
    await(&child, 1);
    return 0;
}

/* A child that does nothing must not export anything of its parent's. */
static int fork_idle(const char *socket)
{
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(20);
    await(&child, 1);
    return 0;
}

/* The parent's connection goes on in the child. */
static int fork_shared(const char *socket)
{
    redisContext *redis = host_connect(socket);
    printf("parent %d\n", host_ask(redis, "parent:1"));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(host_ask(redis, "child:0") ? 20 : 95);
    await(&child, 1);
    printf("parent %d\n", host_ask(redis, "parent:2"));
    redisFree(redis);
    return 0;
}

static int fork_nested(const char *socket)
{
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int own = child_asks(socket, "child", 0);
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(child_asks(socket, "grandchild", 1));
        _exit(own + ended(grandchild));
    }
    await(&child, 1);
    return 0;
}

static const char *server;
static sem_t over;

static void *keep_asking(void *unused)
{
    (void)unused;
    redisContext *redis = host_connect(server);
    for (int i = 0; i < ASKED; i++)
        host_ask(redis, "thread:1");
    sem_wait(&over);
    redisFree(redis);
    return NULL;
}

static int fork_threads(const char *socket)
{
    server = socket;
    pthread_t threads[THREADS];
    pid_t children[CHILDREN];
    sem_init(&over, 0, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, keep_asking, NULL);
    for (int i = 0; i < CHILDREN; i++)
        if ((children[i] = fork()) == 0)
            _exit(child_asks(socket, "child", i));
    await(children, CHILDREN);
    for (int i = 0; i < THREADS; i++)
        sem_post(&over);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static int fork_daemon(const char *socket)
{
    int done[2];
    if (pipe(done) != 0)
        return 94;
    pid_t child = fork();
    if (child == 0) {
        host_get(socket, "before:1");
        if (daemon(1, 1) != 0)
            _exit(93);
        int right = host_get(socket, "daemon:1");
        dprintf(done[1], "daemon %d\n", right);
        exit(0);
    }
    close(done[1]);
    await(&child, 1);
    char line[64];
    ssize_t got = read(done[0], line, sizeof line - 1);
    printf("%.*s", (int)(got > 0 ? got : 0), line);
    return 0;
}

static int fork_vfork(const char *socket)
{
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    pid_t children[2];
    if ((children[0] = vfork()) == 0) {
        execl("/bin/sh", "sh", "-c", "exit 21", (char *)NULL);
        _exit(94);
    }
    if ((children[1] = vfork()) == 0)
        _exit(22);
    await(children, 2);
    printf("parent %d\n", host_get(socket, "parent:2"));
    return 0;
}

static int fork_spawn(const char *socket)
{
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    pid_t children[2];
    char *words[] = {"sh", "-c", "echo spawned; exit 23", NULL};
    printf("posix_spawn %d\n", posix_spawn(&children[0], "/bin/sh", NULL, NULL, words, environ));
    await(children, 1);
    printf("posix_spawnp %d\n", posix_spawnp(&children[1], "sh", NULL, NULL, words, environ));
    await(children + 1, 1);
    printf("none %d\n", posix_spawn(&children[0], "/nonexistent/program", NULL, NULL, words, environ));
    printf("system %d\n", system("exit 24"));
    FILE *pipe = popen("echo from a pipe", "r");
    char line[64] = "";
    if (pipe && fgets(line, sizeof line, pipe))
        printf("%s", line);
    printf("pclose %d\n", pipe ? pclose(pipe) : -1);
    printf("parent %d\n", host_get(socket, "parent:2"));
    return 0;
}

/* Past libc: no fork handler runs. */
static int fork_raw(const char *socket)
{
    printf("parent %d\n", host_get(socket, "parent:1"));
    fflush(stdout);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(child_asks(socket, "child", 0));
    await(&child, 1);
    child = _Fork();
    if (child == 0)
        _exit(child_asks(socket, "child", 1));
    await(&child, 1);
    return 0;
}

/* fork is async-signal-safe: the handler may have interrupted anything. */
static volatile pid_t born;

static void fork_in_handler(int number)
{
    (void)number;
    pid_t child = fork();
    if (child == 0)
        _exit(25);
    born = child;
}

static int fork_signal(const char *socket)
{
    signal(SIGUSR1, fork_in_handler);
    printf("parent %d\n", host_get(socket, "parent:1"));
    for (int i = 0; i < 10; i++) {
        raise(SIGUSR1);
        printf("child %d ended %d\n", i, ended(born));
    }
    return 0;
}

static const struct host_mode modes[] = {
    {"many", fork_many},     {"many-exit", fork_many_exit}, {"first", fork_first},     {"idle", fork_idle},
    {"shared", fork_shared}, {"nested", fork_nested},       {"threads", fork_threads}, {"daemon", fork_daemon},
    {"vfork", fork_vfork},   {"spawn", fork_spawn},         {"raw", fork_raw},         {"signal", fork_signal},
};

HOST_MAIN(modes)
