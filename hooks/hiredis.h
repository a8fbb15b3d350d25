/* hiredis: what its hooks share. hooks/hiredis.c connects and closes, hooks/hiredis_command.c sends and receives,
 * hooks/hiredis_async.c is the asynchronous interface; what becomes of the calls is in hooks/hiredis_connection.h, what
 * is hooked and what is not in hooks/README.md. */
#ifndef OI_HOOKS_HIREDIS_H
#define OI_HOOKS_HIREDIS_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "hooks/hiredis_connection.h"
#include "hooks/hook.h"

#if HIREDIS_MAJOR < 1
/* Came with 1.0; the program's copy may be newer than our header. */
typedef struct redisOptions redisOptions;
redisContext *redisConnectWithOptions(const redisOptions *options);
redisAsyncContext *redisAsyncConnectWithOptions(const redisOptions *options);
void redisAsyncHandleTimeout(redisAsyncContext *context);
#endif

#define OI_HIREDIS_FUNCTIONS(X)                                                                                        \
    X(redisConnect)                                                                                                    \
    X(redisConnectWithTimeout)                                                                                         \
    X(redisConnectNonBlock)                                                                                            \
    X(redisConnectBindNonBlock)                                                                                        \
    X(redisConnectBindNonBlockWithReuse)                                                                               \
    X(redisConnectUnix)                                                                                                \
    X(redisConnectUnixWithTimeout)                                                                                     \
    X(redisConnectUnixNonBlock)                                                                                        \
    X(redisConnectWithOptions)                                                                                         \
    X(redisConnectFd)                                                                                                  \
    X(redisReconnect)                                                                                                  \
    X(redisFree)                                                                                                       \
    X(redisFreeKeepFd)                                                                                                 \
    X(redisvCommand)                                                                                                   \
    X(redisCommandArgv)                                                                                                \
    X(redisvAppendCommand)                                                                                             \
    X(redisAppendCommandArgv)                                                                                          \
    X(redisAppendFormattedCommand)                                                                                     \
    X(redisGetReply)                                                                                                   \
    X(redisGetReplyFromReader)                                                                                         \
    X(redisBufferWrite)                                                                                                \
    X(redisBufferRead)                                                                                                 \
    X(redisAsyncConnect)                                                                                               \
    X(redisAsyncConnectBind)                                                                                           \
    X(redisAsyncConnectBindWithReuse)                                                                                  \
    X(redisAsyncConnectUnix)                                                                                           \
    X(redisAsyncConnectWithOptions)                                                                                    \
    X(redisvAsyncCommand)                                                                                              \
    X(redisAsyncCommandArgv)                                                                                           \
    X(redisAsyncFormattedCommand)                                                                                      \
    X(redisAsyncHandleRead)                                                                                            \
    X(redisAsyncHandleWrite)                                                                                           \
    X(redisAsyncHandleTimeout)
OI_LIBRARY_FUNCTIONS(hiredis, OI_HIREDIS_FUNCTIONS);

extern struct oi_library oi_library_hiredis;

/* A call about a context, from before the real call to after it. */
struct oi_hiredis_call {
    struct oi_call call;
    struct oi_hiredis_connection *connection;
    uint64_t ticket; /* of the reply that is waited for */
    bool waits;      /* the context blocks */
};

/* False: the call is not watched. Calls go to the copy of the library that made the context: a tail call's return
 * address lies in some other object, which may use another copy. */
bool oi_hiredis_enter(struct oi_hiredis_call *call, const redisContext *context, const void *caller);

/* A new asynchronous context, known already: `span` began with the call that made it. */
void oi_hiredis_async_opened(struct oi_hiredis_connection *connection, const struct oi_span *span);

/* A context is about to be freed, by whomever: hiredis itself frees asynchronous ones, at many places. If it is such a
 * one, it is forgotten, and the copy of the library that made it returned. */
const struct oi_provider *oi_hiredis_async_closing(const void *context);

/* The first line of a hook that hiredis itself calls, six times for each command: lets what comes from inside the first
 * copy, mostly the only one, through by a jump, before anything else is looked at. */
#define OI_HIREDIS_INSIDE(function, arguments)                                                                         \
    const struct oi_provider *inside = atomic_load_explicit(&oi_library_hiredis.providers[0], memory_order_acquire);   \
    if (inside && oi_provider_contains(inside, OI_CALLER))                                                             \
    return OI_REAL_OF(inside, function) arguments

#endif
