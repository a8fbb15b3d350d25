/* What is kept of a connection to a MySQL or MariaDB server that speaks over the program's own socket: mysql_client.c,
 * mysql_command.c, mysql_answer.c and mysql_known.c share it; nobody else includes this. */
#ifndef OI_HOOKS_MYSQL_SESSION_H
#define OI_HOOKS_MYSQL_SESSION_H

#include "agent/agent.h"
#include "hooks/connection.h"
#include "hooks/mysql_pieces.h"
#include "hooks/mysql_span.h"
#include "hooks/wire/mysql.h"

enum {
    OI_MYSQL_KNOWN_TEXT = 2048, /* of a prepared statement, as libmariadb's hook remembers */
    OI_MYSQL_BUCKETS = 64,      /* of prepared statements, by their numbers */
    OI_MYSQL_TEXT_ROOM = 16384, /* of a statement that is written in pieces */
};

/* A prepared statement. */
struct oi_mysql_known {
    uint32_t pool_link; /* the pool's */
    uint32_t number;
    uint32_t parameters;
    uint16_t length;
    bool typed; /* `types` are known: of a bulk execution */
    uint8_t types[OI_MYSQL_VALUES];
    struct oi_mysql_known *next;
    struct oi_mysql_pending pending; /* the execution whose cursor is open */
    char text[OI_MYSQL_KNOWN_TEXT];
};

enum oi_mysql_what {
    OI_MYSQL_IS_NOTHING,   /* makes no span */
    OI_MYSQL_IS_STATEMENT, /* a text, or an execution: its record waits in `pending` */
    OI_MYSQL_IS_NAMED,     /* USE, change_user, PING: its record is made with the answer */
    OI_MYSQL_IS_PREPARE,   /* a span only where it fails */
    OI_MYSQL_IS_FETCH,     /* goes on with an execution's */
};

/* A command under way. */
struct oi_mysql_running {
    struct oi_span span;
    struct oi_mysql_pending pending;
    struct oi_text name;              /* NAMED */
    struct oi_mysql_known *statement; /* PREPARE: the one that is made */
    uint32_t number;                  /* of the statement that is executed, or fetched from */
    uint32_t image, forks;            /* process image and number of forks when it was sent */
    uint8_t what;                     /* enum oi_mysql_what */
    bool told;                        /* its text was seen as a whole */
    bool changes;                     /* session->next_schema counts once it has succeeded */
    bool with_prepare;                /* executes what was prepared with it */
};

/* A record that is to be made as soon as the event is dealt with: less of the stack is in use then. */
struct oi_mysql_due {
    const struct oi_span *span;       /* NULL: none */
    struct oi_mysql_pending *pending; /* where it waits; NULL: it is complete */
    struct oi_mysql_known *statement; /* given back then; NULL: none */
    const struct oi_mysql_failure *failure;
    struct oi_sql_call call;
};

struct oi_mysql_session {
    uint32_t pool_link;            /* the pool's */
    bool opened;                   /* the server has let us in */
    bool hides;                    /* both sides have agreed on TLS */
    bool named;                    /* the client has said who it is */
    bool settled;                  /* a statement has been sent that is not one of the library's own */
    bool begun;                    /* the first request of the connection has been sent */
    bool unprepared;               /* the last prepare has failed */
    struct oi_mysql_pieces pieces; /* of `text` */
    struct oi_text send_error;     /* what sending failed with; absent: nothing */
    struct oi_span opening;
    uint32_t image, forks;
    struct oi_mysql_place place;
    struct oi_mysql_text next_user, next_schema;
    struct oi_mysql_event event; /* the last one */
    struct oi_mysql_failure failure;
    struct oi_mysql_due due;
    struct oi_mysql_known *last_prepared; /* may not have a number yet */
    struct oi_mysql_known *statements[OI_MYSQL_BUCKETS];
    struct oi_mysql wire;
    /* Not cleared when a session begins. */
    struct oi_mysql_running running[OI_MYSQL_WAITING];
    char text[OI_MYSQL_TEXT_ROOM];
};

/* The scope of these spans. */
extern const struct oi_scope oi_mysql_scope __attribute__((visibility("hidden")));

/* It began before a fork: the other process may be the one that goes on with it. */
bool oi_mysql_elsewhere(uint32_t image, uint32_t forks);

/* The session's last event is one of a command or of its answer. `beyond`: as in oi_mysql_client_sent. Then
 * oi_mysql_make_due is to be called. */
void oi_mysql_command_event(struct oi_connection *connection, size_t beyond);

/* Ends a command that is not answered, with the session's failure; `fine`: the program has seen enough of the answer.
 * Likewise.
 */
void oi_mysql_command_cut(struct oi_mysql_session *session, struct oi_mysql_running *running, bool fine);

void oi_mysql_make_due(struct oi_mysql_session *session);

/* Nothing is known of it any more. */
void oi_mysql_command_drop(struct oi_mysql_running *running);

/* The session's last event is one of an answer. Likewise. */
void oi_mysql_answer_event(struct oi_mysql_session *session);

/* --- prepared statements (mysql_known.c) -------------------------------------------------------------------------- */

/* A new one, which has no number yet; NULL: there is no room. */
struct oi_mysql_known *oi_mysql_known_take(void);

/* It has its number now; one that had it before is closed. */
void oi_mysql_known_add(struct oi_mysql_session *session, struct oi_mysql_known *statement);

/* By its number; NULL: not known. The one that was prepared last may not have it yet. */
struct oi_mysql_known *oi_mysql_known_of(struct oi_mysql_session *session, uint32_t number);

/* One of them, or all, are closed; `deliver`: what is known of executions whose cursors are open. */
void oi_mysql_known_close(struct oi_mysql_session *session, uint32_t number);
void oi_mysql_known_forget(struct oi_mysql_session *session, bool deliver);
void oi_mysql_known_give(struct oi_mysql_known *statement, bool deliver);

#endif
