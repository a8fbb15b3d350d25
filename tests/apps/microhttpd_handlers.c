// build: -lmicrohttpd -lhiredis
/* Twenty servers of libmicrohttpd, each with a thread and a function of its own: microhttpd_handlers REDIS-PORT
 *
 * Prints their ports, and ends with its input. Of a request for /TAG it gives GET TAG-N when it gets the N-th piece of
 * the body, GET TAG when it has all of it, and answers with the number of the function. Of /suspend… the connection is
 * suspended in between.
 */
#include <hiredis/hiredis.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    int pieces;
    bool suspended;
};

static int redis_port;
static __thread redisContext *redis;

static void get(const char *tag, int piece)
{
    if (!redis)
        redis = redisConnect("127.0.0.1", redis_port);
    redisReply *reply = piece ? redisCommand(redis, "GET %s-%d", tag, piece) : redisCommand(redis, "GET %s", tag);
    if (!reply || reply->type != REDIS_REPLY_NIL)
        exit(3);
    freeReplyObject(reply);
}

static enum MHD_Result serve(int number, struct MHD_Connection *connection, const char *target, size_t *body_size,
                             void **kept_)
{
    struct kept *kept = *kept_;
    char text[32];
    if (!kept) {
        *kept_ = calloc(1, sizeof *kept);
        return MHD_YES;
    }
    if (*body_size > 0) {
        get(target + 1, ++kept->pieces);
        *body_size = 0;
        return MHD_YES;
    }
    if (strncmp(target, "/suspend", 8) == 0 && !kept->suspended) {
        kept->suspended = true;
        MHD_suspend_connection(connection);
        MHD_resume_connection(connection);
        return MHD_YES;
    }
    get(target + 1, 0);
    free(kept);
    *kept_ = NULL;
    int length = snprintf(text, sizeof text, "%d\n", number);
    struct MHD_Response *response = MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

#define HANDLER(n)                                                                                                     \
    static enum MHD_Result handler_##n(void *user, struct MHD_Connection *connection, const char *target,              \
                                       const char *method, const char *version, const char *body, size_t *body_size,   \
                                       void **kept)                                                                    \
    {                                                                                                                  \
        (void)method, (void)version, (void)body;                                                                       \
        return serve(user == &handler_##n##_value ? n : -1, connection, target, body_size, kept);                      \
    }
#define VALUE(n) static char handler_##n##_value;
#define ALL(X)                                                                                                         \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)
ALL(VALUE)
ALL(HANDLER)
#define ENTRY(n) {handler_##n, &handler_##n##_value},
static const struct {
    MHD_AccessHandlerCallback function;
    void *value;
} handlers[] = {ALL(ENTRY)};

static struct MHD_Daemon *start_va(unsigned flags, MHD_AccessHandlerCallback function, void *value, ...)
{
    va_list options;
    va_start(options, value);
    struct MHD_Daemon *daemon = MHD_start_daemon_va(flags, 0, NULL, NULL, function, value, options);
    va_end(options);
    return daemon;
}

int main(int argc, char **argv)
{
    enum { COUNT = sizeof handlers / sizeof *handlers };
    const unsigned flags =
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_Daemon *daemons[COUNT];
    if (argc != 2)
        return 2;
    redis_port = atoi(argv[1]);
    for (int i = 0; i < COUNT; i++) {
        daemons[i] = i % 2 ? start_va(flags, handlers[i].function, handlers[i].value, MHD_OPTION_CONNECTION_LIMIT, 7U,
                                      MHD_OPTION_CONNECTION_TIMEOUT, 99U, MHD_OPTION_END)
                           : MHD_start_daemon(flags, 0, NULL, NULL, handlers[i].function, handlers[i].value,
                                              MHD_OPTION_CONNECTION_LIMIT, 7U, MHD_OPTION_CONNECTION_TIMEOUT, 99U,
                                              MHD_OPTION_END);
        if (!daemons[i])
            return 1;
        printf("%d\n", MHD_get_daemon_info(daemons[i], MHD_DAEMON_INFO_BIND_PORT)->port);
    }
    fflush(stdout);
    while (getchar() != EOF)
        ;
    for (int i = 0; i < COUNT; i++)
        MHD_stop_daemon(daemons[i]);
    return 0;
}
