/* Statements sent as text, and transactions. */
#include "hooks/libmariadb.h"

bool oi_mysql_begin(struct oi_call *call, struct oi_mysql_connection **connection, MYSQL *mysql, struct oi_span *span)
{
    if (!*connection || !(*connection)->described)
        *connection = oi_mysql_adopt(call->provider, mysql);
    if (!*connection) {
        oi_call_leave(call);
        return false;
    }
    oi_mysql_settle(&(*connection)->pending);
    oi_mysql_follow_schema(*connection, mysql);
    (*connection)->next_schema.known = false;
    oi_span_start(span);
    oi_call_pause(call);
    return true;
}

/* Takes in the answer to one statement: its count, or the promise of rows. */
void oi_mysql_answered(struct oi_mysql_connection *connection, MYSQL *mysql, struct oi_record *record)
{
    const struct oi_provider *provider = connection->provider;
    bool rows = OI_REAL_OF(provider, mysql_field_count)(mysql) > 0;
    if (!rows)
        oi_mysql_count(&connection->pending.affected, OI_REAL_OF(provider, mysql_affected_rows)(mysql));
    oi_mysql_put(&connection->pending, record, rows || OI_REAL_OF(provider, mysql_more_results)(mysql));
}

static void read_failure(struct oi_mysql_failure *failure, const struct oi_mysql_connection *connection, MYSQL *mysql)
{
    oi_mysql_failure(failure, OI_REAL_OF(connection->provider, mysql_errno)(mysql),
                     oi_text_from(OI_REAL_OF(connection->provider, mysql_error)(mysql)));
}

void oi_mysql_failed(struct oi_mysql_connection *connection, MYSQL *mysql, struct oi_record *record)
{
    struct oi_mysql_failure failure;
    read_failure(&failure, connection, mysql);
    oi_db_sql_error(record, &failure.error);
    oi_mysql_put(&connection->pending, record, false);
}

struct oi_record *oi_mysql_call_record(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                                       const struct oi_sql_call *call, bool failed)
{
    struct oi_mysql_failure failure;
    if (failed)
        read_failure(&failure, connection, mysql);
    oi_mysql_follow_session(connection, mysql);
    struct oi_record *record = oi_mysql_record(span, connection, call, failed ? &failure : NULL);
    oi_mysql_pending_start(&connection->pending, span);
    if (failed)
        oi_mysql_put(&connection->pending, record, false);
    return failed ? NULL : record;
}

void oi_mysql_end(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                  const struct oi_sql_call *call, bool failed)
{
    struct oi_record *record = oi_mysql_call_record(connection, mysql, span, call, failed);
    if (record)
        oi_mysql_put(&connection->pending, record, false);
}

static void queried(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span, const char *text,
                    size_t length, bool failed)
{
    struct oi_sql_call call = oi_mysql_text_call(text, length);
    struct oi_record *record = oi_mysql_call_record(connection, mysql, span, &call, failed);
    if (failed)
        return;
    if (record)
        oi_mysql_answered(connection, mysql, record);
    oi_mysql_named_schema(&connection->place.schema, text, length);
}

OI_HOOK(int, mysql_query, (MYSQL * mysql, const char *text))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_query, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_query)(mysql, text);
    const char *sent = text;
    if (oi_agent.config.sqlcommenter)
        sent = oi_mysql_commented(&call, mysql, &span, oi_text_from(text)).at;
    int result = OI_REAL(call, mysql_query)(mysql, sent);
    oi_call_resume(&call);
    queried(connection, mysql, &span, text, strlen(text), result != 0);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(int, mysql_real_query, (MYSQL * mysql, const char *text, unsigned long length))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_real_query, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_real_query)(mysql, text, length);
    struct oi_text sql = {text, length == (unsigned long)-1 ? strlen(text) : length}, sent = {text, length};
    if (oi_agent.config.sqlcommenter)
        sent = oi_mysql_commented(&call, mysql, &span, sql);
    int result = OI_REAL(call, mysql_real_query)(mysql, sent.at, sent.len);
    oi_call_resume(&call);
    queried(connection, mysql, &span, sql.at, sql.len, result != 0);
    oi_call_leave(&call);
    return result;
}

/* One statement in two calls: its span waits for the second. */
OI_HOOK(int, mysql_send_query, (MYSQL * mysql, const char *text, unsigned long length))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_send_query, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_send_query)(mysql, text, length);
    int result = OI_REAL(call, mysql_send_query)(mysql, text, length);
    oi_call_resume(&call);
    struct oi_sql_call sent = oi_mysql_text_call(text, length);
    struct oi_record *record = oi_mysql_call_record(connection, mysql, &span, &sent, result != 0);
    if (result == 0)
        oi_mysql_named_schema(&connection->next_schema, text, length);
    if (record)
        oi_mysql_put(&connection->pending, record, true);
    oi_call_leave(&call);
    return result;
}

bool oi_mysql_awaited(struct oi_call *call, const struct oi_mysql_connection *connection)
{
    /* A statement that is not recorded may change the schema of one that is. */
    if (!connection || !(oi_mysql_waits(&connection->pending) || connection->next_schema.known)) {
        oi_call_leave(call);
        return false;
    }
    oi_call_pause(call);
    return true;
}

/* The answer to a statement sent, or to the next one of several: `result` is what the library returned. */
void oi_mysql_next_answer(struct oi_mysql_connection *connection, MYSQL *mysql, int result)
{
    if (result == 0)
        oi_mysql_use_next_schema(connection);
    struct oi_record *record = oi_mysql_take(&connection->pending);
    if (!record)
        return;
    oi_mysql_lasted(&connection->pending, record);
    if (result == 0)
        oi_mysql_answered(connection, mysql, record);
    else if (OI_REAL_OF(connection->provider, mysql_errno)(mysql) != 0)
        oi_mysql_failed(connection, mysql, record);
    else
        oi_mysql_put(&connection->pending, record, false);
}

OI_HOOK(my_bool, mysql_read_query_result, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_read_query_result, 1)
    if (!call.watched || !oi_mysql_awaited(&call, connection))
        return OI_REAL(call, mysql_read_query_result)(mysql);
    my_bool result = OI_REAL(call, mysql_read_query_result)(mysql);
    oi_call_resume(&call);
    oi_mysql_next_answer(connection, mysql, result);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(my_bool, mysql_commit, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_commit, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_commit)(mysql);
    my_bool result = OI_REAL(call, mysql_commit)(mysql);
    oi_call_resume(&call);
    struct oi_sql_call made = oi_mysql_named_call(OI_TEXT("COMMIT"));
    oi_mysql_end(connection, mysql, &span, &made, result != 0);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(my_bool, mysql_rollback, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_rollback, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_rollback)(mysql);
    my_bool result = OI_REAL(call, mysql_rollback)(mysql);
    oi_call_resume(&call);
    struct oi_sql_call made = oi_mysql_named_call(OI_TEXT("ROLLBACK"));
    oi_mysql_end(connection, mysql, &span, &made, result != 0);
    oi_call_leave(&call);
    return result;
}

/* Sent as the statement it is. */
OI_HOOK(my_bool, mysql_autocommit, (MYSQL * mysql, my_bool mode))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_autocommit, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_autocommit)(mysql, mode);
    my_bool result = OI_REAL(call, mysql_autocommit)(mysql, mode);
    oi_call_resume(&call);
    const char *text = mode ? "SET autocommit=1" : "SET autocommit=0";
    struct oi_sql_call made = oi_mysql_text_call(text, strlen(text));
    oi_mysql_end(connection, mysql, &span, &made, result != 0);
    oi_call_leave(&call);
    return result;
}
