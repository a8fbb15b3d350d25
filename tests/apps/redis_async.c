// build: -lhiredis -levent
/* hiredis's asynchronous interface on libevent, by script: each argument is a call of the library or a turn of the
 * loop, (redis_words.h). Functions that hiredis calls print what they were given. */
#include <errno.h>
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/adapters/libevent.h>

#include "redis_words.h"

static struct event_base *base;
static redisAsyncContext *contexts[4], *context;
static int chosen;
static int calls, given; /* of functions; commands they are due for */
static int asked;        /* for MONITOR */
static int again_port;   /* to connect to when a connection ends */
static int told_port;    /* to tell of a connection that is made */
static int plain;        /* without functions for connections */
static long long sum;
static jmp_buf back;

static void print_call(redisAsyncContext *from, const redisReply *reply, const char *what)
{
    calls++;
    printf("%s: ", what);
    print_reply(reply);
    if (from->err)
        printf(" err %d \"%s\"", from->err, from->errstr);
    putchar('\n');
    fflush(stdout);
}

static void show(redisAsyncContext *from, void *reply, void *data)
{
    print_call(from, reply, data);
    errno = EEXIST;
}

static void add(redisAsyncContext *from, void *reply, void *data)
{
    (void)from;
    (void)data;
    calls++;
    sum += reply ? ((redisReply *)reply)->integer : 0;
}

/* What MONITOR and HELLO tell is never the same twice. */
static void monitored(redisAsyncContext *from, void *reply, void *data)
{
    (void)from;
    calls++;
    printf("%s: %d\n", (char *)data, reply ? ((redisReply *)reply)->type : 0);
}

/* Its last act is a jump to the library, or so the compiler may make it. */
__attribute__((optimize("O2"))) static void then(redisAsyncContext *from, void *reply, void *data)
{
    print_call(from, reply, "then");
    redisAsyncFormattedCommand(from, show, "second", data, strlen(data));
}

static void then_monitor(redisAsyncContext *from, void *reply, void *data)
{
    monitored(from, reply, data);
    if (!asked++)
        redisAsyncCommand(from, monitored, "monitor", "MONITOR");
}

static void then_free(redisAsyncContext *from, void *reply, void *data)
{
    print_call(from, reply, data);
    redisAsyncFree(from);
}

/* The commands after it are answered, further ones refused. */
static void then_disconnect(redisAsyncContext *from, void *reply, void *data)
{
    print_call(from, reply, data);
    redisAsyncDisconnect(from);
    printf("%d\n", redisAsyncCommand(from, show, "late", "PING"));
}

static void then_jump(redisAsyncContext *from, void *reply, void *data)
{
    print_call(from, reply, data);
    longjmp(back, 1);
}

static void tell(int port, const char *what)
{
    redisContext *other = redisConnect("127.0.0.1", port);
    freeReplyObject(redisCommand(other, what));
    redisFree(other);
}

static void connected(const redisAsyncContext *from, int status)
{
    if (told_port)
        tell(told_port, "SET connected 1");
    printf("connected %d %s\n", status, status == REDIS_OK ? "" : from->c.errstr);
    errno = ENOTTY;
}

static void opened(redisAsyncContext *made);

static void disconnected(const redisAsyncContext *from, int status)
{
    printf("disconnected %d\n", status);
    for (int i = 0; i < 4; i++)
        if (contexts[i] == from)
            contexts[i] = NULL;
    context = contexts[chosen];
    if (again_port) {
        opened(redisAsyncConnect("127.0.0.1", again_port));
        again_port = 0;
        redisAsyncCommand(context, show, "again", "PING");
    }
}

static void run(int until)
{
    while (calls < until && event_base_loop(base, EVLOOP_ONCE) == 0) {
    }
}

static void opened(redisAsyncContext *made)
{
    context = contexts[chosen] = made;
    printf("%d %s\n", made ? made->err : -1, made && made->err ? made->errstr : "");
    if (!made || made->err)
        return;
    redisLibeventAttach(made, base);
    if (plain)
        return;
    redisAsyncSetConnectCallback(made, connected);
    redisAsyncSetDisconnectCallback(made, disconnected);
}

#if HIREDIS_MAJOR >= 1
static redisAsyncContext *with_options(void)
{
    redisOptions options = {0};
    if (strcmp(words[1], "unix") == 0) {
        REDIS_OPTIONS_SET_UNIX(&options, words[2]);
    } else {
        REDIS_OPTIONS_SET_TCP(&options, words[1], number(2));
    }
    return redisAsyncConnectWithOptions(&options);
}
#else
static redisAsyncContext *with_options(void)
{
    return strcmp(words[1], "unix") == 0 ? redisAsyncConnectUnix(words[2]) : redisAsyncConnect(words[1], number(2));
}
#endif

#if HIREDIS_MAJOR >= 1
static struct timeval milliseconds(int i)
{
    struct timeval time = {number(i) / 1000, number(i) % 1000 * 1000};
    return time;
}

static void pushed(redisAsyncContext *from, void *reply)
{
    print_call(from, reply, "pushed");
}

/* What hiredis 0.14 does not have. */
static int newer(const char *name)
{
    if (strcmp(name, "timeout") == 0) {
        redisAsyncSetTimeout(context, milliseconds(1));
    } else if (strcmp(name, "push") == 0) {
        redisAsyncSetPushCallback(context, pushed);
    } else if (strcmp(name, "connect_timeout") == 0) {
        redisOptions options = {0};
        struct timeval time = milliseconds(3);
        REDIS_OPTIONS_SET_TCP(&options, words[1], number(2));
        options.connect_timeout = &time;
        opened(redisAsyncConnectWithOptions(&options));
    } else {
        return 0;
    }
    return 1;
}
#else
static int newer(const char *name)
{
    (void)name;
    return 0;
}
#endif

static int by_list(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int code = redisvAsyncCommand(context, show, "list", format, values);
    va_end(values);
    return code;
}

static void result(int code)
{
    given += code == REDIS_OK;
    if (code != REDIS_OK)
        printf("%d err %d\n", code, context->err);
}

/* The text is gone when the command is sent. */
static int formatted(const char *format, ...)
{
    char *text = NULL;
    va_list values;
    va_start(values, format);
    int len = redisvFormatCommand(&text, format, values);
    va_end(values);
    int code = redisAsyncFormattedCommand(context, show, "formatted", text, (size_t)len);
    memset(text, '?', (size_t)len);
    redisFreeCommand(text);
    return code;
}

static void many(int times)
{
    for (int i = 0; i < times; i++)
        result(redisAsyncCommand(context, add, NULL, "INCR counter:%d", i % 10));
}

static void subscribe_and_free(int port, int times)
{
    static int values[10];
    for (int i = 0; i < times; i++) {
        redisAsyncContext *made = redisAsyncConnect("127.0.0.1", port);
        for (int j = 0; j < 10; j++)
            redisAsyncCommand(made, add, &values[j], "SUBSCRIBE %d", j);
        redisAsyncFree(made);
    }
    printf("%d\n", calls);
}

/* Ends the connection there, or turns the loop once. */
static void in_child(int turns)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (turns)
            event_reinit(base), event_base_loop(base, EVLOOP_ONCE);
        else
            redisAsyncFree(context);
        fflush(stdout);
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static void publish(int port)
{
    redisContext *other = redisConnect("127.0.0.1", port);
    freeReplyObject(redisCommand(other, "PUBLISH %s %s", words[2], words[3]));
    redisFree(other);
}

static int with(redisCallbackFn *function, void *data)
{
    return redisAsyncCommand(context, function, data, words[1], word(2), word(3), word(4));
}

static int opens(const char *name)
{
    if (strcmp(name, "connect") == 0)
        opened(redisAsyncConnect(words[1], number(2)));
    else if (strcmp(name, "bind") == 0)
        opened(redisAsyncConnectBind(words[1], number(2), words[3]));
    else if (strcmp(name, "bind_reuse") == 0)
        opened(redisAsyncConnectBindWithReuse(words[1], number(2), words[3]));
    else if (strcmp(name, "unix") == 0)
        opened(redisAsyncConnectUnix(words[1]));
    else if (strcmp(name, "options") == 0)
        opened(with_options());
    else
        return 0;
    return 1;
}

static int gives(const char *name)
{
    if (strcmp(name, "command") == 0)
        result(with(show, "command"));
    else if (strcmp(name, "list") == 0)
        result(by_list(words[1], word(2), word(3), word(4)));
    else if (strcmp(name, "argv") == 0)
        result(redisAsyncCommandArgv(context, show, "argv", count - 1, (const char **)words + 1, lengths + 1));
    else if (strcmp(name, "bytes") == 0)
        result(redisAsyncFormattedCommand(context, show, "bytes", words[1], lengths[1]));
    else if (strcmp(name, "format") == 0)
        result(formatted(words[1], word(2), word(3), word(4)));
    else if (strcmp(name, "quiet") == 0)
        with(NULL, NULL);
    else if (strcmp(name, "then") == 0)
        result(redisAsyncCommand(context, then, strdup(words[2]), words[1])), given++;
    else if (strcmp(name, "then_monitor") == 0)
        result(with(then_monitor, "first"));
    else if (strcmp(name, "then_free") == 0)
        result(with(then_free, "free"));
    else if (strcmp(name, "then_disconnect") == 0)
        result(with(then_disconnect, "disconnect"));
    else if (strcmp(name, "then_jump") == 0)
        result(with(then_jump, "jump"));
    else if (strcmp(name, "monitor") == 0)
        result(with(monitored, "monitor"));
    else if (strcmp(name, "brief") == 0)
        result(with(monitored, "brief"));
    else if (strcmp(name, "many") == 0)
        many(number(1));
    else
        return 0;
    return 1;
}

static void call(void)
{
    const char *name = words[0];
    if (opens(name) || gives(name) || newer(name))
        return;
    if (strcmp(name, "on") == 0) {
        chosen = number(1);
        context = contexts[chosen];
    } else if (strcmp(name, "run") == 0) {
        run(given);
    } else if (strcmp(name, "calls") == 0) {
        run(calls + number(1));
    } else if (strcmp(name, "loop") == 0) {
        event_base_dispatch(base);
    } else if (strcmp(name, "publish") == 0) {
        publish(number(1));
    } else if (strcmp(name, "other") == 0) {
        tell(number(1), words[2]);
    } else if (strcmp(name, "subscribe_and_free") == 0) {
        subscribe_and_free(number(1), number(2));
    } else if (strcmp(name, "fork") == 0) {
        in_child(number(1));
    } else if (strcmp(name, "again") == 0) {
        again_port = number(1);
    } else if (strcmp(name, "tell") == 0) {
        told_port = number(1);
    } else if (strcmp(name, "plain") == 0) {
        plain = 1;
    } else if (strcmp(name, "sum") == 0) {
        printf("%lld\n", sum);
    } else if (strcmp(name, "disconnect") == 0) {
        redisAsyncDisconnect(context);
    } else if (strcmp(name, "free") == 0) {
        redisAsyncFree(context);
    } else {
        abort();
    }
}

int main(int argc, char **argv)
{
    static volatile int i;
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    for (i = 1; i < argc; i++) {
        split(argv[i]);
        if (setjmp(back) == 0)
            call();
        else
            base = event_base_new(), puts("jumped"); /* the other one still runs, for all it knows */
    }
    fflush(stdout);
    return 0;
}
