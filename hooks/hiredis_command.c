#include <stdarg.h>

#include "hooks/hiredis.h"

/* Before the real call of one that sends and waits, once its command was collected. */
static void command_begin(struct oi_hiredis_call *exchange)
{
    exchange->ticket = exchange->waits ? oi_hiredis_sending(exchange->connection) : 0;
    oi_call_pause(&exchange->call);
}

/* After a call that only appended, or could not even do that. */
static void appended(struct oi_hiredis_call *exchange, const redisContext *context, bool failed)
{
    if (failed)
        oi_hiredis_failed(exchange->connection, context, oi_hiredis_sending(exchange->connection),
                          exchange->call.error);
}

static void command_end(struct oi_hiredis_call *exchange, const redisContext *context, const void *reply)
{
    oi_call_resume(&exchange->call);
    if (!exchange->waits)
        appended(exchange, context, oi_hiredis_int(context, exchange->connection->layout->error) != 0);
    else if (reply)
        oi_hiredis_answered(exchange->connection, context, exchange->ticket, reply);
    else
        oi_hiredis_failed(exchange->connection, context, exchange->ticket, exchange->call.error);
    oi_call_leave(&exchange->call);
}

static void append_end(struct oi_hiredis_call *exchange, const redisContext *context, int result)
{
    oi_call_resume(&exchange->call);
    appended(exchange, context, result != REDIS_OK);
    oi_call_leave(&exchange->call);
}

static void *command(redisContext *context, const char *format, va_list values, const void *caller)
{
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, caller), borrow;
    if (!exchange.call.provider)
        return NULL;
    if (!watched)
        return OI_REAL(exchange.call, redisvCommand)(context, format, values);
    struct oi_hiredis_commands *commands = oi_hiredis_collect(exchange.connection, exchange.waits, &borrow);
    oi_hiredis_add_format(commands, borrow, format, values);
    command_begin(&exchange);
    void *reply = OI_REAL(exchange.call, redisvCommand)(context, format, values);
    command_end(&exchange, context, reply);
    return reply;
}

OI_HOOK(void *, redisvCommand, (redisContext * context, const char *format, va_list values))
{
    OI_HIREDIS_INSIDE(redisvCommand, (context, format, values));
    return command(context, format, values, OI_CALLER);
}

OI_HOOK(void *, redisCommand, (redisContext * context, const char *format, ...))
{
    va_list values;
    va_start(values, format);
    void *reply = command(context, format, values, OI_CALLER);
    va_end(values);
    return reply;
}

OI_HOOK(void *, redisCommandArgv, (redisContext * context, int argc, const char **argv, const size_t *argv_len))
{
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER), borrow;
    if (!exchange.call.provider)
        return NULL;
    if (!watched)
        return OI_REAL(exchange.call, redisCommandArgv)(context, argc, argv, argv_len);
    struct oi_hiredis_commands *commands = oi_hiredis_collect(exchange.connection, exchange.waits, &borrow);
    oi_hiredis_add_argv(commands, borrow, argc, argv, argv_len);
    command_begin(&exchange);
    void *reply = OI_REAL(exchange.call, redisCommandArgv)(context, argc, argv, argv_len);
    command_end(&exchange, context, reply);
    return reply;
}

static int append(redisContext *context, const char *format, va_list values, const void *caller)
{
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, caller), borrow;
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisvAppendCommand)(context, format, values);
    oi_hiredis_add_format(oi_hiredis_collect(exchange.connection, false, &borrow), false, format, values);
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisvAppendCommand)(context, format, values);
    append_end(&exchange, context, result);
    return result;
}

OI_HOOK(int, redisvAppendCommand, (redisContext * context, const char *format, va_list values))
{
    OI_HIREDIS_INSIDE(redisvAppendCommand, (context, format, values));
    return append(context, format, values, OI_CALLER);
}

OI_HOOK(int, redisAppendCommand, (redisContext * context, const char *format, ...))
{
    va_list values;
    va_start(values, format);
    int result = append(context, format, values, OI_CALLER);
    va_end(values);
    return result;
}

OI_HOOK(int, redisAppendCommandArgv, (redisContext * context, int argc, const char **argv, const size_t *argv_len))
{
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER), borrow;
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisAppendCommandArgv)(context, argc, argv, argv_len);
    oi_hiredis_add_argv(oi_hiredis_collect(exchange.connection, false, &borrow), false, argc, argv, argv_len);
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisAppendCommandArgv)(context, argc, argv, argv_len);
    append_end(&exchange, context, result);
    return result;
}

OI_HOOK(int, redisAppendFormattedCommand, (redisContext * context, const char *bytes, size_t len))
{
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER), borrow;
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisAppendFormattedCommand)(context, bytes, len);
    oi_hiredis_add_bytes(oi_hiredis_collect(exchange.connection, false, &borrow), oi_text_of(bytes, len));
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisAppendFormattedCommand)(context, bytes, len);
    append_end(&exchange, context, result);
    return result;
}

/* After a call that moves bytes or hands out replies. `counts`: success means a reply even where the program does not
 * look at it. */
static void reply_end(struct oi_hiredis_call *exchange, const redisContext *context, int result, void *const *reply,
                      bool counts)
{
    oi_call_resume(&exchange->call);
    if (result != REDIS_OK)
        oi_hiredis_failed(exchange->connection, context, exchange->ticket, exchange->call.error);
    else if (reply ? *reply != NULL : counts)
        oi_hiredis_answered(exchange->connection, context, exchange->ticket, reply ? *reply : NULL);
    oi_call_leave(&exchange->call);
}

OI_HOOK(int, redisGetReply, (redisContext * context, void **reply))
{
    OI_HIREDIS_INSIDE(redisGetReply, (context, reply));
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER);
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisGetReply)(context, reply);
    exchange.ticket = exchange.waits ? oi_hiredis_sending(exchange.connection) : oi_hiredis_sent(exchange.connection);
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisGetReply)(context, reply);
    reply_end(&exchange, context, result, reply, exchange.waits);
    return result;
}

OI_HOOK(int, redisGetReplyFromReader, (redisContext * context, void **reply))
{
    OI_HIREDIS_INSIDE(redisGetReplyFromReader, (context, reply));
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER);
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisGetReplyFromReader)(context, reply);
    exchange.ticket = oi_hiredis_sent(exchange.connection);
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisGetReplyFromReader)(context, reply);
    reply_end(&exchange, context, result, reply, false);
    return result;
}

/* --- sending and receiving by hand --- */

OI_HOOK(int, redisBufferWrite, (redisContext * context, int *done))
{
    OI_HIREDIS_INSIDE(redisBufferWrite, (context, done));
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER);
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisBufferWrite)(context, done);
    exchange.ticket = oi_hiredis_sending(exchange.connection);
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisBufferWrite)(context, done);
    reply_end(&exchange, context, result, NULL, false);
    return result;
}

OI_HOOK(int, redisBufferRead, (redisContext * context))
{
    OI_HIREDIS_INSIDE(redisBufferRead, (context));
    struct oi_hiredis_call exchange;
    bool watched = oi_hiredis_enter(&exchange, context, OI_CALLER);
    if (!exchange.call.provider)
        return REDIS_ERR;
    if (!watched)
        return OI_REAL(exchange.call, redisBufferRead)(context);
    exchange.ticket = oi_hiredis_sent(exchange.connection);
    oi_call_pause(&exchange.call);
    int result = OI_REAL(exchange.call, redisBufferRead)(context);
    reply_end(&exchange, context, result, NULL, false);
    return result;
}
