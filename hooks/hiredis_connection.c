#include "hooks/hiredis_connection.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>

#include "agent/handles.h"
#include "agent/url.h"
#include "hooks/hiredis_error.h"
#include "hooks/redis_error.h"

enum { ERROR_TEXT = 128 }; /* redisContext.errstr, in every version */

static const struct oi_scope scope = {"otel-instrument.hiredis", OI_AREA_DATABASE};
static struct oi_handles connections = OI_HANDLES(struct oi_hiredis_connection);

struct oi_hiredis_connection *oi_hiredis_find(const void *context)
{
    return oi_handles_find(&connections, context);
}

static struct oi_hiredis_batch *current(struct oi_hiredis_connection *connection)
{
    return &connection->batches[connection->turn];
}

static struct oi_hiredis_batch *next(struct oi_hiredis_connection *connection)
{
    return &connection->batches[connection->turn ^ 1];
}

/* --- spans -------------------------------------------------------------------------------------------------------- */

struct oi_db_connection oi_hiredis_describe(struct oi_hiredis_connection *connection, int database)
{
    struct oi_db_connection where = {
        .system = OI_DB_REDIS,
        .transport = connection->transport,
        .port = connection->port,
        .database_index = database,
        .front = &connection->front,
    };
    if (connection->transport != OI_TRANSPORT_UNKNOWN)
        where.host = oi_text_of(connection->host, connection->host_length);
    if (connection->numeric) {
        where.peer_address = where.host;
        where.peer_port = connection->port;
    }
    return where;
}

struct oi_db_error oi_hiredis_error(struct oi_hiredis_connection *connection, const void *context, int error)
{
    const struct oi_hiredis_layout *layout = connection->layout;
    const char *at = (const char *)context + layout->error_text;
    struct oi_text text = oi_text_of(at, strnlen(at, ERROR_TEXT));
    /* Later calls fail for the same reason, whatever errno is by then. */
    if (!connection->dead)
        connection->number = connection->asynchronous ? oi_hiredis_error_number(text, error) : error;
    connection->dead = true;
    return (struct oi_db_error){
        .code = oi_hiredis_error_name(oi_hiredis_int(context, layout->error), connection->number),
        .message = text,
    };
}

void oi_hiredis_connect_span(const struct oi_span *span, const struct oi_db_connection *where,
                             const struct oi_db_error *error)
{
    struct oi_redis_args none = {NULL, 0, 0};
    struct oi_redis_call call = {.commands = &none, .count = 1, .fallback_name = OI_TEXT("connect")};
    oi_db_redis_submit(span, &scope, where, &call, error);
}

static void reset(struct oi_hiredis_batch *batch)
{
    batch->started = batch->borrowed = batch->failed = false;
    batch->answered = 0;
    oi_hiredis_commands_clear(&batch->commands);
}

/* Reports a batch that was sent; `error` NULL: what its replies say. */
static void submit(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch,
                   const struct oi_db_error *error)
{
    if (batch->image != oi_span_image()) {
        reset(batch);
        return;
    }
    struct oi_db_connection where = oi_hiredis_describe(connection, batch->database);
    struct oi_redis_call call = {
        .commands = batch->commands.commands,
        .count = batch->commands.remembered,
        .total = batch->commands.total,
        .fallback_name = OI_TEXT("redis"),
    };
    struct oi_db_error replied = {
        .code = oi_text_of(batch->code, batch->code_length),
        .from_server = true,
        .message = oi_text_of(batch->message, batch->message_length),
    };
    if (!error && batch->failed)
        error = &replied;
    oi_db_redis_submit(&batch->span, &scope, &where, &call, error);
    reset(batch);
}

static void start(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch)
{
    oi_span_start(&batch->span);
    batch->image = oi_span_image();
    batch->database = connection->session.database;
    batch->started = true;
}

/* --- opening and closing ---------------------------------------------------------------------------------------------
 */

static bool is_address(const char *host)
{
    unsigned char address[16];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

struct oi_hiredis_connection *oi_hiredis_opened(const void *context, const struct oi_provider *provider,
                                                const struct oi_db_connection *where)
{
    const struct oi_hiredis_layout *layout = oi_hiredis_layout(provider);
    struct oi_hiredis_connection *connection = layout ? oi_handles_add(&connections, context) : NULL;
    if (!connection)
        return NULL;
    connection->provider = provider;
    connection->layout = layout;
    oi_redis_session_begin(&connection->session);
    connection->transport = where->transport;
    connection->port = where->port;
    struct oi_buffer host = {connection->host, sizeof connection->host - 1, 0, false};
    oi_buffer_put(&host, where->host.at, where->host.len);
    connection->host_length = (uint16_t)host.len;
    connection->numeric = where->transport == OI_TRANSPORT_TCP && is_address(connection->host);
    return connection;
}

void oi_hiredis_reopened(struct oi_hiredis_connection *connection)
{
    reset(&connection->batches[0]);
    reset(&connection->batches[1]);
    oi_redis_session_begin(&connection->session);
    connection->dead = false;
    connection->confirmations = 0;
}

void oi_hiredis_closing(struct oi_hiredis_connection *connection, const void *context)
{
    if (current(connection)->started && !current(connection)->borrowed)
        submit(connection, current(connection), NULL);
    if (next(connection)->started)
        submit(connection, next(connection), NULL);
    oi_hiredis_forget(context);
}

void oi_hiredis_forget(const void *context)
{
    oi_handles_remove(&connections, context);
}

/* --- sending ---------------------------------------------------------------------------------------------------------
 */

struct oi_hiredis_commands *oi_hiredis_collect(struct oi_hiredis_connection *connection, bool direct, bool *borrow)
{
    struct oi_hiredis_batch *batch = current(connection);
    /* A call that was left by longjmp, an exception or cancellation: its texts are gone. */
    if (batch->borrowed)
        reset(batch);
    if (batch->started)
        batch = next(connection);
    *borrow = direct && batch == current(connection) && batch->commands.total == 0;
    batch->borrowed = *borrow;
    return &batch->commands;
}

static uint64_t ticket_of(const struct oi_hiredis_batch *batch)
{
    uint64_t ticket;
    memcpy(&ticket, batch->span.span_id, sizeof ticket);
    return ticket;
}

uint64_t oi_hiredis_sent(struct oi_hiredis_connection *connection)
{
    struct oi_hiredis_batch *batch = current(connection);
    if (batch->borrowed && batch->started)
        reset(batch); /* as above */
    return batch->started ? ticket_of(batch) : 0;
}

uint64_t oi_hiredis_sending(struct oi_hiredis_connection *connection)
{
    struct oi_hiredis_batch *batch = current(connection);
    uint64_t ticket = oi_hiredis_sent(connection);
    if (batch->commands.total == 0)
        return 0;
    if (ticket == 0)
        start(connection, batch);
    else if (next(connection)->commands.total > 0 && !next(connection)->started)
        start(connection, next(connection));
    return ticket_of(batch);
}

/* --- replies ------------------------------------------------------------------------------------------------------ */

/* REDIS_REPLY_…; -1: not known. */
static int reply_type(const struct oi_hiredis_connection *connection, const void *context, const void *reply)
{
    if (!reply || !oi_hiredis_own_replies(connection->layout, connection->provider, context))
        return -1;
    return oi_hiredis_int(reply, connection->layout->reply_type);
}

static void note_error(struct oi_hiredis_batch *batch, struct oi_text text)
{
    struct oi_buffer code = {batch->code, sizeof batch->code, 0, false};
    struct oi_buffer message = {batch->message, sizeof batch->message, 0, false};
    batch->failed = true;
    oi_redis_error_reply(text, &code, &message);
    batch->code_length = (uint8_t)code.len;
    batch->message_length = (uint8_t)message.len;
}

/* What kind of a reply that is, given its type and text. */
static enum oi_redis_answer answer_of(int type, struct oi_text text)
{
    if (type == REDIS_REPLY_STATUS)
        return oi_text_equal(text, OI_TEXT("QUEUED")) ? OI_ANSWER_QUEUED : OI_ANSWER_DONE;
    return type == -1 ? OI_ANSWER_UNSEEN : type == REDIS_REPLY_ARRAY ? OI_ANSWER_MANY : OI_ANSWER_OTHER;
}

/* A command of a transaction that failed when it was carried out: EXEC says so inside of its reply. */
static void note_error_within(const struct oi_hiredis_layout *layout, struct oi_hiredis_batch *batch, const void *reply)
{
    enum { MOST = 4096 };
    size_t count = oi_hiredis_size(reply, layout->reply_count);
    for (size_t i = 0; i < count && i < MOST && !batch->failed; i++) {
        const void *element = oi_hiredis_reply_element(layout, reply, i);
        if (element && oi_hiredis_int(element, layout->reply_type) == REDIS_REPLY_ERROR)
            note_error(batch, oi_hiredis_reply_text(layout, element));
    }
}

/* `type` and `text` are those of `reply`, the one to the command at this place of the batch. */
static void note_effects(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch, const void *reply,
                         int type, struct oi_text text)
{
    for (size_t i = 0; i < batch->commands.effect_count; i++) {
        const struct oi_hiredis_effect *effect = &batch->commands.effects[i];
        if (effect->position != batch->answered)
            continue;
        oi_redis_session_answered(&connection->session, (enum oi_redis_effect)effect->kind, effect->database,
                                  answer_of(type, text));
        if (effect->kind == OI_EFFECT_EXEC && type == REDIS_REPLY_ARRAY)
            note_error_within(connection->layout, batch, reply);
    }
}

/* SUBSCRIBE and its like are answered by messages that begin with their name, one for each channel. */
static bool confirms(const struct oi_hiredis_layout *layout, const struct oi_redis_args *command, const void *reply)
{
    struct oi_text word = oi_hiredis_first_word(layout, reply), end = OI_TEXT("subscribe");
    return word.len >= end.len && oi_text_equal(oi_text_of(word.at + word.len - end.len, end.len), end) && command &&
           command->count > 0 && oi_text_equal_nocase(command->at[0], word);
}

/* Whether the reply is none to a command: the further confirmations of a SUBSCRIBE, and what RESP3 may tell at any
 * place: pushed messages, and what is said of the reply that follows. (hiredis hands out the first where the program
 * has taken its function for them away, the other one always.) */
static bool answers_nothing(struct oi_hiredis_connection *connection, const struct oi_hiredis_batch *batch,
                            const void *context, const void *reply)
{
    const struct oi_redis_args *command = batch->started && batch->answered < batch->commands.remembered
                                              ? &batch->commands.commands[batch->answered]
                                              : NULL;
    int type = reply_type(connection, context, reply);
    bool many = type == REDIS_REPLY_ARRAY || type == OI_HIREDIS_REPLY_PUSH;
    if (connection->confirmations > 0 && (many || type == -1)) {
        connection->confirmations--;
        return true;
    }
    if (many && confirms(connection->layout, command, reply)) {
        size_t channels = (command->total > command->count ? command->total : command->count) - 1;
        connection->confirmations = channels > 1 ? (uint32_t)channels - 1 : 0;
        return false;
    }
    return type == OI_HIREDIS_REPLY_PUSH || type == OI_HIREDIS_REPLY_ATTRIBUTE;
}

/* What the next reply of a batch says. */
static void note_reply(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch, const void *context,
                       const void *reply)
{
    int type = reply_type(connection, context, reply);
    bool has_text = type == REDIS_REPLY_ERROR || type == REDIS_REPLY_STATUS;
    struct oi_text text = has_text ? oi_hiredis_reply_text(connection->layout, reply) : (struct oi_text){NULL, 0};
    if (type == REDIS_REPLY_ERROR && !batch->failed)
        note_error(batch, text);
    if (batch->commands.effect_count > 0)
        note_effects(connection, batch, reply, type, text);
}

void oi_hiredis_answered(struct oi_hiredis_connection *connection, const void *context, uint64_t ticket,
                         const void *reply)
{
    struct oi_hiredis_batch *batch = current(connection);
    bool nothing = answers_nothing(connection, batch, context, reply);
    /* A callback of the library's may have used the connection for something else. */
    if (ticket == 0 || !batch->started || ticket_of(batch) != ticket)
        return;
    if (nothing) {
        /* The call returns, and the answer is still to come. */
        if (batch->borrowed)
            oi_hiredis_commands_keep(&batch->commands);
        batch->borrowed = false;
        return;
    }
    note_reply(connection, batch, context, reply);
    if (++batch->answered < batch->commands.total)
        return;
    if (batch->commands.effects_lost)
        connection->session.database = -1;
    submit(connection, batch, NULL);
    if (next(connection)->commands.total > 0)
        connection->turn ^= 1;
}

void oi_hiredis_failed(struct oi_hiredis_connection *connection, const void *context, uint64_t ticket, int error)
{
    struct oi_hiredis_batch *batch = current(connection);
    if (ticket == 0 || !batch->started || ticket_of(batch) != ticket)
        return;
    struct oi_db_error failure = oi_hiredis_error(connection, context, error);
    submit(connection, batch, &failure);
    if (next(connection)->started)
        submit(connection, next(connection), &failure);
    else
        reset(next(connection));
}

/* --- one command, its reply in a callback ----------------------------------------------------------------------------
 */

void oi_hiredis_single_clear(struct oi_hiredis_batch *batch)
{
    reset(batch);
}

void oi_hiredis_single_start(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch)
{
    start(connection, batch);
}

/* Replies come in the order of the commands, so what earlier ones selected is known now, and was not when this one was
 * given to the library. */
void oi_hiredis_single_answered(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch,
                                const void *context, const void *reply)
{
    batch->database = connection->session.database;
    if (reply)
        note_reply(connection, batch, context, reply);
    submit(connection, batch, NULL);
}

void oi_hiredis_single_failed(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch,
                              const void *context, int error, struct oi_text otherwise)
{
    struct oi_db_error failure = {.code = OI_TEXT("_OTHER"), .message = otherwise};
    if (oi_hiredis_int(context, connection->layout->error) != 0)
        failure = oi_hiredis_error(connection, context, error);
    batch->database = connection->session.database;
    submit(connection, batch, &failure);
}
