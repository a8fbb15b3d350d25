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

#include "agent/db_span.h"
#include "agent/handles.h"
#include "hooks/hook.h"

/* The first line is hooked, the others are read (and exist in both libraries but for those that begin with mariadb_).
 */
/* clang-format off */
#define OI_MYSQL_FUNCTIONS(X)                                                                                          \
    X(mysql_init) X(mysql_real_connect) X(mysql_close) X(mysql_select_db) X(mysql_change_user)                         \
    X(mysql_query) X(mysql_real_query) X(mysql_send_query) X(mysql_read_query_result) X(mysql_next_result)             \
    X(mysql_store_result) X(mysql_use_result) X(mysql_free_result)                                                     \
    X(mysql_commit) X(mysql_rollback) X(mysql_autocommit)                                                              \
    X(mysql_stmt_init) X(mysql_stmt_prepare) X(mysql_stmt_execute) X(mariadb_stmt_execute_direct)                      \
    X(mysql_stmt_store_result) X(mysql_stmt_fetch) X(mysql_stmt_next_result)                                           \
    X(mysql_stmt_free_result) X(mysql_stmt_reset) X(mysql_stmt_close)                                                  \
    /* read, not hooked */                                                                                             \
    X(mysql_errno) X(mysql_error) X(mysql_field_count) X(mysql_affected_rows) X(mysql_num_rows) X(mysql_more_results)  \
    X(mysql_get_server_info) X(mysql_get_host_info) X(mysql_get_option) X(mariadb_get_infov)                           \
    X(mysql_stmt_errno) X(mysql_stmt_error) X(mysql_stmt_field_count) X(mysql_stmt_affected_rows)                      \
    X(mysql_stmt_num_rows) X(mysql_stmt_attr_get)
/* clang-format on */

OI_LIBRARY_FUNCTIONS(libmariadb, OI_MYSQL_FUNCTIONS);
extern struct oi_library oi_library_libmariadb;

/* A span that waits for its result. */
struct oi_mysql_pending {
    _Atomic(struct oi_record *) record; /* NULL: none waits */
    uint64_t start_mono_ns;
    int64_t affected; /* sums over the results read so far; -1: none had such a count */
    int64_t returned;
};

/* A short text of our own. */
struct oi_mysql_text {
    uint8_t len;
    bool known;
    char at[254];
};

/* Beside a MYSQL. */
struct oi_mysql_connection {
    const struct oi_provider *provider;
    struct oi_mysql_pending pending;
    enum oi_db_system system;
    enum oi_transport transport;
    uint16_t port;
    bool described; /* by a connected library, not by the arguments of a connect */
    struct oi_mysql_text host, user, schema;
    struct oi_db_connection_front front; /* written as spans are */
};

/* Statement texts are kept up to this length: an execution has nothing else to say what it executes. */
enum { OI_MYSQL_STATEMENT_MAX = 2048 };

/* Beside a MYSQL_STMT. */
struct oi_mysql_statement {
    const struct oi_provider *provider;
    MYSQL *mysql; /* a key to the connection's state; may be closed, never handed to the library */
    struct oi_mysql_pending pending;
    int64_t fetched; /* rows of the result being read */
    bool stored;     /* that result was counted by mysql_stmt_store_result */
    bool prepared;   /* `text` is known */
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

static inline struct oi_sql_call oi_mysql_text_call(const char *text, size_t length)
{
    return (struct oi_sql_call){.text = {text, length}, .rows_affected = -1, .rows_returned = -1};
}

static inline struct oi_sql_call oi_mysql_named_call(struct oi_text name)
{
    return (struct oi_sql_call){.name = name, .rows_affected = -1, .rows_returned = -1};
}

/* A text cut at the bound; NULL or empty: unknown. */
void oi_mysql_keep(struct oi_mysql_text *text, const char *value);

/* The state of `mysql`, made if need be, and described as soon as the library is connected. NULL: no memory, or no
 * handle. */
struct oi_mysql_connection *oi_mysql_adopt(const struct oi_provider *provider, MYSQL *mysql);

/* Looks whether a statement that succeeded changed the schema of those that follow: `USE x`. */
void oi_mysql_follow_schema(struct oi_mysql_connection *connection, const char *text, size_t length);

/* Before a call of the program that is a span: delivers what waits on the connection, starts the span, and pauses
 * `call`. False: the handle stays unknown; `call` has been left. */
bool oi_mysql_begin(struct oi_call *call, struct oi_mysql_connection **connection, MYSQL *mysql, struct oi_span *span);

/* After it, `call` resumed. */
void oi_mysql_end(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                  const struct oi_sql_call *call, bool failed);

/* --- spans (libmariadb_span.c) ---------------------------------------------------------------------------------------
 */

/* How a call failed, in the library's words. */
struct oi_mysql_failure {
    struct oi_db_error error;
    char digits[12];
};
void oi_mysql_failure(struct oi_mysql_failure *failure, unsigned int code, const char *message);

/* The record of a call on `connection` (NULL: closed meanwhile). */
struct oi_record *oi_mysql_record(const struct oi_span *span, struct oi_mysql_connection *connection,
                                  const struct oi_sql_call *call, const struct oi_mysql_failure *failure);

static inline bool oi_mysql_waits(const struct oi_mysql_pending *pending)
{
    return atomic_load_explicit(&pending->record, memory_order_relaxed) != NULL;
}

/* Empties `pending` for a call that has just begun. */
void oi_mysql_pending_start(struct oi_mysql_pending *pending, const struct oi_span *span);

/* The waiting record, now the caller's; NULL: none. */
struct oi_record *oi_mysql_take(struct oi_mysql_pending *pending);

/* Lets it wait (`more`), or completes and submits it. */
void oi_mysql_put(struct oi_mysql_pending *pending, struct oi_record *record, bool more);

/* Completes and submits what waits, if anything. */
void oi_mysql_settle(struct oi_mysql_pending *pending);

/* What became known of a taken record: it lasted until now; rows were counted (the library's -1: not known).
 */
void oi_mysql_lasted(const struct oi_mysql_pending *pending, struct oi_record *record);
static inline void oi_mysql_count(int64_t *sum, my_ulonglong rows)
{
    if (rows != (my_ulonglong)-1)
        *sum = (*sum < 0 ? 0 : *sum) + (int64_t)rows;
}

#endif
