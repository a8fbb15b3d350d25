/* Prepared statements. Preparing is a span only where it fails: the operation is the execution. */
#include "hooks/libmariadb.h"

struct oi_handles oi_mysql_statements = OI_HANDLES(struct oi_mysql_statement);

void oi_stmt_named(struct oi_mysql_statement *statement, const char *text, size_t length)
{
    statement->length = (uint16_t)(length < sizeof statement->text ? length : sizeof statement->text);
    memcpy(statement->text, text, statement->length);
    statement->prepared = true;
}

/* How many parameter sets one execution sends; only MariaDB's library has such. */
static uint32_t batch_size(const struct oi_provider *provider, MYSQL_STMT *stmt)
{
    unsigned int size = 0;
    if (!OI_REAL_OF(provider, mariadb_stmt_execute_direct) || !OI_REAL_OF(provider, mysql_stmt_attr_get) ||
        OI_REAL_OF(provider, mysql_stmt_attr_get)(stmt, STMT_ATTR_ARRAY_SIZE, &size))
        return 0;
    return size;
}

struct oi_mysql_connection *oi_stmt_connection(const struct oi_mysql_statement *statement)
{
    struct oi_mysql_connection *connection = oi_mysql_connection(statement->mysql);
    return connection && connection->number == statement->connection_number ? connection : NULL;
}

/* A connection lost between two rows is an error of the connection alone, in MariaDB's library. */
static void read_failure(struct oi_mysql_failure *failure, const struct oi_mysql_statement *statement, MYSQL_STMT *stmt)
{
    const struct oi_provider *provider = statement->provider;
    unsigned int code = OI_REAL_OF(provider, mysql_stmt_errno)(stmt);
    if (code == 0 && oi_stmt_connection(statement))
        oi_mysql_failure(failure, OI_REAL_OF(provider, mysql_errno)(statement->mysql),
                         oi_text_from(OI_REAL_OF(provider, mysql_error)(statement->mysql)));
    else
        oi_mysql_failure(failure, code, oi_text_from(OI_REAL_OF(provider, mysql_stmt_error)(stmt)));
}

static struct oi_record *record_call(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, const struct oi_span *span,
                                     struct oi_sql_call *call, bool failed)
{
    struct oi_mysql_failure failure;
    if (failed)
        read_failure(&failure, statement, stmt);
    call->prepared = true;
    struct oi_mysql_connection *connection = oi_stmt_connection(statement);
    if (connection)
        oi_mysql_follow_session(connection, statement->mysql);
    struct oi_record *record = oi_mysql_record(span, connection, call, failed ? &failure : NULL);
    oi_mysql_pending_start(&statement->pending, span);
    statement->fetched = 0;
    statement->stored = statement->parameters = false;
    return record;
}

void oi_stmt_failed(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, struct oi_record *record)
{
    struct oi_mysql_failure failure;
    read_failure(&failure, statement, stmt);
    oi_db_sql_error(record, &failure.error);
    oi_mysql_put(&statement->pending, record, false);
}

bool oi_stmt_begin(struct oi_call *call, struct oi_mysql_statement *statement, struct oi_span *span)
{
    if (statement) {
        struct oi_mysql_connection *connection = oi_stmt_connection(statement);
        oi_stmt_settle(statement);
        if (connection)
            oi_mysql_follow_schema(connection, statement->mysql);
        oi_span_start(span);
    }
    return oi_stmt_known(call, statement);
}

OI_HOOK(MYSQL_STMT *, mysql_stmt_init, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_stmt_init, NULL)
    if (!call.watched)
        return OI_REAL(call, mysql_stmt_init)(mysql);
    oi_call_pause(&call);
    MYSQL_STMT *stmt = OI_REAL(call, mysql_stmt_init)(mysql);
    oi_call_resume(&call);
    if (stmt && (connection = oi_mysql_adopt(call.provider, mysql))) {
        struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
        if (statement)
            oi_stmt_settle(statement);
        oi_mysql_forget_bindings(stmt);
        statement = oi_handles_add(&oi_mysql_statements, stmt);
        if (statement) {
            statement->provider = call.provider;
            statement->mysql = mysql;
            statement->connection_number = connection->number;
        }
    }
    oi_call_leave(&call);
    return stmt;
}

void oi_stmt_not_prepared(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, const struct oi_span *span,
                          struct oi_text text)
{
    struct oi_sql_call prepared = oi_mysql_text_call(text.at, text.len);
    oi_mysql_put(&statement->pending, record_call(statement, stmt, span, &prepared, true), false);
}

OI_HOOK(int, mysql_stmt_prepare, (MYSQL_STMT * stmt, const char *text, unsigned long length))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_prepare, 1)
    struct oi_span span;
    if (!call.watched || !oi_stmt_begin(&call, statement, &span))
        return OI_REAL(call, mysql_stmt_prepare)(stmt, text, length);
    int result = OI_REAL(call, mysql_stmt_prepare)(stmt, text, length);
    oi_call_resume(&call);
    oi_mysql_forget_bindings(stmt);
    size_t bytes = length == (unsigned long)-1 ? strlen(text) : length;
    oi_stmt_named(statement, text, bytes);
    if (result != 0)
        oi_stmt_not_prepared(statement, stmt, &span, oi_text_of(text, bytes));
    oi_call_leave(&call);
    return result;
}

bool oi_stmt_parameters_sent(const struct oi_mysql_statement *statement, MYSQL_STMT *stmt, bool failed)
{
    unsigned int code = failed ? OI_REAL_OF(statement->provider, mysql_stmt_errno)(stmt) : 0;
    return !failed || (code != 0 && !oi_mysql_client_error(code));
}

struct oi_sql_call oi_stmt_execution(const struct oi_mysql_statement *statement)
{
    return statement->prepared ? oi_mysql_text_call(statement->text, statement->length)
                               : oi_mysql_named_call(OI_TEXT("EXECUTE"));
}

static void follow_schema(const struct oi_mysql_statement *statement)
{
    struct oi_mysql_connection *connection = oi_stmt_connection(statement);
    if (connection && statement->prepared)
        oi_mysql_named_schema(&connection->place.schema, statement->text, statement->length);
}

static void executed(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, const struct oi_span *span,
                     struct oi_sql_call *call, bool failed)
{
    call->batch_size = batch_size(statement->provider, stmt);
    struct oi_record *record = record_call(statement, stmt, span, call, failed);
    if (call->batch_size == 0 && oi_stmt_parameters_sent(statement, stmt, failed))
        oi_mysql_put_parameters(record, stmt);
    if (failed || !record)
        oi_mysql_put(&statement->pending, record, false);
    else
        oi_stmt_answered(statement, stmt, record);
    if (!failed)
        follow_schema(statement);
}

void oi_stmt_executing(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, const struct oi_span *span,
                       struct oi_sql_call *call, bool sent)
{
    call->batch_size = batch_size(statement->provider, stmt);
    struct oi_record *record = record_call(statement, stmt, span, call, false);
    if (call->batch_size == 0 && sent)
        oi_mysql_put_parameters(record, stmt);
    statement->pending.started = true;
    oi_mysql_put(&statement->pending, record, true);
}

void oi_stmt_executed(struct oi_mysql_statement *statement, MYSQL_STMT *stmt, bool failed)
{
    statement->pending.started = false;
    if (!failed)
        follow_schema(statement);
    struct oi_record *record = oi_mysql_take(&statement->pending);
    if (!record)
        return;
    oi_mysql_lasted(&statement->pending, record);
    if (failed)
        oi_stmt_failed(statement, stmt, record);
    else
        oi_stmt_answered(statement, stmt, record);
}

OI_HOOK(int, mysql_stmt_execute, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_execute, 1)
    struct oi_span span;
    if (!call.watched || !oi_stmt_begin(&call, statement, &span))
        return OI_REAL(call, mysql_stmt_execute)(stmt);
    int result = OI_REAL(call, mysql_stmt_execute)(stmt);
    oi_call_resume(&call);
    struct oi_sql_call execution = oi_stmt_execution(statement);
    executed(statement, stmt, &span, &execution, result != 0);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(int, mariadb_stmt_execute_direct, (MYSQL_STMT * stmt, const char *text, size_t length))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mariadb_stmt_execute_direct, 1)
    struct oi_span span;
    if (!call.watched || !oi_stmt_begin(&call, statement, &span))
        return OI_REAL(call, mariadb_stmt_execute_direct)(stmt, text, length);
    int result = OI_REAL(call, mariadb_stmt_execute_direct)(stmt, text, length);
    oi_call_resume(&call);
    size_t bytes = length == (size_t)-1 ? strlen(text) : length;
    oi_stmt_named(statement, text, bytes);
    struct oi_sql_call execution = oi_mysql_text_call(text, bytes);
    executed(statement, stmt, &span, &execution, result != 0);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(my_bool, mysql_stmt_reset, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_reset, 1)
    if (call.watched) {
        if (statement)
            oi_stmt_settle(statement);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_reset)(stmt);
}

void oi_stmt_forget(const MYSQL_STMT *stmt, struct oi_mysql_statement *statement)
{
    if (!statement)
        return;
    oi_stmt_settle(statement);
    oi_mysql_forget_bindings(stmt);
    oi_handles_remove(&oi_mysql_statements, stmt);
}

OI_HOOK(my_bool, mysql_stmt_close, (MYSQL_STMT * stmt))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_close, 1)
    if (call.watched) {
        oi_stmt_forget(stmt, statement);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_close)(stmt);
}
