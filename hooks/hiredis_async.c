#include <stdarg.h>

#include "agent/futex.h"
#include "hooks/hiredis.h"
#include "hooks/hiredis_pending.h"

/* --- commands ----------------------------------------------------------------------------------------------------- */

struct giving {
    struct oi_hiredis_call exchange;
    struct oi_hiredis_pending *pending;
    uint32_t use;
    redisCallbackFn *function; /* for hiredis: ours, or the program's where we stay out of it */
    void *data;
};

/* True: the rest is to be called for a command. */
static bool enter(struct giving *giving, const redisAsyncContext *context, redisCallbackFn *function, void *data,
                  const void *caller)
{
    giving->function = function;
    giving->data = data;
    giving->pending = NULL;
    if (!oi_hiredis_enter(&giving->exchange, (const redisContext *)(const void *)context, caller))
        return false;
    if (giving->exchange.connection->asynchronous)
        return true;
    oi_call_leave(&giving->exchange.call);
    return false;
}

static void begin(struct giving *giving, struct oi_hiredis_given *given)
{
    struct oi_hiredis_pending *pending =
        oi_hiredis_pending_begin(giving->exchange.connection, given, giving->function, giving->data);
    giving->pending = pending;
    if (pending) {
        giving->use = pending->use;
        giving->function = oi_hiredis_pending_run;
        giving->data = pending;
    }
    oi_call_pause(&giving->exchange.call);
}

static void end(struct giving *giving, const redisAsyncContext *context, int result)
{
    if (!giving->pending)
        return;
    oi_call_resume(&giving->exchange.call);
    oi_hiredis_pending_given(giving->pending, giving->use, context, result == REDIS_OK, giving->exchange.call.error);
    oi_call_leave(&giving->exchange.call);
}

static int command(redisAsyncContext *context, redisCallbackFn *function, void *data, const char *format,
                   va_list values, const void *caller)
{
    struct giving giving;
    bool watched = enter(&giving, context, function, data, caller);
    if (!giving.exchange.call.provider)
        return REDIS_ERR;
    if (watched) {
        struct oi_hiredis_given given = {.format = format};
        va_copy(given.values, values);
        begin(&giving, &given);
        va_end(given.values);
    }
    int result =
        OI_REAL(giving.exchange.call, redisvAsyncCommand)(context, giving.function, giving.data, format, values);
    end(&giving, context, result);
    return result;
}

OI_HOOK(int, redisvAsyncCommand,
        (redisAsyncContext * context, redisCallbackFn *function, void *data, const char *format, va_list values))
{
    return command(context, function, data, format, values, OI_CALLER);
}

OI_HOOK(int, redisAsyncCommand,
        (redisAsyncContext * context, redisCallbackFn *function, void *data, const char *format, ...))
{
    va_list values;
    va_start(values, format);
    int result = command(context, function, data, format, values, OI_CALLER);
    va_end(values);
    return result;
}

OI_HOOK(int, redisAsyncCommandArgv,
        (redisAsyncContext * context, redisCallbackFn *function, void *data, int argc, const char **argv,
         const size_t *argv_len))
{
    struct giving giving;
    bool watched = enter(&giving, context, function, data, OI_CALLER);
    if (!giving.exchange.call.provider)
        return REDIS_ERR;
    if (watched) {
        struct oi_hiredis_given given = {.argv = argv, .argc = argc, .argv_len = argv_len};
        begin(&giving, &given);
    }
    int result = OI_REAL(giving.exchange.call, redisAsyncCommandArgv)(context, giving.function, giving.data, argc, argv,
                                                                      argv_len);
    end(&giving, context, result);
    return result;
}

OI_HOOK(int, redisAsyncFormattedCommand,
        (redisAsyncContext * context, redisCallbackFn *function, void *data, const char *bytes, size_t len))
{
    struct giving giving;
    bool watched = enter(&giving, context, function, data, OI_CALLER);
    if (!giving.exchange.call.provider)
        return REDIS_ERR;
    if (watched) {
        struct oi_hiredis_given given = {.bytes = oi_text_of(bytes, len)};
        begin(&giving, &given);
    }
    int result =
        OI_REAL(giving.exchange.call, redisAsyncFormattedCommand)(context, giving.function, giving.data, bytes, len);
    end(&giving, context, result);
    return result;
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

void oi_hiredis_async_opened(struct oi_hiredis_connection *connection, const struct oi_span *span)
{
    connection->asynchronous = true;
    connection->opening = !connection->dead;
    connection->attempt = *span;
    connection->image = oi_span_image();
    oi_hiredis_pending_init();
}

/* What became of a connect that went on in the event loop, once that is known: hiredis marks a context as connected, or
 * leaves an error in one that never was. The program's functions have run since it learned of it: the attempt was over
 * when the event came. */
static void report_attempt(struct oi_hiredis_connection *connection, const void *context)
{
    enum { CONNECTED = 0x2 };
    bool connected = (oi_hiredis_int(context, connection->layout->flags) & CONNECTED) != 0;
    if (!connection->opening || (!connected && oi_hiredis_int(context, connection->layout->error) == 0))
        return;
    connection->opening = false;
    if (connection->image != oi_span_image() || (connected && !oi_agent.config.connect_spans))
        return;
    struct oi_db_connection where = oi_hiredis_describe(connection, -1);
    struct oi_db_error error = {0};
    if (!connected)
        error = oi_hiredis_error(connection, context, errno);
    if (connection->event_mono_ns > connection->attempt.start_mono_ns)
        connection->attempt.start_mono_ns += oi_mono_ns() - connection->event_mono_ns;
    oi_hiredis_connect_span(&connection->attempt, &where, connected ? NULL : &error);
}

const struct oi_provider *oi_hiredis_async_closing(const void *context)
{
    struct oi_hiredis_connection *connection = oi_hiredis_find(context);
    if (!connection || !connection->asynchronous)
        return NULL;
    const struct oi_provider *provider = connection->provider;
    int error = errno;
    if (oi_guard_enter()) {
        report_attempt(connection, context);
        oi_hiredis_pending_forget(connection);
        oi_hiredis_forget(context);
        oi_guard_leave();
    }
    errno = error;
    return provider;
}

/* --- the event loop's calls: what the first ones bring is the end of an attempt to connect -------------------------
 */

static struct oi_call event_begin(const redisAsyncContext *context, const void *caller)
{
    struct oi_hiredis_connection *connection = oi_hiredis_find(context);
    if (connection && !connection->opening)
        return (struct oi_call){.provider = connection->provider};
    struct oi_call call = oi_call_enter_with(&oi_library_hiredis, connection ? connection->provider : NULL, caller);
    if (!call.watched)
        return call;
    call.watched = connection != NULL;
    if (call.watched)
        connection->event_mono_ns = oi_mono_ns();
    oi_call_pause(&call);
    return call;
}

/* The context may be gone, and another one have its place: that one is not connected yet. */
static void event_end(struct oi_call *call, const redisAsyncContext *context)
{
    if (!call->watched)
        return;
    oi_call_resume(call);
    struct oi_hiredis_connection *connection = oi_hiredis_find(context);
    if (connection && connection->asynchronous)
        report_attempt(connection, context);
    oi_call_leave(call);
}

#define EVENT(function)                                                                                                \
    struct oi_call call = event_begin(context, OI_CALLER);                                                             \
    if (!call.provider || !OI_REAL(call, function))                                                                    \
        return;                                                                                                        \
    OI_REAL(call, function)(context);                                                                                  \
    event_end(&call, context)

OI_HOOK(void, redisAsyncHandleRead, (redisAsyncContext * context))
{
    EVENT(redisAsyncHandleRead);
}

OI_HOOK(void, redisAsyncHandleWrite, (redisAsyncContext * context))
{
    EVENT(redisAsyncHandleWrite);
}

OI_HOOK(void, redisAsyncHandleTimeout, (redisAsyncContext * context))
{
    EVENT(redisAsyncHandleTimeout);
}
