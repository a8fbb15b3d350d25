// build: -lhiredis -pthread pkg:libmariadb
/* Instrumented calls on threads with as little stack as there can be, and how much of it they take. */
#include "host.h"

#include <limits.h>
#include <mysql.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { ROOM = 256 * 1024, MARK = 0xa5 };

static redisContext *redis;
static MYSQL *mysql;

static void *redis_get(void *unused)
{
    (void)unused;
    return (void *)(long)host_ask(redis, "stack:1");
}

static void *redis_append(void *unused)
{
    (void)unused;
    return (void *)(long)(redisAppendCommand(redis, "GET %s", "stack:1") == REDIS_OK);
}

static void *mysql_ask(void *unused)
{
    (void)unused;
    if (mysql_query(mysql, "SELECT 1") != 0)
        return NULL;
    mysql_free_result(mysql_store_result(mysql));
    return (void *)1L;
}

static void *make_child(void *unused)
{
    (void)unused;
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(1);
    waitpid(child, &status, 0);
    return (void *)(long)WEXITSTATUS(status);
}

static void *exec_nothing(void *unused)
{
    (void)unused;
    execl("/nonexistent/program", "program", (char *)NULL);
    return (void *)1L;
}

/* Runs `work` on a stack of its own and says how many bytes of it were written to. */
static size_t stack_used(void *(*work)(void *), long *result)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *returned = NULL;
    unsigned char *stack = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    memset(stack, MARK, ROOM);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, ROOM);
    if (pthread_create(&thread, &attributes, work, NULL) == 0)
        pthread_join(thread, &returned);
    *result = (long)returned;
    size_t clean = 0;
    while (clean < ROOM && stack[clean] == MARK)
        clean++;
    munmap(stack, ROOM);
    return ROOM - clean;
}

static const struct {
    const char *name;
    void *(*work)(void *);
} jobs[] = {
    {"redis_append", redis_append}, {"redis_get", redis_get},       {"mysql_query", mysql_ask},
    {"fork", make_child},           {"exec_nothing", exec_nothing},
};

/* measure: the second call of each, when everything that is done once has been done. */
static void measure(void)
{
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        long result;
        stack_used(jobs[i].work, &result);
        size_t used = stack_used(jobs[i].work, &result);
        printf("%s %ld %zu\n", jobs[i].name, result, used);
    }
}

/* small: threads of PTHREAD_STACK_MIN, for the calls that fit in one by themselves. */
static void small(void)
{
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        pthread_attr_t attributes;
        pthread_t thread;
        void *result = NULL;
        if (jobs[i].work == redis_get)
            continue; /* libhiredis reads into 16 KiB of stack */
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
        int error = pthread_create(&thread, &attributes, jobs[i].work, NULL);
        if (!error)
            pthread_join(thread, &result);
        printf("%s %d %ld\n", jobs[i].name, error, (long)result);
    }
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 98;
    redis = host_connect(arguments[2]);
    mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, NULL, "guest", NULL, "shop", 0, arguments[3], 0))
        return 97;
    if (strcmp(arguments[1], "measure") == 0)
        measure();
    else
        small();
    mysql_close(mysql);
    redisFree(redis);
    return 0;
}
