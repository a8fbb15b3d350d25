/* The results of prepared statements: stored, fetched row by row, given back. */
#include "hooks/libmariadb.h"

/* A statement may outlive its connection, which then must not be asked. */
static bool more_results(const struct oi_mysql_statement *statement)
{
    return oi_stmt_connection(statement) && OI_REAL_OF(statement->provider, mysql_more_results)(statement->mysql);
}

/* Whether a procedure's OUT parameters come next: in the shape of a row, which none of its results has. Only MariaDB's
 * library says so. */
static bool parameters_come(const struct oi_mysql_statement *statement)
{
    const struct oi_provider *provider = statement->provider;
    unsigned int status = 0;
    return oi_stmt_connection(statement) && OI_REAL_OF(provider, mariadb_get_infov) &&
           !OI_REAL_OF(provider, mariadb_get_infov)(statement->mysql, MARIADB_CONNECTION_SERVER_STATUS, &status) &&
           (status & SERVER_PS_OUT_PARAMS);
}

void oi_stmt_answered(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, struct oi_record *record)
{
    const struct oi_provider *provider = statement->provider;
    bool rows = OI_REAL_OF(provider, mysql_stmt_field_count)(stmt) > 0;
    if (!rows)
        oi_mysql_count(&statement->pending.affected, OI_REAL_OF(provider, mysql_stmt_affected_rows)(stmt));
    statement->stored = false;
    statement->parameters = rows && parameters_come(statement);
    oi_mysql_put(&statement->pending, record, rows || more_results(statement));
}

/* Rows that were fetched without being stored; none at all is a count only where the library has said so. */
static void count_fetched(struct oi_mysql_statement *statement, bool complete)
{
    if (!statement->parameters && (complete || statement->fetched > 0))
        oi_mysql_count(&statement->pending.returned, (my_ulonglong)statement->fetched);
    statement->fetched = 0;
}

void oi_stmt_settle(struct oi_mysql_statement *statement)
{
    if (oi_mysql_waits(&statement->pending))
        count_fetched(statement, false);
    oi_mysql_settle(&statement->pending);
}

void oi_stmt_stored(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result)
{
    struct oi_record *record = oi_mysql_take(&statement->pending);
    if (!record)
        return;
    oi_mysql_lasted(&statement->pending, record);
    if (result != 0) {
        oi_stmt_failed(statement, stmt, record);
    } else {
        if (!statement->parameters)
            oi_mysql_count(&statement->pending.returned, OI_REAL_OF(statement->provider, mysql_stmt_num_rows)(stmt));
        statement->stored = true;
        oi_mysql_put(&statement->pending, record, more_results(statement));
    }
}

OI_HOOK(int, mysql_stmt_store_result, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_store_result, 1)
    if (!call.watched || !oi_stmt_awaited(&call, statement))
        return OI_REAL(call, mysql_stmt_store_result)(stmt);
    int result = OI_REAL(call, mysql_stmt_store_result)(stmt);
    oi_call_resume(&call);
    oi_stmt_stored(statement, stmt, result);
    oi_call_leave(&call);
    return result;
}

void oi_stmt_fetched(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result)
{
    struct oi_record *record = oi_mysql_take(&statement->pending);
    if (!record)
        return;
    count_fetched(statement, result == MYSQL_NO_DATA);
    oi_mysql_lasted(&statement->pending, record);
    if (result == MYSQL_NO_DATA)
        oi_mysql_put(&statement->pending, record, more_results(statement));
    else
        oi_stmt_failed(statement, stmt, record);
}

/* Called for every row: while rows come, no more than a look-up and an addition. */
OI_HOOK(int, mysql_stmt_fetch, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    if (statement && (statement->stored || !oi_mysql_waits(&statement->pending)))
        return OI_REAL_OF(statement->provider, mysql_stmt_fetch)(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_fetch, 1)
    if (!call.watched || !oi_stmt_known(&call, statement))
        return OI_REAL(call, mysql_stmt_fetch)(stmt);
    int result = OI_REAL(call, mysql_stmt_fetch)(stmt);
    if (result == 0 || result == MYSQL_DATA_TRUNCATED) {
        statement->fetched++;
        return result;
    }
    oi_call_resume(&call);
    oi_stmt_fetched(statement, stmt, result);
    oi_call_leave(&call);
    return result;
}

void oi_stmt_next_answer(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, int result)
{
    struct oi_record *record = oi_mysql_take(&statement->pending);
    if (!record)
        return;
    count_fetched(statement, false);
    oi_mysql_lasted(&statement->pending, record);
    if (result == 0)
        oi_stmt_answered(statement, stmt, record);
    else if (result > 0)
        oi_stmt_failed(statement, stmt, record);
    else
        oi_mysql_put(&statement->pending, record, false);
}

OI_HOOK(int, mysql_stmt_next_result, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_next_result, 1)
    if (!call.watched || !oi_stmt_awaited(&call, statement))
        return OI_REAL(call, mysql_stmt_next_result)(stmt);
    int result = OI_REAL(call, mysql_stmt_next_result)(stmt);
    oi_call_resume(&call);
    oi_stmt_next_answer(statement, stmt, result);
    oi_call_leave(&call);
    return result;
}

void oi_stmt_freed(struct oi_mysql_statement *statement, int result)
{
    struct oi_record *record = oi_mysql_take(&statement->pending);
    if (!record)
        return;
    count_fetched(statement, false);
    oi_mysql_put(&statement->pending, record, !result && more_results(statement));
}

OI_HOOK(my_bool, mysql_stmt_free_result, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_free_result, 1)
    if (!call.watched || !oi_stmt_awaited(&call, statement))
        return OI_REAL(call, mysql_stmt_free_result)(stmt);
    my_bool result = OI_REAL(call, mysql_stmt_free_result)(stmt);
    oi_call_resume(&call);
    oi_stmt_freed(statement, result);
    oi_call_leave(&call);
    return result;
}
