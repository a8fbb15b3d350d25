/* The non-blocking interface of MariaDB's library: an operation is begun with _start and goes on with _cont until one
 * of them returns 0. The span lasts from the one to the other, whatever the thread does meanwhile.
 *
 * The record is made when _start returns, because what the program passed to it need not be there later; it waits with
 * the handle like that of a statement whose rows are not read yet. The library carries the operation out on a stack of
 * its own, in functions it exports; they are known by their caller. */
#include "hooks/libmariadb.h"

bool oi_mysql_under_way(struct oi_call *call, const struct oi_mysql_connection *connection)
{
    if (!connection || !connection->pending.started) {
        oi_call_leave(call);
        return false;
    }
    oi_call_pause(call);
    return true;
}

/* What an operation leaves when it is over. */
enum leaves { NOTHING, ANSWER, LATER };

static void begun(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                  struct oi_sql_call call)
{
    struct oi_record *record = oi_mysql_call_record(connection, mysql, span, &call, false);
    connection->pending.started = true;
    oi_mysql_put(&connection->pending, record, true);
    connection->changing = (struct oi_text){NULL, 0};
    if (oi_text_present(call.text))
        oi_mysql_named_schema(&connection->next_schema, call.text.at, call.text.len);
}

/* One that changes where the connection is: it is described by the outcome. */
static void begun_change(struct oi_mysql_connection *connection, const struct oi_span *span, struct oi_text name,
                         const char *user, const char *schema)
{
    connection->starting = *span;
    connection->pending.started = true;
    connection->changing = name;
    connection->next_user = connection->place.user;
    if (user)
        oi_mysql_keep(&connection->next_user, user);
    oi_mysql_keep(&connection->next_schema, schema);
}

static void change_over(struct oi_mysql_connection *connection, MYSQL *mysql, bool failed)
{
    struct oi_sql_call call = oi_mysql_named_call(connection->changing);
    connection->changing = (struct oi_text){NULL, 0};
    if (!failed) {
        connection->place.user = connection->next_user;
        connection->place.schema = connection->next_schema;
    }
    oi_mysql_end(connection, mysql, &connection->starting, &call, failed);
}

static void over(struct oi_mysql_connection *connection, MYSQL *mysql, bool failed, enum leaves leaves)
{
    struct oi_mysql_pending *pending = &connection->pending;
    pending->started = false;
    if (oi_text_present(connection->changing)) {
        change_over(connection, mysql, failed);
        return;
    }
    oi_mysql_follow_session(connection, mysql);
    /* Whether one that was only sent is right, is said by mysql_read_query_result. */
    if (!failed && leaves != LATER)
        oi_mysql_use_next_schema(connection);
    struct oi_record *record = oi_mysql_take(pending);
    if (!record)
        return;
    oi_mysql_lasted(pending, record);
    if (failed)
        oi_mysql_failed(connection, mysql, record);
    else if (leaves == ANSWER)
        oi_mysql_answered(connection, mysql, record);
    else
        oi_mysql_put(pending, record, leaves == LATER);
}

/* The wrappers' bodies. `START`: an operation that is a span; `begin` notes that it has begun, the rest are the real
 * function's arguments. `AWAIT`: one that goes on with a span that waits, by `then`. */
#define START(function, begin, leaves, ...)                                                                            \
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);                                               \
    OI_MYSQL_ENTER(call, connection, function, (*ret = 1, 0))                                                          \
    struct oi_span span;                                                                                               \
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))                                            \
        return OI_REAL(call, function)(__VA_ARGS__);                                                                   \
    int status = OI_REAL(call, function)(__VA_ARGS__);                                                                 \
    oi_call_resume(&call);                                                                                             \
    begin;                                                                                                             \
    if (status == 0)                                                                                                   \
        over(connection, mysql, *ret != 0, leaves);                                                                    \
    oi_call_leave(&call);                                                                                              \
    return status

#define CONTINUE(function, leaves)                                                                                     \
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);                                               \
    OI_MYSQL_ENTER(call, connection, function, (*ret = 1, 0))                                                          \
    if (!call.watched || !oi_mysql_under_way(&call, connection))                                                       \
        return OI_REAL(call, function)(ret, mysql, ready);                                                             \
    int status = OI_REAL(call, function)(ret, mysql, ready);                                                           \
    if (status != 0)                                                                                                   \
        return status;                                                                                                 \
    oi_call_resume(&call);                                                                                             \
    over(connection, mysql, *ret != 0, leaves);                                                                        \
    oi_call_leave(&call);                                                                                              \
    return 0

#define AWAIT(function, failure, then, ...)                                                                            \
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);                                               \
    OI_MYSQL_ENTER(call, connection, function, (*ret = (failure), 0))                                                  \
    if (!call.watched || !oi_mysql_awaited(&call, connection))                                                         \
        return OI_REAL(call, function)(__VA_ARGS__);                                                                   \
    int status = OI_REAL(call, function)(__VA_ARGS__);                                                                 \
    if (status != 0)                                                                                                   \
        return status;                                                                                                 \
    oi_call_resume(&call);                                                                                             \
    then(connection, mysql, *ret);                                                                                     \
    oi_call_leave(&call);                                                                                              \
    return 0

#define NAMED(name) oi_mysql_named_call(OI_TEXT(name))
#define BEGUN(made) begun(connection, mysql, &span, made)

OI_HOOK(int, mysql_query_start, (int *ret, MYSQL *mysql, const char *text))
{
    START(mysql_query_start, BEGUN(oi_mysql_text_call(text, strlen(text))), ANSWER, ret, mysql, text);
}

OI_HOOK(int, mysql_query_cont, (int *ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_query_cont, ANSWER);
}

/* The library measures a text of length -1 itself. */
static size_t measured(const char *text, unsigned long length)
{
    return length == (unsigned long)-1 ? strlen(text) : length;
}

OI_HOOK(int, mysql_real_query_start, (int *ret, MYSQL *mysql, const char *text, unsigned long length))
{
    START(mysql_real_query_start, BEGUN(oi_mysql_text_call(text, measured(text, length))), ANSWER, ret, mysql, text,
          length);
}

OI_HOOK(int, mysql_real_query_cont, (int *ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_real_query_cont, ANSWER);
}

OI_HOOK(int, mysql_send_query_start, (int *ret, MYSQL *mysql, const char *text, unsigned long length))
{
    START(mysql_send_query_start, BEGUN(oi_mysql_text_call(text, length)), LATER, ret, mysql, text, length);
}

OI_HOOK(int, mysql_send_query_cont, (int *ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_send_query_cont, LATER);
}

OI_HOOK(int, mysql_read_query_result_start, (my_bool * ret, MYSQL *mysql))
{
    AWAIT(mysql_read_query_result_start, 1, oi_mysql_next_answer, ret, mysql);
}

OI_HOOK(int, mysql_read_query_result_cont, (my_bool * ret, MYSQL *mysql, int ready))
{
    AWAIT(mysql_read_query_result_cont, 1, oi_mysql_next_answer, ret, mysql, ready);
}

OI_HOOK(int, mysql_next_result_start, (int *ret, MYSQL *mysql))
{
    AWAIT(mysql_next_result_start, 1, oi_mysql_next_answer, ret, mysql);
}

OI_HOOK(int, mysql_next_result_cont, (int *ret, MYSQL *mysql, int ready))
{
    AWAIT(mysql_next_result_cont, 1, oi_mysql_next_answer, ret, mysql, ready);
}

OI_HOOK(int, mysql_store_result_start, (MYSQL_RES * *ret, MYSQL *mysql))
{
    AWAIT(mysql_store_result_start, NULL, oi_mysql_stored, ret, mysql);
}

OI_HOOK(int, mysql_store_result_cont, (MYSQL_RES * *ret, MYSQL *mysql, int ready))
{
    AWAIT(mysql_store_result_cont, NULL, oi_mysql_stored, ret, mysql, ready);
}

OI_HOOK(int, mysql_commit_start, (my_bool * ret, MYSQL *mysql))
{
    START(mysql_commit_start, BEGUN(NAMED("COMMIT")), NOTHING, ret, mysql);
}

OI_HOOK(int, mysql_commit_cont, (my_bool * ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_commit_cont, NOTHING);
}

OI_HOOK(int, mysql_rollback_start, (my_bool * ret, MYSQL *mysql))
{
    START(mysql_rollback_start, BEGUN(NAMED("ROLLBACK")), NOTHING, ret, mysql);
}

OI_HOOK(int, mysql_rollback_cont, (my_bool * ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_rollback_cont, NOTHING);
}

OI_HOOK(int, mysql_autocommit_start, (my_bool * ret, MYSQL *mysql, my_bool mode))
{
    const char *text = mode ? "SET autocommit=1" : "SET autocommit=0";
    START(mysql_autocommit_start, BEGUN(oi_mysql_text_call(text, strlen(text))), NOTHING, ret, mysql, mode);
}

OI_HOOK(int, mysql_autocommit_cont, (my_bool * ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_autocommit_cont, NOTHING);
}

OI_HOOK(int, mysql_select_db_start, (int *ret, MYSQL *mysql, const char *schema))
{
    START(mysql_select_db_start, begun_change(connection, &span, OI_TEXT("USE"), NULL, schema), NOTHING, ret, mysql,
          schema);
}

OI_HOOK(int, mysql_select_db_cont, (int *ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_select_db_cont, NOTHING);
}

OI_HOOK(int, mysql_change_user_start,
        (my_bool * ret, MYSQL *mysql, const char *user, const char *password, const char *schema))
{
    START(mysql_change_user_start, begun_change(connection, &span, OI_TEXT("change_user"), user ? user : "", schema),
          NOTHING, ret, mysql, user, password, schema);
}

OI_HOOK(int, mysql_change_user_cont, (my_bool * ret, MYSQL *mysql, int ready))
{
    CONTINUE(mysql_change_user_cont, NOTHING);
}
