/* The Redis commands that the program itself sends over a connection it has opened, and their replies: a CLIENT span
 * each, as hiredis's hooks give them for the same commands.
 *
 * A span begins with the write of its command and ends when its reply was read as a whole, or with the connection.
 * Commands that go out together have a span each, too. Semantic conventions: database/redis.md.
 *
 * All functions but oi_redis_client_init and _wanted are called with the connection held and the guard taken;
 * async-signal-safe.
 */
#ifndef OI_HOOKS_REDIS_CLIENT_H
#define OI_HOOKS_REDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/redis_request.h"
#include "hooks/redis_session.h"
#include "hooks/wire/resp.h"

struct oi_connection;

/* What is kept of a reply: what it says of itself, and never what it holds. */
enum { OI_REDIS_WORD = 16, OI_REDIS_ERROR_TEXT = 240 };
struct oi_redis_failure {
    uint32_t pool_link; /* the pool's */
    uint8_t length;
    char text[OI_REDIS_ERROR_TEXT];
    char code[32], message[200]; /* what is told of it */
};

struct oi_redis_reply {
    uint8_t type;        /* enum oi_resp_type */
    bool null;           /* there is nothing */
    bool failed;         /* an error, or one directly in it */
    bool failing;        /* whose text goes on */
    uint8_t word_length; /* of the first word */
    char word[OI_REDIS_WORD];
    bool zero;                        /* the last integer directly in it is 0 */
    struct oi_redis_failure *failure; /* NULL: none, or no memory for its text */
};

/* A reply that was read before its command was told to have been sent: another thread is still in that call, or has
 * just come back from it. */
struct oi_redis_early {
    uint32_t pool_link; /* the pool's */
    struct oi_redis_early *next;
    struct oi_redis_reply reply;
};

/* Commands that have gone out one directly after the other. */
struct oi_redis_group {
    struct oi_redis_request *first; /* NULL: none */
    uint32_t count;
    bool uncertain; /* there may be more of them than we think */
    uint64_t write; /* which write the last of them was in (its time); 0: not known */
};

enum { OI_REDIS_PLACE = 108 }; /* as sockaddr_un has it */

struct oi_redis_client {
    struct oi_resp commands, replies;
    struct oi_redis_request *first, *last; /* not answered as a whole, oldest first */
    uint32_t waiting;
    uint32_t unkept; /* behind them, commands there was no room for */
    struct oi_redis_group group;
    struct oi_redis_session session;
    struct oi_redis_reply reply;  /* the one that is being read */
    struct oi_redis_early *early; /* oldest first */
    int error;                    /* what sending failed with; 0: nothing */
    bool sending;                 /* the last of them is being sent */
    bool begun;                   /* the command that is being sent has an argument */
    bool set_up;                  /* a command has gone that was not one of those that set a connection up */
    bool subscribed;              /* RESP2: what comes now are messages */
    bool monitors;
    bool over; /* nothing more can be said */
    uint8_t place_length;
    char place[OI_REDIS_PLACE]; /* the server's address, or its socket's path */
};

/* From the constructor: whether there is anything to do here at all. */
void oi_redis_client_init(void);
bool oi_redis_client_wanted(void);

/* The connection speaks Redis's protocol, of which nothing has been read yet. */
void oi_redis_client_begin(struct oi_connection *connection, int fd);

/* The thread has turned to this connection: its current span is that of whose commands wait for their replies; none
 * where nobody's do, or several's. */
void oi_redis_client_turn(const struct oi_redis_client *client);

/* Bytes passed; `at` NULL: nobody saw them. */
void oi_redis_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length);
void oi_redis_client_received(struct oi_connection *connection, const char *at, size_t length);

void oi_redis_client_end_of_input(struct oi_connection *connection);
void oi_redis_client_failed(struct oi_connection *connection, int error, bool sending);

/* The last descriptor is closed. */
void oi_redis_client_end(struct oi_connection *connection);

/* --- the two halves: commands (redis_client.c) and replies (redis_client_reply.c) -----------------------------------
 */

/* A reply begins, or is not looked at any more. */
void oi_redis_reply_clear(struct oi_redis_reply *reply);
void oi_redis_early_clear(struct oi_redis_client *client);

/* A command is complete now: gives it the reply that came early, if one did. */
void oi_redis_client_catch_up(struct oi_connection *connection);

/* Nothing more is said about this connection. */
void oi_redis_client_forget(struct oi_redis_client *client);

/* Reports the command that this reply answers, if it is one to be told. */
void oi_redis_client_report(const struct oi_connection *connection, const struct oi_redis_request *request,
                            struct oi_redis_reply *reply);

/* The oldest command is over. */
void oi_redis_client_unlink(struct oi_redis_client *client);

/* No more commands join those that have gone out. */
void oi_redis_client_close_group(struct oi_redis_client *client);

#endif
