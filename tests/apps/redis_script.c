// build: -lhiredis
/* hiredis by script: each argument is a call of the library, written `call|argument|argument…`, and prints what it
 * gave (redis_words.h). The context is freed at the end. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_words.h"

static redisContext *context;

/* Whatever hiredis says: the reply, the context's error, errno where it counts. */
static void take(void *reply)
{
    int error = errno;
    print_reply(reply);
    if (context && context->err)
        printf(" err %d \"%s\" errno %d", context->err, context->errstr, context->err == REDIS_ERR_IO ? error : 0);
    putchar('\n');
    fflush(stdout);
    if (reply)
        freeReplyObject(reply);
}

static void result(int code)
{
    printf("%d", code);
    take(NULL);
}

static void opened(redisContext *made)
{
    if (context)
        redisFree(context);
    context = made;
    result(made ? 0 : -1);
}

static struct timeval milliseconds(int i)
{
    struct timeval time = {number(i) / 1000, number(i) % 1000 * 1000};
    return time;
}

static int connected_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        abort();
    return fd;
}

#if HIREDIS_MAJOR >= 1
static void with_options(void)
{
    redisOptions options = {0};
    struct timeval time = milliseconds(3);
    if (strcmp(words[1], "unix") == 0) {
        REDIS_OPTIONS_SET_UNIX(&options, words[2]);
    } else {
        REDIS_OPTIONS_SET_TCP(&options, words[1], number(2));
    }
    if (count > 3)
        options.connect_timeout = options.command_timeout = &time;
    opened(redisConnectWithOptions(&options));
}
#else
static void with_options(void)
{
    if (strcmp(words[1], "unix") == 0)
        opened(redisConnectUnix(words[2]));
    else
        opened(redisConnect(words[1], number(2)));
}
#endif

static void *by_list(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    void *reply = redisvCommand(context, format, values);
    va_end(values);
    return reply;
}

static int append_by_list(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int code = redisvAppendCommand(context, format, values);
    va_end(values);
    return code;
}

/* Commands that are formatted first; the text is gone before they are sent. */
static int append_formatted(char *text, long long len)
{
    int code = len < 0 ? (int)len : redisAppendFormattedCommand(context, text, (size_t)len);
    if (len >= 0)
        memset(text, '?', (size_t)len);
    redisFreeCommand(text);
    return code;
}

static int append_format(const char *format, ...)
{
    char *text = NULL;
    va_list values;
    va_start(values, format);
    int len = redisvFormatCommand(&text, format, values);
    va_end(values);
    return append_formatted(text, len);
}

static int append_format_sds(int argc, const char **argv, const size_t *argv_len)
{
    sds text;
    long long len = redisFormatSdsCommandArgv(&text, argc, argv, argv_len);
    int code = redisAppendFormattedCommand(context, text, (size_t)len);
    memset(text, '?', (size_t)len);
    redisFreeSdsCommand(text);
    return code;
}

static int append_format_argv(int argc, const char **argv, const size_t *argv_len)
{
    char *text = NULL;
    long long len = redisFormatCommandArgv(&text, argc, argv, argv_len);
    return append_formatted(text, len);
}

static void get_reply(int (*get)(redisContext *, void **))
{
    void *reply = NULL;
    int code = get(context, &reply);
    printf("%d ", code);
    take(reply);
}

static void large_value(size_t size)
{
    char *value = malloc(size);
    for (size_t i = 0; i < size; i++)
        value[i] = (char)(i * 31);
    take(redisCommand(context, "SET big %b", value, size));
    take(redisCommand(context, "GET %s", "big"));
    free(value);
}

static void many(int times)
{
    long long sum = 0;
    for (int i = 0; i < times; i++) {
        redisReply *reply = redisCommand(context, "INCR counter:%d", i % 10);
        sum += reply ? reply->integer : 0;
        freeReplyObject(reply);
    }
    printf("%lld\n", sum);
}

/* A command whose answer is never the same twice. */
static void brief(void)
{
    redisReply *reply = redisCommand(context, words[1]);
    printf("%d ", reply ? reply->type : -1);
    freeReplyObject(reply);
    take(NULL);
}

/* A command on a connection of its own, beside the one there is. */
static void other(int port)
{
    redisContext *made = redisConnect("127.0.0.1", port);
    take(redisCommand(made, words[2]));
    redisFree(made);
}

/* Sends and receives by hand, as an event loop would, on a context that does not block. */
static void exchange(void)
{
    int done = 0;
    void *reply = NULL;
    while (!done && redisBufferWrite(context, &done) == REDIS_OK) {
    }
    while (!reply && redisBufferRead(context) == REDIS_OK && redisGetReply(context, &reply) == REDIS_OK) {
    }
    take(reply);
}

static void buffer_write(void)
{
    int done = 0, code = REDIS_OK;
    while (!done && code == REDIS_OK)
        code = redisBufferWrite(context, &done);
    result(code);
}

#if HIREDIS_MAJOR >= 1
static void pushed(void *data, void *reply)
{
    printf("pushed %s ", (const char *)data);
    take(reply);
}

static void push_callback(int on)
{
    context->privdata = "data";
    redisSetPushCallback(context, on ? pushed : NULL);
}
#else
static void push_callback(int on)
{
    (void)on;
}
#endif

/* The rest of the words is a call for which there is no memory. */
static void no_memory(void)
{
    static void *all[1 << 20];
    struct rlimit limit, none = {0};
    size_t taken = 0;
    getrlimit(RLIMIT_AS, &limit);
    none.rlim_max = limit.rlim_max;
    fflush(stdout);
    setrlimit(RLIMIT_AS, &none);
    for (size_t size = 1 << 20; size >= 16; size /= 2)
        while (taken < sizeof all / sizeof *all && (all[taken] = malloc(size)))
            taken++;
    void *reply = strcmp(words[1], "command") == 0 ? redisCommand(context, words[2]) : NULL;
    int code = strcmp(words[1], "append") == 0 ? redisAppendCommand(context, words[2]) : 0;
    redisContext *made = strcmp(words[1], "connect") == 0 ? redisConnect(words[2], number(3))
                         : strcmp(words[1], "fd") == 0    ? redisConnectFd(2)
                                                          : NULL;
    while (taken > 0)
        free(all[--taken]);
    setrlimit(RLIMIT_AS, &limit);
    printf("%d %p ", code, (void *)made);
    take(reply);
}

/* Ends the connection in a child, or asks for a reply there. */
static void in_child(const char *what)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (strcmp(what, "get") == 0)
            get_reply(redisGetReply);
        redisFree(context);
        fflush(stdout);
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static void call(void)
{
    const char *name = words[0];
    const char **argv = (const char **)words + 1;
    const size_t *argv_len = lengths + 1;
    if (strcmp(name, "connect") == 0)
        opened(redisConnect(words[1], number(2)));
    else if (strcmp(name, "connect_timeout") == 0)
        opened(redisConnectWithTimeout(words[1], number(2), milliseconds(3)));
    else if (strcmp(name, "unix") == 0)
        opened(redisConnectUnix(words[1]));
    else if (strcmp(name, "unix_timeout") == 0)
        opened(redisConnectUnixWithTimeout(words[1], milliseconds(2)));
    else if (strcmp(name, "nonblock") == 0)
        opened(redisConnectNonBlock(words[1], number(2)));
    else if (strcmp(name, "unix_nonblock") == 0)
        opened(redisConnectUnixNonBlock(words[1]));
    else if (strcmp(name, "bind_nonblock") == 0)
        opened(redisConnectBindNonBlock(words[1], number(2), words[3]));
    else if (strcmp(name, "bind_reuse_nonblock") == 0)
        opened(redisConnectBindNonBlockWithReuse(words[1], number(2), words[3]));
    else if (strcmp(name, "fd") == 0)
        opened(redisConnectFd(connected_socket(number(2))));
    else if (strcmp(name, "options") == 0)
        with_options();
    else if (strcmp(name, "reconnect") == 0)
        result(redisReconnect(context));
    else if (strcmp(name, "timeout") == 0)
        result(redisSetTimeout(context, milliseconds(1)));
    else if (strcmp(name, "command") == 0)
        take(redisCommand(context, words[1], word(2), word(3), word(4), word(5)));
    else if (strcmp(name, "numbers") == 0)
        take(redisCommand(context, words[1], number(2), number(3)));
    else if (strcmp(name, "list") == 0)
        take(by_list(words[1], word(2), word(3), word(4)));
    else if (strcmp(name, "binary") == 0)
        take(redisCommand(context, "SET %b %b", words[1], lengths[1], words[2], lengths[2]));
    else if (strcmp(name, "argv") == 0)
        take(redisCommandArgv(context, count - 1, argv, argv_len));
    else if (strcmp(name, "argv_strings") == 0)
        take(redisCommandArgv(context, count - 1, argv, NULL));
    else if (strcmp(name, "append") == 0)
        result(redisAppendCommand(context, words[1], word(2), word(3), word(4)));
    else if (strcmp(name, "append_list") == 0)
        result(append_by_list(words[1], word(2), word(3), word(4)));
    else if (strcmp(name, "append_argv") == 0)
        result(redisAppendCommandArgv(context, count - 1, argv, argv_len));
    else if (strcmp(name, "append_bytes") == 0)
        result(redisAppendFormattedCommand(context, words[1], lengths[1]));
    else if (strcmp(name, "format") == 0)
        result(append_format(words[1], word(2), word(3), word(4)));
    else if (strcmp(name, "format_argv") == 0)
        result(append_format_argv(count - 1, argv, argv_len));
    else if (strcmp(name, "format_sds") == 0)
        result(append_format_sds(count - 1, argv, argv_len));
    else if (strcmp(name, "get") == 0)
        get_reply(redisGetReply);
    else if (strcmp(name, "read") == 0)
        get_reply(redisGetReplyFromReader);
    else if (strcmp(name, "drop") == 0)
        result(redisGetReply(context, NULL));
    else if (strcmp(name, "exchange") == 0)
        exchange();
    else if (strcmp(name, "write") == 0)
        buffer_write();
    else if (strcmp(name, "fill") == 0)
        result(redisBufferRead(context));
    else if (strcmp(name, "brief") == 0)
        brief();
    else if (strcmp(name, "other") == 0)
        other(number(1));
    else if (strcmp(name, "fork") == 0)
        in_child(words[1]);
    else if (strcmp(name, "push") == 0)
        push_callback(number(1));
    else if (strcmp(name, "no_memory") == 0)
        no_memory();
    else if (strcmp(name, "large") == 0)
        large_value((size_t)number(1));
    else if (strcmp(name, "many") == 0)
        many(number(1));
    else if (strcmp(name, "append_many") == 0)
        for (int i = 0; i < number(1); i++)
            redisAppendCommand(context, "INCR counter:%d", i);
    else if (strcmp(name, "get_many") == 0)
        for (int i = 0; i < number(1); i++)
            get_reply(redisGetReply);
    else if (strcmp(name, "free") == 0)
        redisFree(context), context = NULL;
    else if (strcmp(name, "free_keep_fd") == 0)
        printf("%d\n", close(redisFreeKeepFd(context))), context = NULL;
    else
        abort();
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        split(argv[i]);
        errno = EEXIST; /* what a program happens to have there */
        call();
    }
    redisFree(context);
    return 0;
}
