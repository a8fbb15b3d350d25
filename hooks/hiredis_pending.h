/* Commands given to an asynchronous context, from the call to their reply. hiredis keeps a function and a value for
 * each, and calls it with the reply: it is given ours, and the command stands for the program's.
 *
 * A command has a slot of a bounded pool. It goes back once the program's function has returned; when that was left by
 * longjmp or an exception, with its context. A context that subscribes or monitors keeps all its slots: hiredis calls
 * such a function for each message, and up to 1.4 also the function of whichever reply it handled last (a MONITOR that
 * is given inside of another command's callback: async.c, redisProcessCallbacks).
 *
 * All functions but one must be called with the guard held; none but oi_hiredis_pending_init allocates, none blocks.
 */
#ifndef OI_HOOKS_HIREDIS_PENDING_H
#define OI_HOOKS_HIREDIS_PENDING_H

#include <hiredis/async.h>

#include "hooks/hiredis_connection.h"

enum oi_hiredis_kind {
    OI_HIREDIS_ONE_REPLY,
    OI_HIREDIS_SUBSCRIBE,   /* called for its confirmations, for each message, and at the end */
    OI_HIREDIS_MONITOR,     /* likewise */
    OI_HIREDIS_UNSUBSCRIBE, /* never called: its confirmations go to those who subscribed */
};

struct oi_hiredis_pending {
    uint32_t pool_link; /* the pool's */
    uint32_t use;       /* counts the slot's uses */
    uint8_t kind;       /* enum oi_hiredis_kind */
    bool open;          /* the span is not over */
    struct oi_hiredis_connection *connection;
    struct oi_hiredis_pending *previous, *next; /* of the connection's */
    redisCallbackFn *function;                  /* the program's, may be NULL */
    void *data;
    struct oi_current current; /* the context of the call: what the thread's current span was */
    struct oi_hiredis_batch batch;
};

/* A command as the program gave it: a format with its values, an argv, or bytes. */
struct oi_hiredis_given {
    const char *format; /* or */
    va_list values;
    const char *const *argv; /* or */
    const size_t *argv_len;
    int argc;
    struct oi_text bytes;
};

/* Makes the pool, once. From a call that connects. */
void oi_hiredis_pending_init(void);

/* Begins a command; its span starts. NULL: there is no slot, it has to go without a span. */
struct oi_hiredis_pending *oi_hiredis_pending_begin(struct oi_hiredis_connection *connection,
                                                    struct oi_hiredis_given *given, redisCallbackFn *function,
                                                    void *data);

/* The library has accepted the command, or has not (`error` is errno). `use` is the slot's when it was begun. */
void oi_hiredis_pending_given(struct oi_hiredis_pending *pending, uint32_t use, const void *context, bool accepted,
                              int error);

/* What hiredis is given in place of the program's function, and calls with the command as `data`: ends the span, and
 * calls that. The context the program's function runs with is that of the command's call; messages, which no command of
 * this moment asked for, have none. If it is left by longjmp or an exception, its context stays until something else
 * sets one; it counts only as long as that span lasts. The guard is not to be held here. */
void oi_hiredis_pending_run(redisAsyncContext *context, void *reply, void *data);

/* The context is about to be freed: no function will be called any more. */
void oi_hiredis_pending_forget(struct oi_hiredis_connection *connection);

#endif
