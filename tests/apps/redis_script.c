// build: -lhiredis
/* hiredis by script: each argument is a call of the library, written `call|argument|argument…`, and prints what it
 * gave.
 * `\r`, `\n`, `\0` and `\\` in an argument stand for these bytes. The context is freed at the end. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static redisContext *context;
static char *words[64];
static size_t lengths[64];
static int count;

static void print_bytes(const char *at, size_t len)
{
    if (len > 100) {
        unsigned long sum = 5381;
        for (size_t i = 0; i < len; i++)
            sum = sum * 33 + (unsigned char)at[i];
        printf("(%zu bytes, %lx)", len, sum);
        return;
    }
    for (size_t i = 0; i < len; i++)
        printf(at[i] >= ' ' && at[i] < 127 ? "%c" : "\\x%02x", (unsigned char)at[i]);
}

static void print_reply(const redisReply *reply)
{
    if (!reply) {
        printf("none");
        return;
    }
    printf("%d ", reply->type);
    if (reply->type == REDIS_REPLY_INTEGER)
        printf("%lld", reply->integer);
    if (reply->str)
        print_bytes(reply->str, reply->len);
    for (size_t i = 0; i < reply->elements; i++) {
        printf("%s", i ? ", " : "[");
        print_reply(reply->element[i]);
    }
}

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

static int number(int i)
{
    return i < count ? atoi(words[i]) : 0;
}

static const char *word(int i)
{
    return i < count ? words[i] : NULL;
}

static struct timeval milliseconds(int i)
{
    struct timeval time = {number(i) / 1000, number(i) % 1000 * 1000};
    return time;
}

static int connected_socket(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)host;
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
    else if (strcmp(name, "fd") == 0)
        opened(redisConnectFd(connected_socket(words[1], number(2))));
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
    else if (strcmp(name, "get") == 0)
        get_reply(redisGetReply);
    else if (strcmp(name, "read") == 0)
        get_reply(redisGetReplyFromReader);
    else if (strcmp(name, "drop") == 0)
        result(redisGetReply(context, NULL));
    else if (strcmp(name, "exchange") == 0)
        exchange();
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

static void split(char *line)
{
    static const char escapes[] = "rn0\\", bytes[] = "\r\n\0\\";
    char *to = line;
    count = 1;
    words[0] = line;
    for (char *at = line; *at; at++) {
        if (*at == '|') {
            lengths[count - 1] = (size_t)(to - words[count - 1]);
            *to++ = '\0';
            words[count++] = to;
        } else if (*at == '\\' && at[1] && strchr(escapes, at[1])) {
            *to++ = bytes[strchr(escapes, *++at) - escapes];
        } else {
            *to++ = *at;
        }
    }
    lengths[count - 1] = (size_t)(to - words[count - 1]);
    *to = '\0';
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
