// build: -lmicrohttpd -lhiredis -lcurl pkg:libmariadb -pthread
/* A server of libmicrohttpd's that asks others: parenting_microhttpd MODE PORT REDIS-PORT MYSQL-PORT URL
 *
 * Of a request for /TAG it asks them for TAG, and then answers with it. MODE says what threads there are:
 *
 *   select, poll, epoll                    one, which waits so
 *   pool-select, pool-poll, pool-epoll     four of these
 *   thread-select, thread-poll             one for each connection, which is waited for so
 *   external                               none of the library's: the main thread selects what it is told to
 *   stream                                 one, which selects; it asks when the answer has begun, piece by piece
 */
#include <microhttpd.h>
#include <pthread.h>
#include <sys/select.h>
#include <unistd.h>

#include "parenting_calls.h"

static __thread struct calls calls;
static pthread_key_t thread_end;

static void end_calls(void *opened)
{
    calls_close(opened);
}

static void open_calls(void)
{
    if (calls.redis)
        return;
    calls_open(&calls);
    pthread_setspecific(thread_end, &calls);
}

static bool stream;

/* The first pieces are blanks, for each of which it asks once; the last one is the tag. */
static ssize_t on_piece(void *tag, uint64_t at, char *out, size_t room)
{
    static void (*const ask[])(struct calls *, const char *) = {calls_redis, calls_mysql, calls_http};
    if (at < 3) {
        ask[at](&calls, tag);
        *out = ' ';
        return 1;
    }
    return at > 3 ? MHD_CONTENT_READER_END_OF_STREAM : snprintf(out, room, "%s", (char *)tag);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **seen)
{
    (void)user, (void)method, (void)version, (void)body, (void)body_size;
    if (!*seen) {
        *seen = &calls;
        return MHD_YES;
    }
    open_calls();
    if (!stream)
        calls_make(&calls, path + 1);
    struct MHD_Response *response =
        stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 256, on_piece, strdup(path + 1), free)
               : MHD_create_response_from_buffer(strlen(path + 1), (void *)(path + 1), MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static unsigned flags_of(const char *mode)
{
    const char *how = strrchr(mode, '-') ? strrchr(mode, '-') + 1 : mode;
    unsigned flags = MHD_USE_ERROR_LOG;
    if (strcmp(mode, "external") == 0)
        return flags;
    flags |= MHD_USE_INTERNAL_POLLING_THREAD;
    if (strncmp(mode, "thread-", 7) == 0)
        flags |= MHD_USE_THREAD_PER_CONNECTION;
    if (strcmp(how, "poll") == 0)
        flags |= MHD_USE_POLL;
    else if (strcmp(how, "epoll") == 0)
        flags |= MHD_USE_EPOLL;
    else if (strcmp(how, "select") != 0 && !stream)
        calls_fail(mode);
    return flags;
}

static void select_for_ever(struct MHD_Daemon *daemon)
{
    for (;;) {
        fd_set in, out, other;
        MHD_socket highest = 0;
        FD_ZERO(&in);
        FD_ZERO(&out);
        FD_ZERO(&other);
        if (MHD_get_fdset(daemon, &in, &out, &other, &highest) != MHD_YES)
            calls_fail("MHD_get_fdset");
        MHD_UNSIGNED_LONG_LONG left = 0;
        struct timeval limit, *timeout = NULL;
        if (MHD_get_timeout(daemon, &left) == MHD_YES) {
            limit = (struct timeval){(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000)};
            timeout = &limit;
        }
        select(highest + 1, &in, &out, &other, timeout);
        MHD_run_from_select(daemon, &in, &out, &other);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    calls_init(argv[3], argv[4], argv[5]);
    stream = strcmp(argv[1], "stream") == 0;
    pthread_key_create(&thread_end, end_calls);
    bool pool = strncmp(argv[1], "pool-", 5) == 0;
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags_of(argv[1]), (uint16_t)atoi(argv[2]), NULL, NULL, on_request, NULL,
                         pool ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, 4U, MHD_OPTION_END);
    if (!daemon)
        calls_fail("MHD_start_daemon");
    if (strcmp(argv[1], "external") == 0)
        select_for_ever(daemon);
    for (;;)
        pause();
}
