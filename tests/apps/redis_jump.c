// build: -lhiredis -pthread
/* At SIGUSR1 leaves a blocking command in the middle: by siglongjmp out of the handler, or by cancelling its thread.
 * Its argument is gone by then (its page is unmapped). Then goes on with the context. redis_jump PORT jump|cancel
 * reconnect|command|reply|free */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static sigjmp_buf back;
static redisContext *context;
static char *key;

static void leave(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static void block(void)
{
    key = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(key, "nothing");
    redisCommand(context, "BLPOP %s 0", key);
    abort();
}

static void *thread(void *unused)
{
    (void)unused;
    block();
    return NULL;
}

static void jump(void)
{
    struct sigaction action = {.sa_handler = leave};
    sigaction(SIGUSR1, &action, NULL);
    if (sigsetjmp(back, 1) == 0)
        block();
}

static void cancel(void)
{
    pthread_t blocked;
    sigset_t signals;
    int number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_create(&blocked, NULL, thread, NULL);
    sigwait(&signals, &number);
    pthread_cancel(blocked);
    pthread_join(blocked, NULL);
}

/* What the program does with the context then. */
static void go_on(const char *how)
{
    redisReply *reply = NULL;
    if (strcmp(how, "reconnect") == 0)
        printf("%d\n", redisReconnect(context));
    if (strcmp(how, "reply") == 0)
        redisGetReply(context, (void **)&reply);
    else if (strcmp(how, "free") != 0)
        reply = redisCommand(context, "SET %s %s", "key", "value");
    printf("%d\n", reply ? reply->type : context->err);
    freeReplyObject(reply);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    context = redisConnect("127.0.0.1", atoi(argv[1]));
    if (strcmp(argv[2], "jump") == 0)
        jump();
    else
        cancel();
    munmap(key, 4096);
    puts("left");
    fflush(stdout);
    go_on(argv[3]);
    redisFree(context);
    return 0;
}
