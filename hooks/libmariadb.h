/* MySQL's and MariaDB's client library, which share their names: what the files of this hook share.
 *
 * Nothing here knows the layout of MYSQL, MYSQL_STMT or MYSQL_RES: it differs between the two. Everything is read
 * through the library's own accessors, which only read.
 *
 * A span may have to wait. A statement that returns rows is over for the program when it has read them: with the
 * statement we only know that it was accepted, with mysql_store_result we know how many rows there were, or which error
 * ended them. So its record is held with the handle until the result is read, the handle is used for something else, or
 * the program ends. Nothing is held across a real call: a record is taken out of its handle, completed, and put back or
 * delivered.
 */
#ifndef OI_HOOKS_LIBMARIADB_H
#define OI_HOOKS_LIBMARIADB_H

#include <mysql.h>

#include "agent/handles.h"
#include "hooks/hook.h"
#include "hooks/mysql_span.h"

/* The first line is hooked, the others are read (and exist in both libraries but for those that begin with mariadb_).
 */
/* clang-format off */
#define OI_MYSQL_FUNCTIONS(X)                                                                                          \
    X(mysql_init) X(mysql_real_connect) X(mysql_close) X(mysql_select_db) X(mysql_change_user) X(mariadb_reconnect)    \
    X(mysql_query) X(mysql_real_query) X(mysql_send_query) X(mysql_read_query_result) X(mysql_next_result)             \
    X(mysql_store_result) X(mysql_use_result) X(mysql_free_result)                                                     \
    X(mysql_commit) X(mysql_rollback) X(mysql_autocommit)                                                              \
    X(mysql_stmt_init) X(mysql_stmt_prepare) X(mysql_stmt_execute) X(mariadb_stmt_execute_direct)                      \
    X(mysql_stmt_store_result) X(mysql_stmt_fetch) X(mysql_stmt_next_result)                                           \
    X(mysql_stmt_free_result) X(mysql_stmt_reset) X(mysql_stmt_close)                                                  \
    X(mysql_real_connect_start) X(mysql_real_connect_cont) X(mysql_close_start)                                        \
    X(mysql_query_start) X(mysql_query_cont) X(mysql_real_query_start) X(mysql_real_query_cont)                        \
    X(mysql_send_query_start) X(mysql_send_query_cont)                                                                 \
    X(mysql_read_query_result_start) X(mysql_read_query_result_cont)                                                   \
    X(mysql_next_result_start) X(mysql_next_result_cont) X(mysql_store_result_start) X(mysql_store_result_cont)        \
    X(mysql_free_result_start) X(mysql_free_result_cont)                                                               \
    X(mysql_commit_start) X(mysql_commit_cont) X(mysql_rollback_start) X(mysql_rollback_cont)                          \
    X(mysql_autocommit_start) X(mysql_autocommit_cont) X(mysql_select_db_start) X(mysql_select_db_cont)                \
    X(mysql_change_user_start) X(mysql_change_user_cont)                                                               \
    X(mysql_stmt_prepare_start) X(mysql_stmt_prepare_cont) X(mysql_stmt_execute_start) X(mysql_stmt_execute_cont)      \
    X(mysql_stmt_store_result_start) X(mysql_stmt_store_result_cont)                                                   \
    X(mysql_stmt_fetch_start) X(mysql_stmt_fetch_cont) X(mysql_stmt_next_result_start)                                 \
    X(mysql_stmt_next_result_cont) X(mysql_stmt_free_result_start) X(mysql_stmt_free_result_cont)                      \
    X(mysql_stmt_reset_start) X(mysql_stmt_close_start) X(mysql_stmt_send_long_data_start)                             \
    X(mysql_stmt_bind_param) X(mysql_stmt_bind_named_param) X(mysql_stmt_send_long_data)                               \
    /* read, not hooked */                                                                                             \
    X(mysql_errno) X(mysql_error) X(mysql_field_count) X(mysql_affected_rows) X(mysql_num_rows) X(mysql_more_results)  \
    X(mysql_get_server_info) X(mysql_get_host_info) X(mysql_get_option) X(mariadb_get_infov)                           \
    X(mysql_stmt_errno) X(mysql_stmt_error) X(mysql_stmt_field_count) X(mysql_stmt_affected_rows)                      \
    X(mysql_stmt_num_rows) X(mysql_stmt_attr_get) X(mysql_stmt_param_count)
/* clang-format on */

/* MySQL's library alone has it. */
bool mysql_stmt_bind_named_param(MYSQL_STMT *stmt, MYSQL_BIND *binds, unsigned int count, const char **names);

OI_LIBRARY_FUNCTIONS(libmariadb, OI_MYSQL_FUNCTIONS);
extern struct oi_library oi_library_libmariadb;

/* Beside a MYSQL. */
struct oi_mysql_connection {
    const struct oi_provider *provider;
    struct oi_mysql_pending pending;
    struct oi_mysql_place place;
    bool described;            /* by a connected library, not by the arguments of a connect */
    uint32_t number;           /* no other connection of this process has it, whatever its address */
    const char *session;       /* the library's text about its peer, only to be compared */
    struct oi_mysql_text told; /* the schema, when the library was last asked for it */
    /* Of an operation that is under way in the non-blocking interface. */
    struct oi_span starting; /* a connect or a change of where the connection is */
    struct oi_text changing; /* what the latter is called; absent: none is under way */
    struct oi_mysql_text next_user, next_schema;
};

/* Statement texts are kept up to this length: an execution has nothing else to say what it executes. */
enum { OI_MYSQL_STATEMENT_MAX = 2048 };

/* Beside a MYSQL_STMT. */
struct oi_mysql_statement {
    const struct oi_provider *provider;
    MYSQL *mysql; /* a key to the connection's state; may be closed, never handed to the library */
    uint32_t connection_number;
    struct oi_mysql_pending pending;
    int64_t fetched;          /* rows of the result being read */
    bool parameters;          /* that result is a procedure's OUT parameters */
    bool stored;              /* that result was counted by mysql_stmt_store_result */
    bool prepared;            /* `text` is known */
    struct oi_span preparing; /* while a prepare is under way */
    uint16_t length;
    char text[OI_MYSQL_STATEMENT_MAX];
};

extern struct oi_handles oi_mysql_connections;
extern struct oi_handles oi_mysql_statements;

/* Declares `call` and enters it; `state` (NULL: unknown handle) says which copy of the library the handle belongs to.
 * Leaves the wrapper with `failure` if there is no such function. */
#define OI_MYSQL_ENTER(call, state, function, failure)                                                                 \
    struct oi_call call = oi_call_enter_with(&oi_library_libmariadb, (state) ? (state)->provider : NULL, OI_CALLER);   \
    if (!call.provider || !OI_REAL(call, function)) {                                                                  \
        if (call.watched)                                                                                              \
            oi_call_leave(&call);                                                                                      \
        return failure;                                                                                                \
    }

/* The state of a connection; NULL: not known. */
static inline struct oi_mysql_connection *oi_mysql_connection(const MYSQL *mysql)
{
    return oi_handles_find(&oi_mysql_connections, mysql);
}

static inline struct oi_mysql_statement *oi_mysql_statement(const MYSQL_STMT *stmt)
{
    return oi_handles_find(&oi_mysql_statements, stmt);
}

/* The state of `mysql`, made if need be, and described as soon as the library is connected. NULL: no memory, or no
 * handle. */
struct oi_mysql_connection *oi_mysql_adopt(const struct oi_provider *provider, MYSQL *mysql);

/* Before a call of the program that is a span: delivers what waits on the connection, starts the span, and pauses
 * `call`. False: the handle stays unknown; `call` has been left. */
bool oi_mysql_begin(struct oi_call *call, struct oi_mysql_connection **connection, MYSQL *mysql, struct oi_span *span);

/* After it, `call` resumed. */
void oi_mysql_end(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                  const struct oi_sql_call *call, bool failed);

/* --- where a connection is (libmariadb_place.c) ----------------------------------------------------------------------
 */

/* Asks a connected library: a defaults file, an option or an environment variable may have said something else than the
 * arguments of the connect. */
void oi_mysql_describe(struct oi_mysql_connection *connection, MYSQL *mysql);

/* The same, if the library has connected again inside a call (MYSQL_OPT_RECONNECT). After every call that may have. */
void oi_mysql_follow_session(struct oi_mysql_connection *connection, MYSQL *mysql);

/* Before a call: the schema, if the library has been told another one since it was last asked. It knows that of the
 * connect and of mysql_select_db, and with a server that tells (session_track_schema) every later one. */
void oi_mysql_follow_schema(struct oi_mysql_connection *connection, MYSQL *mysql);

/* The statement has succeeded of which this was kept. */
static inline void oi_mysql_use_next_schema(struct oi_mysql_connection *connection)
{
    if (connection->next_schema.known)
        connection->place.schema = connection->next_schema;
    connection->next_schema.known = false;
}

/* What was said to a handle before its connect; the library forgets it when the connect fails. */
struct oi_mysql_options {
    bool tcp;      /* also to localhost */
    bool defaults; /* a file of defaults may name any place */
};
struct oi_mysql_options oi_mysql_read_options(const struct oi_provider *provider, MYSQL *mysql);

/* Where a connect goes, as far as its arguments tell. */
struct oi_mysql_arguments {
    const char *host, *user, *schema, *path;
    unsigned int port;
};
void oi_mysql_keep_arguments(struct oi_mysql_connection *connection, const struct oi_mysql_arguments *given,
                             struct oi_mysql_options options);

/* Which place an error message names: `... on '127.0.0.1' (111)`, `... through socket '/run/x.sock' (2)`. The library
 * forgets where it tried to go when it fails, and only it knows its defaults. */
void oi_mysql_keep_named_place(struct oi_mysql_connection *connection, unsigned int code, const char *message);

/* --- what came of a call, also of one in several steps (libmariadb_query.c, libmariadb_result.c) --------------------
 */

/* Makes the record of a call; delivered at once if it failed. */
struct oi_record *oi_mysql_call_record(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                                       const struct oi_sql_call *call, bool failed);

/* A taken record: the answer to its statement has come; or it has failed, as the library says. */
void oi_mysql_answered(struct oi_mysql_connection *connection, MYSQL *mysql, struct oi_record *record);
void oi_mysql_failed(struct oi_mysql_connection *connection, MYSQL *mysql, struct oi_record *record);

/* Pauses a call that reads a result somebody waits for; false: it does not concern us, and has been left. */
bool oi_mysql_awaited(struct oi_call *call, const struct oi_mysql_connection *connection);

/* The same for the next step of an operation that a _start function has begun. */
bool oi_mysql_under_way(struct oi_call *call, const struct oi_mysql_connection *connection);

/* What waits goes on: with the next answer (`result` is the library's), with a result (NULL: none was given). */
void oi_mysql_next_answer(struct oi_mysql_connection *connection, MYSQL *mysql, int result);
void oi_mysql_stored(struct oi_mysql_connection *connection, MYSQL *mysql, MYSQL_RES *result);

/* --- the same of a statement (libmariadb_stmt.c, libmariadb_stmt_result.c) -------------------------------------------
 */

/* The connection it was made on; NULL: closed. Another one may have its address since. */
struct oi_mysql_connection *oi_stmt_connection(const struct oi_mysql_statement *statement);

/* Pauses a call on a known statement; false: unknown, `call` has been left. */
static inline bool oi_stmt_known(struct oi_call *call, const struct oi_mysql_statement *statement)
{
    if (!statement) {
        oi_call_leave(call);
        return false;
    }
    oi_call_pause(call);
    return true;
}

/* The same for one whose result is waited for. */
static inline bool oi_stmt_awaited(struct oi_call *call, const struct oi_mysql_statement *statement)
{
    return oi_stmt_known(call, statement && oi_mysql_waits(&statement->pending) ? statement : NULL);
}

/* The same before a call that is a span: delivers what waits, and starts the span. */
bool oi_stmt_begin(struct oi_call *call, struct oi_mysql_statement *statement, struct oi_span *span);

/* Delivers what waits for rows that will not be read any more. */
void oi_stmt_settle(struct oi_mysql_statement *statement);

/* A taken record: the answer to its statement has come; or it has failed, as the library says. */
void oi_stmt_answered(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, struct oi_record *record);
void oi_stmt_failed(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, struct oi_record *record);

/* It is being closed. */
void oi_stmt_forget(const MYSQL_STMT *stmt, struct oi_mysql_statement *statement);

/* Its text is another one now. */
void oi_stmt_named(struct oi_mysql_statement *statement, const char *text, size_t length);
void oi_stmt_not_prepared(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, const struct oi_span *span,
                          struct oi_text text);

/* What an execution is called. */
struct oi_sql_call oi_stmt_execution(const struct oi_mysql_statement *statement);

/* An execution in two steps: it was sent (`sent`: the library has read its parameters), and it is over. */
void oi_stmt_executing(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, const struct oi_span *span,
                       struct oi_sql_call *call, bool sent);
void oi_stmt_executed(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, bool failed);
bool oi_stmt_parameters_sent(const struct oi_mysql_statement *statement, MYSQL_STMT *stmt, bool failed);

/* The record that waits goes on; `result` is the library's. */
void oi_stmt_stored(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result);
void oi_stmt_fetched(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result);
void oi_stmt_next_answer(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result);
void oi_stmt_freed(struct oi_mysql_statement *statement, int result);

/* --- the trace context in statements (libmariadb_comment.c) ----------------------------------------------------------
 */

/* What is sent for `sql` where OTEL_NATIVE_SQLCOMMENTER asks for it, NUL-terminated as `sql` is: with a comment, or as
 * it is. In a paused call; stays until the connection's next statement. */
struct oi_text oi_mysql_commented(struct oi_call *call, const MYSQL *mysql, const struct oi_span *span,
                                  struct oi_text sql);

/* The connection is being closed. */
void oi_mysql_forget_comment(const MYSQL *mysql);

/* --- parameters (libmariadb_bind.c): nothing without OTEL_NATIVE_DB_PARAMETERS ---------------------------------------
 */

/* The statement is another one now, or none. */
void oi_mysql_forget_bindings(const MYSQL_STMT *stmt);

/* Parameter `number` is sent in pieces. */
void oi_mysql_long_data(const MYSQL_STMT *stmt, unsigned int number);

/* Adds the values to the record of an execution (NULL: not recorded) that has just read them. */
void oi_mysql_put_parameters(struct oi_record *record, const MYSQL_STMT *stmt);

/* --- spans (libmariadb_span.c) ---------------------------------------------------------------------------------------
 */

/* The record of a call on `connection` (NULL: closed meanwhile). */
struct oi_record *oi_mysql_record(const struct oi_span *span, struct oi_mysql_connection *connection,
                                  const struct oi_sql_call *call, const struct oi_mysql_failure *failure);

#endif
