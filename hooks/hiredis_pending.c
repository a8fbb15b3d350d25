#include "hooks/hiredis_pending.h"

#include "agent/count.h"
#include "agent/pool.h"
#include "hooks/hook.h"

enum {
    SLOTS = 2048, /* commands without a reply, of all contexts; touched as they are used */
    KEPT = 256,   /* of one context that keeps its slots */
    /* redisContext.flags, in every version */
    SUBSCRIBED = 0x20,
    MONITORING = 0x40,
};

static struct oi_pool slots;
static enum { UNMADE, MAKING, MADE } state;

void oi_hiredis_pending_init(void)
{
    __typeof__(state) unmade = UNMADE;
    if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == MADE ||
        !__atomic_compare_exchange_n(&state, &unmade, MAKING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    size_t size = (sizeof(struct oi_hiredis_pending) + 15) & ~(size_t)15;
    __atomic_store_n(&state, oi_pool_init(&slots, size, SLOTS) ? MADE : UNMADE, __ATOMIC_RELEASE);
}

/* --- slots -------------------------------------------------------------------------------------------------------- */

static void link_to(struct oi_hiredis_pending *pending, struct oi_hiredis_connection *connection)
{
    pending->connection = connection;
    pending->previous = NULL;
    pending->next = connection->pending;
    if (pending->next)
        pending->next->previous = pending;
    connection->pending = pending;
    connection->pending_count++;
}

static void give_back(struct oi_hiredis_pending *pending)
{
    struct oi_hiredis_connection *connection = pending->connection;
    if (pending->previous)
        pending->previous->next = pending->next;
    else
        connection->pending = pending->next;
    if (pending->next)
        pending->next->previous = pending->previous;
    connection->pending_count--;
    pending->open = false;
    pending->use++;
    oi_pool_give(&slots, pending);
}

static struct oi_hiredis_pending *take(struct oi_hiredis_connection *connection)
{
    bool room = !connection->keeps || connection->pending_count < KEPT;
    struct oi_hiredis_pending *pending =
        room && __atomic_load_n(&state, __ATOMIC_ACQUIRE) == MADE ? oi_pool_take(&slots) : NULL;
    if (pending) {
        link_to(pending, connection);
    } else if (oi_agent.recording) {
        oi_count_made();
        oi_count_dropped(OI_DROP_MEMORY, 1);
    }
    return pending;
}

/* --- which command it is ------------------------------------------------------------------------------------------ */

static bool is(struct oi_text name, const char *upper, size_t len)
{
    if (name.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((name.at[i] & ~0x20) != upper[i])
            return false;
    return true;
}

/* As hiredis sorts them. */
static enum oi_hiredis_kind kind_of(const struct oi_hiredis_commands *commands)
{
    struct oi_text name = commands->argument_count > 0 ? commands->arguments[0] : OI_TEXT("");
    if (is(name, "MONITOR", 7))
        return OI_HIREDIS_MONITOR;
    if (name.len > 0 && (name.at[0] & ~0x20) == 'P')
        name = oi_text_of(name.at + 1, name.len - 1);
    if (is(name, "SUBSCRIBE", 9) && commands->commands[0].total > 1)
        return OI_HIREDIS_SUBSCRIBE;
    return is(name, "UNSUBSCRIBE", 11) ? OI_HIREDIS_UNSUBSCRIBE : OI_HIREDIS_ONE_REPLY;
}

static enum oi_hiredis_kind read_given(struct oi_hiredis_given *given, struct oi_hiredis_batch *batch)
{
    oi_hiredis_single_clear(batch);
    if (given->format)
        oi_hiredis_add_format(&batch->commands, false, given->format, given->values);
    else if (given->argv)
        oi_hiredis_add_argv(&batch->commands, false, given->argc, given->argv, given->argv_len);
    else
        oi_hiredis_add_bytes(&batch->commands, given->bytes);
    return kind_of(&batch->commands);
}

/* A kept slot of the same kind, function and value serves again: whichever of its uses is called, it is the same call
 * for the program. */
static struct oi_hiredis_pending *kept(struct oi_hiredis_connection *connection, struct oi_hiredis_given *given,
                                       redisCallbackFn *function, const void *data)
{
    struct oi_hiredis_pending *pending = connection->keeps ? connection->pending : NULL;
    for (; pending; pending = pending->next)
        if (!pending->open && pending->function == function && pending->data == data &&
            read_given(given, &pending->batch) == pending->kind)
            return pending;
    return NULL;
}

/* --- a command's life --------------------------------------------------------------------------------------------- */

struct oi_hiredis_pending *oi_hiredis_pending_begin(struct oi_hiredis_connection *connection,
                                                    struct oi_hiredis_given *given, redisCallbackFn *function,
                                                    void *data)
{
    struct oi_hiredis_pending *pending = kept(connection, given, function, data);
    if (!pending) {
        pending = take(connection);
        if (!pending)
            return NULL;
        pending->kind = (uint8_t)read_given(given, &pending->batch);
    }
    if (pending->kind == OI_HIREDIS_SUBSCRIBE || pending->kind == OI_HIREDIS_MONITOR)
        connection->keeps = true;
    pending->function = function;
    pending->data = data;
    pending->current = oi_context_keep();
    pending->open = true;
    oi_hiredis_single_start(connection, &pending->batch);
    return pending;
}

/* `reply` counts where there is no failure; NULL: none comes. */
static void end(struct oi_hiredis_pending *pending, const void *context, const void *reply)
{
    pending->open = false;
    oi_hiredis_single_answered(pending->connection, &pending->batch, context, reply);
}

static void fail(struct oi_hiredis_pending *pending, const void *context, int error, struct oi_text otherwise)
{
    pending->open = false;
    oi_hiredis_single_failed(pending->connection, &pending->batch, context, error, otherwise);
}

void oi_hiredis_pending_given(struct oi_hiredis_pending *pending, uint32_t use, const void *context, bool accepted,
                              int error)
{
    /* The event loop's function may have run the loop, and the reply have come. */
    if (pending->use != use || !pending->open)
        return;
    if (!accepted)
        fail(pending, context, error, (struct oi_text){NULL, 0});
    else if (pending->kind == OI_HIREDIS_UNSUBSCRIBE)
        end(pending, context, NULL);
    else
        return;
    /* The slot may have served before, and a SUBSCRIBE that ran out of memory is known to hiredis with the channels
     * before that. */
    if (!pending->connection->keeps || pending->kind == OI_HIREDIS_UNSUBSCRIBE)
        give_back(pending);
}

/* An answer to (P)SUBSCRIBE: an array that begins with its name. Messages are arrays too. */
static bool confirms(const struct oi_hiredis_connection *connection, const void *reply)
{
    const struct oi_hiredis_layout *layout = connection->layout;
    int type = oi_hiredis_int(reply, layout->reply_type);
    if (type != REDIS_REPLY_ARRAY && type != OI_HIREDIS_REPLY_PUSH)
        return type == REDIS_REPLY_ERROR;
    struct oi_text what = oi_hiredis_first_word(layout, reply);
    return oi_text_equal(what, OI_TEXT("subscribe")) || oi_text_equal(what, OI_TEXT("psubscribe"));
}

/* Returns whether the call is for the command itself, not for a message. */
static bool replied(struct oi_hiredis_pending *pending, const void *context, const void *reply, int error)
{
    struct oi_hiredis_connection *connection = pending->connection;
    if (!pending->open)
        return false;
    if (!reply) {
        fail(pending, context, error, OI_TEXT("Connection closed before the reply"));
        return true;
    }
    if (pending->kind == OI_HIREDIS_SUBSCRIBE &&
        oi_hiredis_own_replies(connection->layout, connection->provider, context) && !confirms(connection, reply))
        return false;
    end(pending, context, reply);
    return true;
}

static void returned(struct oi_hiredis_pending *pending, uint32_t use, const void *context)
{
    struct oi_hiredis_connection *connection = pending->connection;
    if (pending->use != use)
        return; /* with its context */
    if (oi_hiredis_int(context, connection->layout->flags) & (SUBSCRIBED | MONITORING))
        connection->keeps = true;
    if (!connection->keeps && !pending->open)
        give_back(pending);
}

OI_CALLS_BACK void oi_hiredis_pending_run(redisAsyncContext *context, void *reply, void *data)
{
    int error = errno;
    struct oi_hiredis_pending *pending = data;
    uint32_t use = pending->use;
    struct oi_current before = oi_context_now();
    if (oi_guard_enter()) {
        bool own = replied(pending, context, reply, error);
        oi_context_exchange(own ? pending->current : (struct oi_current){0});
        oi_guard_leave();
    }
    errno = error;
    if (pending->function)
        pending->function(context, reply, pending->data);
    error = errno;
    oi_context_exchange(before);
    if (oi_guard_enter()) {
        returned(pending, use, context);
        oi_guard_leave();
    }
    errno = error;
}

void oi_hiredis_pending_forget(struct oi_hiredis_connection *connection)
{
    while (connection->pending)
        give_back(connection->pending);
}
