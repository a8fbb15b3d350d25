// build: -lhiredis -pthread
/* Leaves a blocking command in the middle: by siglongjmp out of a signal handler, by cancelling the thread. Its
 * arguments are gone by then (their page is unmapped), and the context is used, made anew and freed. redis_jump PORT
 * jump|cancel */
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

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    for (int again = 0; again < 2; again++) {
        context = redisConnect("127.0.0.1", atoi(argv[1]));
        if (strcmp(argv[2], "jump") == 0)
            jump();
        else
            cancel();
        munmap(key, 4096);
        if (again) {
            redisFree(context);
            break;
        }
        printf("%d\n", redisReconnect(context));
        redisReply *reply = redisCommand(context, "SET %s %s", "key", "value");
        printf("%s\n", reply ? reply->str : context->errstr);
        freeReplyObject(reply);
        redisFree(context);
    }
    return 0;
}
