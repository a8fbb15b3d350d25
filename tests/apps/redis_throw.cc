// build: -lhiredis -levent
/* Functions of asynchronous commands that throw, through hiredis and libevent. What they leave behind is not to be used
 * again, so each time there is a new connection on a new event base. redis_throw PORT TIMES */
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <hiredis/adapters/libevent.h>

static int calls;

static void show(redisAsyncContext *, void *reply, void *)
{
    calls++;
    std::printf("%s\n", reply ? static_cast<redisReply *>(reply)->str : "none");
}

static void throws(redisAsyncContext *from, void *reply, void *data)
{
    show(from, reply, data);
    throw std::runtime_error(*static_cast<std::string *>(data));
}

static redisAsyncContext *connect(event_base *base, int port)
{
    redisAsyncContext *context = redisAsyncConnect("127.0.0.1", port);
    redisLibeventAttach(context, base);
    return context;
}

static void run(event_base *base, int until)
{
    while (calls < until && event_base_loop(base, EVLOOP_ONCE) == 0) {
    }
}

static void once(int port, std::string what)
{
    event_base *base = event_base_new();
    redisAsyncContext *context = connect(base, port);
    redisAsyncCommand(context, throws, &what, "PING %s", what.c_str());
    try {
        run(base, calls + 1);
    } catch (const std::runtime_error &error) {
        std::printf("caught %s\n", error.what());
    }
    base = event_base_new();
    context = connect(base, port);
    redisAsyncCommand(context, show, nullptr, "ECHO %s", what.c_str());
    run(base, calls + 1);
    redisAsyncFree(context);
    event_base_free(base);
}

int main(int, char **argv)
{
    for (int i = 0; i < std::atoi(argv[2]); i++)
        once(std::atoi(argv[1]), "number " + std::to_string(i));
    return 0;
}
