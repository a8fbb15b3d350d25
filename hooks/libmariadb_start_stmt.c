/* Prepared statements through the non-blocking interface (libmariadb_start.c says how). */
#include "hooks/libmariadb.h"

/* An operation of its own that has been begun, or a span that waits for what this call reads. */
static bool under_way(struct oi_call *call, const struct oi_mysql_statement *statement)
{
    if (!statement || !statement->pending.started) {
        oi_call_leave(call);
        return false;
    }
    oi_call_pause(call);
    return true;
}

static void prepare_over(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, bool failed)
{
    statement->pending.started = false;
    if (failed)
        oi_stmt_not_prepared(statement, stmt, &statement->preparing, oi_text_of(statement->text, statement->length));
}

OI_HOOK(int, mysql_stmt_prepare_start, (int *ret, MYSQL_STMT *stmt, const char *text, unsigned long length))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_prepare_start, (*ret = 1, 0))
    struct oi_span span;
    if (!call.watched || !oi_stmt_begin(&call, statement, &span))
        return OI_REAL(call, mysql_stmt_prepare_start)(ret, stmt, text, length);
    int status = OI_REAL(call, mysql_stmt_prepare_start)(ret, stmt, text, length);
    oi_call_resume(&call);
    oi_mysql_forget_bindings(stmt);
    oi_stmt_named(statement, text, length == (unsigned long)-1 ? strlen(text) : length);
    statement->preparing = span;
    statement->pending.started = true;
    if (status == 0)
        prepare_over(statement, stmt, *ret != 0);
    oi_call_leave(&call);
    return status;
}

#define CONTINUE(function, over)                                                                                       \
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);                                                   \
    OI_MYSQL_ENTER(call, statement, function, (*ret = 1, 0))                                                           \
    if (!call.watched || !under_way(&call, statement))                                                                 \
        return OI_REAL(call, function)(ret, stmt, ready);                                                              \
    int status = OI_REAL(call, function)(ret, stmt, ready);                                                            \
    if (status != 0)                                                                                                   \
        return status;                                                                                                 \
    oi_call_resume(&call);                                                                                             \
    over(statement, stmt, *ret != 0);                                                                                  \
    oi_call_leave(&call);                                                                                              \
    return 0

#define AWAIT(function, then, ...)                                                                                     \
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);                                                   \
    OI_MYSQL_ENTER(call, statement, function, (*ret = 1, 0))                                                           \
    if (!call.watched || !oi_stmt_awaited(&call, statement))                                                           \
        return OI_REAL(call, function)(__VA_ARGS__);                                                                   \
    int status = OI_REAL(call, function)(__VA_ARGS__);                                                                 \
    if (status != 0)                                                                                                   \
        return status;                                                                                                 \
    oi_call_resume(&call);                                                                                             \
    then;                                                                                                              \
    oi_call_leave(&call);                                                                                              \
    return 0

OI_HOOK(int, mysql_stmt_prepare_cont, (int *ret, MYSQL_STMT *stmt, int ready))
{
    CONTINUE(mysql_stmt_prepare_cont, prepare_over);
}

OI_HOOK(int, mysql_stmt_execute_start, (int *ret, MYSQL_STMT *stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_execute_start, (*ret = 1, 0))
    struct oi_span span;
    if (!call.watched || !oi_stmt_begin(&call, statement, &span))
        return OI_REAL(call, mysql_stmt_execute_start)(ret, stmt);
    int status = OI_REAL(call, mysql_stmt_execute_start)(ret, stmt);
    oi_call_resume(&call);
    struct oi_sql_call execution = oi_stmt_execution(statement);
    oi_stmt_executing(statement, stmt, &span, &execution,
                      status != 0 || oi_stmt_parameters_sent(statement, stmt, *ret != 0));
    if (status == 0)
        oi_stmt_executed(statement, stmt, *ret != 0);
    oi_call_leave(&call);
    return status;
}

OI_HOOK(int, mysql_stmt_execute_cont, (int *ret, MYSQL_STMT *stmt, int ready))
{
    CONTINUE(mysql_stmt_execute_cont, oi_stmt_executed);
}

OI_HOOK(int, mysql_stmt_store_result_start, (int *ret, MYSQL_STMT *stmt))
{
    AWAIT(mysql_stmt_store_result_start, oi_stmt_stored(statement, stmt, *ret), ret, stmt);
}

OI_HOOK(int, mysql_stmt_store_result_cont, (int *ret, MYSQL_STMT *stmt, int ready))
{
    AWAIT(mysql_stmt_store_result_cont, oi_stmt_stored(statement, stmt, *ret), ret, stmt, ready);
}

static void fetched(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result)
{
    if (result == 0 || result == MYSQL_DATA_TRUNCATED)
        statement->fetched++;
    else
        oi_stmt_fetched(statement, stmt, result);
}

/* Rows of a stored result are known already. */
OI_HOOK(int, mysql_stmt_fetch_start, (int *ret, MYSQL_STMT *stmt))
{
    const struct oi_mysql_statement *stored = oi_mysql_statement(stmt);
    if (stored && stored->stored && OI_REAL_OF(stored->provider, mysql_stmt_fetch_start))
        return OI_REAL_OF(stored->provider, mysql_stmt_fetch_start)(ret, stmt);
    AWAIT(mysql_stmt_fetch_start, fetched(statement, stmt, *ret), ret, stmt);
}

OI_HOOK(int, mysql_stmt_fetch_cont, (int *ret, MYSQL_STMT *stmt, int ready))
{
    AWAIT(mysql_stmt_fetch_cont, fetched(statement, stmt, *ret), ret, stmt, ready);
}

OI_HOOK(int, mysql_stmt_next_result_start, (int *ret, MYSQL_STMT *stmt))
{
    AWAIT(mysql_stmt_next_result_start, oi_stmt_next_answer(statement, stmt, *ret), ret, stmt);
}

OI_HOOK(int, mysql_stmt_next_result_cont, (int *ret, MYSQL_STMT *stmt, int ready))
{
    AWAIT(mysql_stmt_next_result_cont, oi_stmt_next_answer(statement, stmt, *ret), ret, stmt, ready);
}

OI_HOOK(int, mysql_stmt_free_result_start, (my_bool * ret, MYSQL_STMT *stmt))
{
    AWAIT(mysql_stmt_free_result_start, oi_stmt_freed(statement, *ret), ret, stmt);
}

OI_HOOK(int, mysql_stmt_free_result_cont, (my_bool * ret, MYSQL_STMT *stmt, int ready))
{
    AWAIT(mysql_stmt_free_result_cont, oi_stmt_freed(statement, *ret), ret, stmt, ready);
}

OI_HOOK(int, mysql_stmt_reset_start, (my_bool * ret, MYSQL_STMT *stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_reset_start, (*ret = 1, 0))
    if (call.watched) {
        if (statement)
            oi_stmt_settle(statement);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_reset_start)(ret, stmt);
}

OI_HOOK(int, mysql_stmt_close_start, (my_bool * ret, MYSQL_STMT *stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_close_start, (*ret = 1, 0))
    if (call.watched) {
        oi_stmt_forget(stmt, statement);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_close_start)(ret, stmt);
}

OI_HOOK(int, mysql_stmt_send_long_data_start,
        (my_bool * ret, MYSQL_STMT *stmt, unsigned int number, const char *data, unsigned long length))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_send_long_data_start, (*ret = 1, 0))
    if (call.watched) {
        oi_mysql_long_data(stmt, number);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_send_long_data_start)(ret, stmt, number, data, length);
}
