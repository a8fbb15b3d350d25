/* One connection as the program drives it through hiredis: which commands went out together, which of their replies
 * came, which database is selected; and the spans that come of it.
 *
 * Commands that are appended before a reply is waited for go out together: they are one batch and one span, from the
 * call that sends them to the last of their replies. What is appended while replies of a batch are outstanding belongs
 * to the next one. A redisCommand on an idle connection is a batch of one.
 *
 * All functions must be called with the guard held; none allocates or blocks.
 */
#ifndef OI_HOOKS_HIREDIS_CONNECTION_H
#define OI_HOOKS_HIREDIS_CONNECTION_H

#include "agent/db_span.h"
#include "hooks/hiredis_arguments.h"
#include "hooks/hiredis_layout.h"

struct oi_hiredis_batch {
    struct oi_span span; /* once started */
    bool started;
    bool borrowed; /* texts of `commands` are the caller's, until its call returns */
    bool failed;   /* an error reply came: code and message are its */
    uint8_t code_length;
    uint8_t message_length;
    int database;   /* selected when it was started */
    uint32_t image; /* the process it was started in: no other one reports it */
    uint32_t answered;
    char code[32];
    char message[200];
    struct oi_hiredis_commands commands;
};

struct oi_hiredis_pending;

struct oi_hiredis_connection {
    const struct oi_provider *provider;
    const struct oi_hiredis_layout *layout;
    enum oi_transport transport;
    uint16_t port;
    bool numeric; /* the host is an address */
    bool dead;    /* an error was seen; hiredis keeps it until the context is made anew */
    int number;   /* what errno was then */
    struct oi_redis_session session;
    uint32_t confirmations; /* still to come, of a SUBSCRIBE that has been answered */
    char host[256];         /* or path; cut if longer */
    uint16_t host_length;
    uint8_t turn; /* which batch replies belong to; the other one collects what is appended meanwhile */
    struct oi_db_connection_front front; /* written as spans are */
    struct oi_hiredis_batch batches[2];
    /* Of the asynchronous interface (hooks/hiredis_pending.h). */
    bool asynchronous;
    bool opening; /* begun without an error, its end not known yet; `attempt` says when */
    bool keeps;   /* has subscribed or monitors: hiredis may call any callback it was given again */
    uint32_t pending_count;
    struct oi_hiredis_pending *pending; /* the first one */
    struct oi_span attempt;
    uint32_t image;         /* the process it was begun in */
    uint64_t event_mono_ns; /* when the loop last called meanwhile; 0: it has not */
};

/* The state of a context the program made, or NULL. */
struct oi_hiredis_connection *oi_hiredis_find(const void *context);

/* Remembers a new context. `where` says the transport, host and port. NULL: unknown version, or no memory. */
struct oi_hiredis_connection *oi_hiredis_opened(const void *context, const struct oi_provider *provider,
                                                const struct oi_db_connection *where);

/* The connection as spans name it; `database` -1: not said. Points into the state. */
struct oi_db_connection oi_hiredis_describe(struct oi_hiredis_connection *connection, int database);

/* The connection was made anew: nothing is outstanding, database 0. */
void oi_hiredis_reopened(struct oi_hiredis_connection *connection);

/* Forgets the context. */
void oi_hiredis_forget(const void *context);

/* The context is about to be freed: what was sent and not fully read is reported as it is. */
void oi_hiredis_closing(struct oi_hiredis_connection *connection, const void *context);

/* What a failed call left in the context (`error` is errno). Points into the context. */
struct oi_db_error oi_hiredis_error(struct oi_hiredis_connection *connection, const void *context, int error);

/* A span for an attempt to connect. `error` NULL: it succeeded. */
void oi_hiredis_connect_span(const struct oi_span *span, const struct oi_db_connection *where,
                             const struct oi_db_error *error);

/* Where to add the commands of a call. `direct`: the call waits for the reply itself; *borrow then says whether the
 * texts may stay the caller's. */
struct oi_hiredis_commands *oi_hiredis_collect(struct oi_hiredis_connection *connection, bool direct, bool *borrow);

/* A command that is a batch of its own, whose reply comes with a callback: before it is given its commands; when it
 * starts; and how it ended. `answered` with a NULL reply: none comes. `failed` where the context holds no error:
 * `otherwise` is said. */
void oi_hiredis_single_clear(struct oi_hiredis_batch *batch);
void oi_hiredis_single_start(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch);
void oi_hiredis_single_answered(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch,
                                const void *context, const void *reply);
void oi_hiredis_single_failed(struct oi_hiredis_connection *connection, struct oi_hiredis_batch *batch,
                              const void *context, int error, struct oi_text otherwise);

/* What is appended goes out: before the call that writes it. Returns a ticket for the reply; 0: none is expected. */
uint64_t oi_hiredis_sending(struct oi_hiredis_connection *connection);

/* The ticket for the next reply to what has been sent; 0: none is expected. */
uint64_t oi_hiredis_sent(struct oi_hiredis_connection *connection);

/* A reply came. `reply` NULL: the program did not want to see it. */
void oi_hiredis_answered(struct oi_hiredis_connection *connection, const void *context, uint64_t ticket,
                         const void *reply);

/* The connection failed (`error` is errno), and with it everything that was sent. */
void oi_hiredis_failed(struct oi_hiredis_connection *connection, const void *context, uint64_t ticket, int error);

#endif
