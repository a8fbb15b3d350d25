// build: -lhiredis -lcurl -pthread
/* C++ exceptions through instrumented calls: out of a callback, and past a thread that is cancelled inside one. */
#include "host.h"
#include "sleeping.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdexcept>

static const char *server;
static const char *page;
static int undone;

struct Witness {
    ~Witness()
    {
        undone++;
    }
};

static size_t refuse(char *, size_t, size_t, void *)
{
    Witness witness;
    throw std::runtime_error("enough");
}

static size_t swallow(char *, size_t size, size_t count, void *)
{
    return size * count;
}

static int fetch(curl_write_callback write_function)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, page);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_function);
    Witness witness;
    int result = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    return result;
}

static int run_throw(const char *socket)
{
    for (int i = 0; i < 5; i++) {
        try {
            fetch(refuse);
        } catch (const std::exception &error) {
            printf("caught %s, undone %d\n", error.what(), undone);
        }
        printf("curl %d, redis %d\n", fetch(swallow), host_get(socket, "after:1"));
    }
    return 0;
}

/* Nobody catches it: the program dies as it does without us. */
static int run_terminate(const char *socket)
{
    printf("redis %d\n", host_get(socket, "before:1"));
    fflush(stdout);
    return fetch(refuse);
}

static sem_t blocked;
static pid_t blocking;

/* Cancellation unwinds C++ frames with destructors, our hook's frame between them. */
static void *block(void *)
{
    Witness witness;
    redisContext *redis = host_connect(server);
    blocking = gettid();
    sem_post(&blocked);
    redisCommand(redis, "BLPOP nothing 0");
    return nullptr;
}

static int run_cancel(const char *socket)
{
    sem_init(&blocked, 0, 0);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        pthread_create(&thread, nullptr, block, nullptr);
        sem_wait(&blocked);
        while (!sleeps_until_told(blocking))
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, nullptr);
        printf("undone %d, redis %d\n", undone, host_get(socket, "after:1"));
    }
    return 0;
}

/* exit by exception: a static object's destructor still runs, and the status is the handler's. */
static Witness at_exit;

static int run_exit(const char *socket)
{
    try {
        fetch(refuse);
    } catch (const std::runtime_error &) {
        printf("redis %d\n", host_get(socket, "before:1"));
        exit(31);
    }
    return 0;
}

static const struct host_mode modes[] = {
    {"throw", run_throw},
    {"terminate", run_terminate},
    {"cancel", run_cancel},
    {"exit", run_exit},
};

int main(int count, char **arguments)
{
    server = count > 2 ? arguments[2] : nullptr;
    page = count > 3 ? arguments[3] : nullptr;
    return host_main(count, arguments, modes, sizeof modes / sizeof modes[0]);
}
