// build: -lhiredis -pthread -ldl
/* Calls from all kinds of places: `mode socket`. Compiled by the tests with and without optimisation, debug information
 * and symbols. */
#include <dlfcn.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static redisContext *redis;
static volatile int never;

/* A frame of a size that is not known beforehand, and registers in use across the call. */
APART static void ask(const char *key)
{
    volatile char *room = __builtin_alloca(strlen(key) * 64 + 1);
    room[0] = 1;
    redisReply *reply = redisCommand(redis, "GET %s", key);
    printf("%s %d\n", key, reply ? reply->type + room[0] : -1);
    freeReplyObject(reply);
}

APART static void ask_further(const char *key)
{
    ask(key);
    printf("seen\n");
}

/* Exported, with -rdynamic. */
APART void ask_openly(const char *key);
APART void ask_openly(const char *key)
{
    redisReply *reply = redisCommand(redis, "GET %s", key);
    printf("open %d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
}

static inline __attribute__((always_inline)) void ask_inline(const char *key)
{
    redisReply *reply = redisCommand(redis, "GET %s", key);
    printf("%d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
}

APART static void has_inlined(const char *key)
{
    ask_inline(key);
    printf("inlined\n");
}

APART static int compare(const void *a, const void *b)
{
    if (!never) {
        never = 1;
        ask("qsort");
    }
    return *(const char *)a - *(const char *)b;
}

static void run_qsort(void)
{
    char letters[] = "cab";
    qsort(letters, 3, 1, compare);
    printf("%s\n", letters);
}

/* Goes on with a jump: its frame is gone when the call is made. */
APART static void *jump(const char *key)
{
    return redisCommand(redis, key);
}

APART static void run_tail(void)
{
    redisReply *reply = jump("PING");
    printf("%d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
}

static void *thread(void *unused)
{
    (void)unused;
    ask("thread");
    return NULL;
}

static void run_thread(void)
{
    pthread_t id;
    pthread_create(&id, NULL, thread, NULL);
    pthread_join(id, NULL);
}

static ucontext_t here, there;

static void coroutine(void)
{
    ask("coroutine");
}

static void run_coroutine(void)
{
    size_t size = 64 * 1024;
    getcontext(&there);
    there.uc_stack.ss_sp = malloc(size);
    there.uc_stack.ss_size = size;
    there.uc_link = &here;
    makecontext(&there, coroutine, 0);
    swapcontext(&here, &there);
    free(there.uc_stack.ss_sp);
    printf("back\n");
}

APART static void handler(int signal)
{
    (void)signal;
    ask("handler");
}

APART static void handler_far(int signal)
{
    if (signal > 0)
        handler_far(signal - 1);
    else
        ask("far");
    printf("%d\n", signal);
}

static void install(void (*function)(int), int flags)
{
    static char alternate[64 * 1024];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_handler = function, .sa_flags = flags};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

static void run_signal(void)
{
    install(handler, 0);
    raise(SIGUSR1);
    install(handler, SA_ONSTACK);
    raise(SIGUSR1);
    install(handler_far, SA_ONSTACK);
    raise(SIGUSR1);
    ask("after");
}

APART static int deep(volatile int depth)
{
    if (depth == 0) {
        ask("deep");
        return 0;
    }
    return deep(depth - 1) + 1;
}

static void run_module(const char *path, const char *other)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        printf("%s\n", dlerror());
        return;
    }
    void (*function)(redisContext *) = (void (*)(redisContext *))dlsym(module, "module_ask");
    function(redis);
    dlclose(module);
    if (other && rename(other, path) != 0)
        printf("not renamed\n");
}

/* Code that no table describes: calls a function with two arguments, from memory that was written just now. */
static void run_jit(void)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0x48, 0x83, 0xec, 0x08, 0x49, 0x89, 0xfb, 0x48, 0x89, 0xf7, 0x48, 0x89,
                                         0xd6, 0x31, 0xc0, 0x41, 0xff, 0xd3, 0x48, 0x83, 0xc4, 0x08, 0xc3};
#else
    static const unsigned int code[] = {0xa9bf7bfd, 0xaa0003e8, 0xaa0103e0, 0xaa0203e1,
                                        0xd63f0100, 0xa8c17bfd, 0xd65f03c0};
#endif
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    __builtin___clear_cache((char *)page, (char *)page + sizeof code);
    void *(*call)(void *, const void *, const void *);
    *(void **)&call = page;
    call((void *)ask, "jit", NULL);
    redisReply *reply = call((void *)redisCommand, redis, "PING");
    printf("%d\n", reply->type);
    freeReplyObject(reply);
}

static void run_fork(void)
{
    ask("parent");
    pid_t child = fork();
    if (child == 0) {
        redisReconnect(redis);
        ask("child");
        exit(0);
    }
    waitpid(child, NULL, 0);
    ask("again");
}

static void ask_and_wait(void)
{
    ask("wait");
    while (getchar() != EOF) {
    }
}

static void run_failed(void)
{
    ask("quick");
    redisReply *reply = redisCommand(redis, "NOSUCHCOMMAND");
    printf("%d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
    reply = redisCommand(redis, "BLPOP nothing 0.2");
    printf("%d\n", reply ? reply->type : -1);
    freeReplyObject(reply);
}

int main(int count, char **arguments)
{
    const char *mode = arguments[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    redis = redisConnectUnix(arguments[2]);
    if (strcmp(mode, "plain") == 0)
        ask_further("plain");
    else if (strcmp(mode, "wait") == 0)
        ask_and_wait();
    else if (strcmp(mode, "inlined") == 0)
        has_inlined("inlined");
    else if (strcmp(mode, "qsort") == 0)
        run_qsort();
    else if (strcmp(mode, "tail") == 0)
        run_tail();
    else if (strcmp(mode, "thread") == 0)
        run_thread();
    else if (strcmp(mode, "coroutine") == 0)
        run_coroutine();
    else if (strcmp(mode, "signal") == 0)
        run_signal();
    else if (strcmp(mode, "deep") == 0)
        printf("%d\n", deep(10000));
    else if (strcmp(mode, "module") == 0)
        run_module(arguments[3], NULL);
    else if (strcmp(mode, "module-replaced") == 0)
        run_module(arguments[3], arguments[4]);
    else if (strcmp(mode, "open") == 0)
        ask_openly("open");
    else if (strcmp(mode, "direct") == 0)
        ask("direct");
    else if (strcmp(mode, "jit") == 0)
        run_jit();
    else if (strcmp(mode, "fork") == 0)
        run_fork();
    else if (strcmp(mode, "failed") == 0)
        run_failed();
    redisFree(redis);
    return count > 2 ? 0 : 1;
}
