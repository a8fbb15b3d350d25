#include "hooks/hiredis.h"

OI_LIBRARY_TABLE(hiredis, OI_HIREDIS_FUNCTIONS);

bool oi_hiredis_enter(struct oi_hiredis_call *call, const redisContext *context, const void *caller)
{
    call->connection = oi_hiredis_find(context);
    call->call = oi_call_enter_with(&oi_library_hiredis, call->connection ? call->connection->provider : NULL, caller);
    if (!call->call.watched)
        return false;
    if (!call->connection) {
        oi_call_leave(&call->call);
        return false;
    }
    call->waits = oi_hiredis_blocking(call->connection->layout, context);
    return true;
}

/* --- connecting --- */

struct attempt {
    struct oi_call call;
    struct oi_span span;
    struct oi_db_connection where;
};

static struct oi_db_connection tcp(const char *host, int port)
{
    return (struct oi_db_connection){
        .system = OI_DB_REDIS,
        .transport = OI_TRANSPORT_TCP,
        .host = oi_text_from(host),
        .port = port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0,
        .database_index = -1,
    };
}

static struct oi_db_connection local(const char *path)
{
    return (struct oi_db_connection){
        .system = OI_DB_REDIS,
        .transport = OI_TRANSPORT_UNIX,
        .host = oi_text_from(path),
        .database_index = -1,
    };
}

static struct oi_db_connection unknown(void)
{
    return (struct oi_db_connection){.system = OI_DB_REDIS, .database_index = -1};
}

/* False: the call is not watched. */
static bool attempt_begin(struct attempt *attempt, const struct oi_provider *provider, const void *caller)
{
    attempt->call = oi_call_enter_with(&oi_library_hiredis, provider, caller);
    if (!attempt->call.watched)
        return false;
    if (!oi_hiredis_layout(attempt->call.provider)) {
        oi_call_leave(&attempt->call);
        return false;
    }
    oi_worker_need();
    oi_span_start(&attempt->span);
    oi_call_pause(&attempt->call);
    return true;
}

/* After a connecting call: what it left in the context, and a span if that is worth one. */
static void attempt_result(const struct attempt *attempt, const redisContext *context,
                           struct oi_hiredis_connection *connection, bool asynchronous)
{
    struct oi_db_error error = {.code = OI_TEXT("REDIS_ERR_OOM"), .message = OI_TEXT("Out of memory")};
    struct oi_db_connection where = connection ? oi_hiredis_describe(connection, -1) : attempt->where;
    bool failed = !context || (connection && oi_hiredis_int(context, connection->layout->error) != 0);
    if (connection && failed)
        error = oi_hiredis_error(connection, context, attempt->call.error);
    /* Whether one that does not block succeeds is not known yet, and a descriptor's was made by somebody else. */
    bool made = !failed && connection && !asynchronous && connection->transport != OI_TRANSPORT_UNKNOWN &&
                oi_hiredis_blocking(connection->layout, context);
    if (failed || (made && oi_agent.config.connect_spans))
        oi_hiredis_connect_span(&attempt->span, &where, failed ? &error : NULL);
}

static void attempt_end(struct attempt *attempt, const redisContext *context, bool asynchronous)
{
    oi_call_resume(&attempt->call);
    struct oi_hiredis_connection *connection =
        context ? oi_hiredis_opened(context, attempt->call.provider, &attempt->where) : NULL;
    attempt_result(attempt, context, connection, asynchronous);
    if (connection && asynchronous)
        oi_hiredis_async_opened(connection, &attempt->span);
    oi_call_leave(&attempt->call);
}

/* The body of a hook that connects. `place` is read only where the call is watched. */
#define CONNECT_AS(type, asynchronous, function, place, arguments)                                                     \
    struct attempt attempt;                                                                                            \
    bool watched = attempt_begin(&attempt, NULL, OI_CALLER);                                                           \
    if (!attempt.call.provider || !OI_REAL(attempt.call, function))                                                    \
        return NULL;                                                                                                   \
    if (!watched)                                                                                                      \
        return OI_REAL(attempt.call, function) arguments;                                                              \
    attempt.where = place;                                                                                             \
    type *context = OI_REAL(attempt.call, function) arguments;                                                         \
    attempt_end(&attempt, (const redisContext *)(const void *)context, asynchronous);                                  \
    return context
#define CONNECT(function, place, arguments) CONNECT_AS(redisContext, false, function, place, arguments)
#define ASYNC_CONNECT(function, place, arguments) CONNECT_AS(redisAsyncContext, true, function, place, arguments)

OI_HOOK(redisContext *, redisConnect, (const char *ip, int port))
{
    CONNECT(redisConnect, tcp(ip, port), (ip, port));
}

OI_HOOK(redisContext *, redisConnectWithTimeout, (const char *ip, int port, const struct timeval tv))
{
    CONNECT(redisConnectWithTimeout, tcp(ip, port), (ip, port, tv));
}

OI_HOOK(redisContext *, redisConnectNonBlock, (const char *ip, int port))
{
    CONNECT(redisConnectNonBlock, tcp(ip, port), (ip, port));
}

OI_HOOK(redisContext *, redisConnectBindNonBlock, (const char *ip, int port, const char *source_addr))
{
    CONNECT(redisConnectBindNonBlock, tcp(ip, port), (ip, port, source_addr));
}

OI_HOOK(redisContext *, redisConnectBindNonBlockWithReuse, (const char *ip, int port, const char *source_addr))
{
    CONNECT(redisConnectBindNonBlockWithReuse, tcp(ip, port), (ip, port, source_addr));
}

OI_HOOK(redisContext *, redisConnectUnix, (const char *path))
{
    CONNECT(redisConnectUnix, local(path), (path));
}

OI_HOOK(redisContext *, redisConnectUnixWithTimeout, (const char *path, const struct timeval tv))
{
    CONNECT(redisConnectUnixWithTimeout, local(path), (path, tv));
}

OI_HOOK(redisContext *, redisConnectUnixNonBlock, (const char *path))
{
    CONNECT(redisConnectUnixNonBlock, local(path), (path));
}

OI_HOOK(redisContext *, redisConnectFd, (int fd))
{
    CONNECT(redisConnectFd, unknown(), (fd));
}

/* redisOptions by the layout of the program's copy. */
static struct oi_db_connection from_options(const struct oi_provider *provider, const void *options)
{
    const struct oi_hiredis_layout *layout = oi_hiredis_layout(provider);
    int type = layout->options_host ? oi_hiredis_int(options, 0) : -1;
    if (type == REDIS_CONN_TCP)
        return tcp(oi_hiredis_pointer(options, layout->options_host), oi_hiredis_int(options, layout->options_port));
    if (type == REDIS_CONN_UNIX)
        return local(oi_hiredis_pointer(options, layout->options_path));
    return unknown();
}

OI_HOOK(redisContext *, redisConnectWithOptions, (const redisOptions *options))
{
    CONNECT(redisConnectWithOptions, from_options(attempt.call.provider, options), (options));
}

OI_HOOK(redisAsyncContext *, redisAsyncConnect, (const char *ip, int port))
{
    ASYNC_CONNECT(redisAsyncConnect, tcp(ip, port), (ip, port));
}

OI_HOOK(redisAsyncContext *, redisAsyncConnectBind, (const char *ip, int port, const char *source_addr))
{
    ASYNC_CONNECT(redisAsyncConnectBind, tcp(ip, port), (ip, port, source_addr));
}

OI_HOOK(redisAsyncContext *, redisAsyncConnectBindWithReuse, (const char *ip, int port, const char *source_addr))
{
    ASYNC_CONNECT(redisAsyncConnectBindWithReuse, tcp(ip, port), (ip, port, source_addr));
}

OI_HOOK(redisAsyncContext *, redisAsyncConnectUnix, (const char *path))
{
    ASYNC_CONNECT(redisAsyncConnectUnix, local(path), (path));
}

OI_HOOK(redisAsyncContext *, redisAsyncConnectWithOptions, (const redisOptions *options))
{
    ASYNC_CONNECT(redisAsyncConnectWithOptions, from_options(attempt.call.provider, options), (options));
}

OI_HOOK(int, redisReconnect, (redisContext * context))
{
    struct oi_hiredis_connection *connection = oi_hiredis_find(context);
    struct attempt attempt;
    bool watched = attempt_begin(&attempt, connection ? connection->provider : NULL, OI_CALLER);
    if (!attempt.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(attempt.call, redisReconnect)(context);
    attempt.where = unknown();
    int result = OI_REAL(attempt.call, redisReconnect)(context);
    oi_call_resume(&attempt.call);
    if (connection) {
        oi_hiredis_reopened(connection);
        attempt_result(&attempt, context, connection, false);
    }
    oi_call_leave(&attempt.call);
    return result;
}

/* --- the end --- */

/* Enters, reports what is left over, and forgets the context. */
static struct oi_call closing(const redisContext *context, const void *caller)
{
    struct oi_hiredis_call exchange;
    if (!context || !oi_hiredis_enter(&exchange, context, caller))
        return context ? exchange.call : oi_call_enter(&oi_library_hiredis, caller);
    oi_hiredis_closing(exchange.connection, context);
    oi_call_leave(&exchange.call);
    return exchange.call;
}

OI_HOOK(void, redisFree, (redisContext * context))
{
    const struct oi_provider *asynchronous = oi_hiredis_async_closing(context);
    if (asynchronous) {
        OI_REAL_OF(asynchronous, redisFree)(context);
        return;
    }
    struct oi_call call = closing(context, OI_CALLER);
    if (call.provider)
        OI_REAL(call, redisFree)(context);
}

OI_HOOK(int, redisFreeKeepFd, (redisContext * context))
{
    struct oi_call call = closing(context, OI_CALLER);
    return call.provider ? OI_REAL(call, redisFreeKeepFd)(context) : -1;
}
