/* hiredis's synchronous interface: what its hooks share. hooks/hiredis.c connects and closes, hooks/hiredis_command.c
 * sends and receives; what becomes of the calls is in hooks/hiredis_connection.h, what is hooked and what is not in
 * hooks/README.md. */
#ifndef OI_HOOKS_HIREDIS_H
#define OI_HOOKS_HIREDIS_H

#include <hiredis/hiredis.h>

#include "hooks/hiredis_connection.h"
#include "hooks/hook.h"

#if HIREDIS_MAJOR < 1
/* Came with 1.0; the program's copy may be newer than our header. */
typedef struct redisOptions redisOptions;
redisContext *redisConnectWithOptions(const redisOptions *options);
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
    X(redisBufferRead)
OI_LIBRARY_FUNCTIONS(hiredis, OI_HIREDIS_FUNCTIONS);

extern struct oi_library oi_library_hiredis;

/* A call about a context, from before the real call to after it. */
struct oi_hiredis_call {
    struct oi_call call;
    struct oi_hiredis_connection *connection;
    uint64_t ticket; /* of the reply that is waited for */
    bool waits;      /* the context blocks */
};

/* The rest of oi_hiredis_enter. */
bool oi_hiredis_enter_from_outside(struct oi_hiredis_call *call, const redisContext *context, const void *caller);

/* False: the call is not watched. Calls go to the copy of the library that made the context: a tail call's return
 * address lies in some other object, which may use another copy. hiredis calls itself six times for each command, so
 * what comes from inside the first copy, mostly the only one, is let through before anything else is looked at. */
static inline bool oi_hiredis_enter(struct oi_hiredis_call *call, const redisContext *context, const void *caller)
{
    const struct oi_provider *first = atomic_load_explicit(&oi_library_hiredis.providers[0], memory_order_acquire);
    if (first && oi_provider_contains(first, caller)) {
        call->call.provider = first;
        return false;
    }
    return oi_hiredis_enter_from_outside(call, context, caller);
}

#endif
