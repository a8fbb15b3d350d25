// build: -lhiredis -lcurl -pthread
/* Leaves and enters instrumented calls in the middle: longjmp, cancellation, coroutines, signal handlers. */
#include "host.h"
#include "sleeping.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { STACK = 256 * 1024, ROUNDS = 5 };

static const char *server;
static const char *page;
static jmp_buf home;

static size_t jump_out(char *data, size_t size, size_t count, void *unused)
{
    (void)data, (void)size, (void)count, (void)unused;
    longjmp(home, 1);
}

static size_t swallow(char *data, size_t size, size_t count, void *total)
{
    (void)data;
    *(size_t *)total += size * count;
    return size * count;
}

static CURLcode fetch(curl_write_callback write_function, void *user)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, page);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_function);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, user);
    CURLcode result = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    return result;
}

/* The abandoned transfers keep their handles: nothing may touch them again. */
static int run_longjmp(const char *socket)
{
    for (volatile int i = 0; i < ROUNDS; i++) {
        if (setjmp(home) == 0)
            fetch(jump_out, NULL);
        size_t total = 0;
        printf("round %d: curl %d, redis %d\n", i, fetch(swallow, &total), host_get(socket, "after:1"));
    }
    return 0;
}

static sem_t ready;
static pid_t blocking;

static void *block(void *unused)
{
    (void)unused;
    redisContext *redis = host_connect(server);
    host_ask(redis, "thread:1");
    blocking = gettid();
    sem_post(&ready);
    redisCommand(redis, "BLPOP nothing 0");
    return NULL;
}

static int run_cancel(const char *socket)
{
    sem_init(&ready, 0, 0);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, NULL, block, NULL);
        sem_wait(&ready);
        while (!sleeps_until_told(blocking))
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, &result);
        printf("cancelled %d, redis %d\n", result == PTHREAD_CANCELED, host_get(socket, "after:1"));
    }
    return 0;
}

/* Deferred cancellation that is already pending when the call is made. */
static void *already_cancelled(void *unused)
{
    (void)unused;
    redisContext *redis = host_connect(server);
    pthread_cancel(pthread_self());
    host_ask(redis, "cancelled:1");
    return NULL;
}

static int run_cancel_pending(const char *socket)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, NULL, already_cancelled, NULL);
        pthread_join(thread, &result);
        printf("cancelled %d, redis %d\n", result == PTHREAD_CANCELED, host_get(socket, "after:1"));
    }
    return 0;
}

static ucontext_t main_context, coroutine;

/* Suspends itself in the middle of the transfer, from libcurl's own stack frame. */
static size_t suspend(char *data, size_t size, size_t count, void *total)
{
    swapcontext(&coroutine, &main_context);
    return swallow(data, size, count, total);
}

static void transfer(void)
{
    size_t total = 0;
    CURLcode result = fetch(suspend, &total);
    printf("coroutine: curl %d, redis %d\n", result, host_get(server, "coroutine:1"));
}

static int run_coroutine(const char *socket)
{
    static char stack[STACK] __attribute__((aligned(16)));
    for (int i = 0; i < ROUNDS; i++) {
        getcontext(&coroutine);
        coroutine.uc_stack.ss_sp = stack;
        coroutine.uc_stack.ss_size = sizeof stack;
        coroutine.uc_link = &main_context;
        makecontext(&coroutine, transfer, 0);
        swapcontext(&main_context, &coroutine);
        printf("main: redis %d\n", host_get(socket, "main:1"));
        swapcontext(&main_context, &coroutine);
    }
    return 0;
}

/* A coroutine that is begun and never finished. */
static int run_coroutine_lost(const char *socket)
{
    static char stack[STACK] __attribute__((aligned(16)));
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = sizeof stack;
    makecontext(&coroutine, transfer, 0);
    swapcontext(&main_context, &coroutine);
    printf("main: redis %d\n", host_get(socket, "main:1"));
    return 0;
}

static volatile int handled;

static void ask_in_handler(int number)
{
    (void)number;
    handled += host_get(server, "handler:1");
}

/* The handler runs on an alternate stack, which lies wherever the program put it. */
static int run_handler(const char *socket)
{
    static char stack[STACK];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = ask_in_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        raise(SIGUSR1);
        printf("handled %d, redis %d\n", handled, host_get(socket, "main:1"));
    }
    return 0;
}

/* The handler interrupts an instrumented call while it blocks, and makes one itself. */
static int run_handler_inside(const char *socket)
{
    redisContext *redis = host_connect(socket);
    struct sigaction action = {.sa_handler = ask_in_handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    for (int i = 0; i < 1; i++) {
        struct itimerval soon = {.it_value.tv_usec = 100000};
        setitimer(ITIMER_REAL, &soon, NULL);
        redisReply *reply = redisCommand(redis, "BLPOP nothing 1");
        printf("handled %d, blocked %d\n", handled, reply != NULL && reply->type == REDIS_REPLY_NIL);
        freeReplyObject(reply);
    }
    redisFree(redis);
    return 0;
}

static volatile int stormed;

static void make_process(int number)
{
    (void)number;
    int kept = errno;
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    stormed++;
    errno = kept;
}

/* Signals at any moment, the agent's own code included; hooked functions in the handler. */
static int run_storm(const char *socket)
{
    struct sigaction action = {.sa_handler = make_process, .sa_flags = SA_RESTART};
    struct itimerval often = {.it_value.tv_usec = 300, .it_interval.tv_usec = 300}, never = {0};
    redisContext *redis = host_connect(socket);
    int right = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 400; i++)
        right += host_ask(redis, "storm");
    setitimer(ITIMER_REAL, &never, NULL);
    printf("right %d, stormed %d\n", right, stormed > 0);
    redisFree(redis);
    return 0;
}

static const struct host_mode modes[] = {
    {"longjmp", run_longjmp},
    {"cancel", run_cancel},
    {"cancel-pending", run_cancel_pending},
    {"coroutine", run_coroutine},
    {"coroutine-lost", run_coroutine_lost},
    {"handler", run_handler},
    {"handler-inside", run_handler_inside},
    {"storm", run_storm},
};

int main(int count, char **arguments)
{
    server = count > 2 ? arguments[2] : NULL;
    page = count > 3 ? arguments[3] : NULL;
    return host_main(count, arguments, modes, sizeof modes / sizeof modes[0]);
}
