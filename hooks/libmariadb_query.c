/* Statements sent as text, and their results. */
#include "agent/sql.h"
#include "hooks/libmariadb.h"

/* A result that is read row by row (mysql_use_result): whose it is, and of which statement. */
struct unbuffered {
    const struct oi_provider *provider;
    struct oi_mysql_connection *connection;
    MYSQL *mysql;
    uint64_t start_mono_ns; /* the statement's, to know it again */
};

static struct oi_handles results = OI_HANDLES(struct unbuffered);

bool oi_mysql_begin(struct oi_call *call, struct oi_mysql_connection **connection, MYSQL *mysql, struct oi_span *span)
{
    if (!*connection || !(*connection)->described)
        *connection = oi_mysql_adopt(call->provider, mysql);
    if (!*connection) {
        oi_call_leave(call);
        return false;
    }
    oi_mysql_settle(&(*connection)->pending);
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
                     OI_REAL_OF(connection->provider, mysql_error)(mysql));
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

void oi_mysql_named_schema(struct oi_mysql_text *schema, const char *text, size_t length)
{
    while (length > 0 && (*text == ' ' || (*text >= '\t' && *text <= '\r')))
        text++, length--;
    if (length == 0 || !memchr("uU/-#", *text, 5))
        return;
    struct oi_sql sql = {.query = {NULL, 0, 0, false}};
    oi_sql_analyze((struct oi_text){text, length}, &sql);
    if (!oi_text_present(sql.schema) || sql.schema.len == 0 || sql.schema.len > sizeof schema->at)
        return;
    memcpy(schema->at, sql.schema.at, sql.schema.len);
    schema->len = (uint8_t)sql.schema.len;
    schema->known = true;
}

void oi_mysql_follow_schema(struct oi_mysql_connection *connection, const char *text, size_t length)
{
    oi_mysql_named_schema(&connection->schema, text, length);
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
    oi_mysql_follow_schema(connection, text, length);
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
    if (record)
        oi_mysql_put(&connection->pending, record, true);
    oi_call_leave(&call);
    return result;
}

bool oi_mysql_awaited(struct oi_call *call, const struct oi_mysql_connection *connection)
{
    if (!connection || !oi_mysql_waits(&connection->pending)) {
        oi_call_leave(call);
        return false;
    }
    oi_call_pause(call);
    return true;
}

/* The answer to a statement sent, or to the next one of several: `result` is what the library returned. */
void oi_mysql_next_answer(struct oi_mysql_connection *connection, MYSQL *mysql, int result)
{
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

OI_HOOK(int, mysql_next_result, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_next_result, 1)
    if (!call.watched || !oi_mysql_awaited(&call, connection))
        return OI_REAL(call, mysql_next_result)(mysql);
    int result = OI_REAL(call, mysql_next_result)(mysql);
    oi_call_resume(&call);
    oi_mysql_next_answer(connection, mysql, result);
    oi_call_leave(&call);
    return result;
}

/* No result was given: there is none to give, or reading it failed. */
static void no_result(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    struct oi_record *record = oi_mysql_take(&connection->pending);
    if (!record)
        return;
    if (OI_REAL_OF(connection->provider, mysql_errno)(mysql) != 0) {
        oi_mysql_lasted(&connection->pending, record);
        oi_mysql_failed(connection, mysql, record);
    } else {
        oi_mysql_put(&connection->pending, record, OI_REAL_OF(connection->provider, mysql_more_results)(mysql));
    }
}

void oi_mysql_stored(struct oi_mysql_connection *connection, MYSQL *mysql, MYSQL_RES *result)
{
    if (!result) {
        no_result(connection, mysql);
        return;
    }
    struct oi_record *record = oi_mysql_take(&connection->pending);
    if (!record)
        return;
    oi_mysql_lasted(&connection->pending, record);
    oi_mysql_count(&connection->pending.returned, OI_REAL_OF(connection->provider, mysql_num_rows)(result));
    oi_mysql_put(&connection->pending, record, OI_REAL_OF(connection->provider, mysql_more_results)(mysql));
}

OI_HOOK(MYSQL_RES *, mysql_store_result, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_store_result, NULL)
    if (!call.watched || !oi_mysql_awaited(&call, connection))
        return OI_REAL(call, mysql_store_result)(mysql);
    MYSQL_RES *result = OI_REAL(call, mysql_store_result)(mysql);
    oi_call_resume(&call);
    oi_mysql_stored(connection, mysql, result);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(MYSQL_RES *, mysql_use_result, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_use_result, NULL)
    if (!call.watched || !oi_mysql_awaited(&call, connection))
        return OI_REAL(call, mysql_use_result)(mysql);
    MYSQL_RES *result = OI_REAL(call, mysql_use_result)(mysql);
    oi_call_resume(&call);
    if (!result) {
        no_result(connection, mysql);
    } else if (oi_mysql_waits(&connection->pending)) {
        struct unbuffered *rows = oi_handles_add(&results, result);
        if (rows)
            *rows = (struct unbuffered){connection->provider, connection, mysql, connection->pending.start_mono_ns};
        else
            oi_mysql_settle(&connection->pending);
    }
    oi_call_leave(&call);
    return result;
}

/* Before the rows are given back: how many were read, and whether an error ended them. The error is still the
 * connection's; out of sync (2014) is said of another call that was tried meanwhile. True: the span goes on waiting. */
static bool counted(const struct unbuffered *rows, my_ulonglong count)
{
    enum { OUT_OF_SYNC = 2014 };
    struct oi_mysql_pending *pending = &rows->connection->pending;
    /* Only a connection that waits for this very statement is known to be open still. */
    if (pending->start_mono_ns != rows->start_mono_ns)
        return false;
    struct oi_record *record = oi_mysql_take(pending);
    if (!record)
        return false;
    oi_mysql_count(&pending->returned, count);
    unsigned int code = OI_REAL_OF(rows->provider, mysql_errno)(rows->mysql);
    bool failed = code != 0 && code != OUT_OF_SYNC;
    if (failed) {
        oi_mysql_lasted(pending, record);
        oi_mysql_failed(rows->connection, rows->mysql, record);
    } else {
        oi_mysql_put(pending, record, true);
    }
    return !failed;
}

/* The rows have been given back. */
static void given_back(const struct unbuffered *rows)
{
    struct oi_mysql_pending *pending = &rows->connection->pending;
    struct oi_record *record = pending->start_mono_ns == rows->start_mono_ns ? oi_mysql_take(pending) : NULL;
    if (record)
        oi_mysql_put(pending, record, OI_REAL_OF(rows->provider, mysql_more_results)(rows->mysql));
}

/* Before that; true: something waits for it. `found` is forgotten whoever frees the result. */
static bool giving_back(struct oi_call *call, MYSQL_RES *result, struct unbuffered *found, struct unbuffered *rows)
{
    if (found) {
        *rows = *found;
        oi_handles_remove(&results, result);
    }
    if (!call->watched)
        return false;
    bool waits = found && counted(rows, OI_REAL(*call, mysql_num_rows)(result));
    oi_call_pause(call);
    return waits;
}

/* Rows read one by one end here; the real function throws away the unread ones. */
OI_HOOK(void, mysql_free_result, (MYSQL_RES * result))
{
    struct unbuffered *found = oi_handles_find(&results, result), rows;
    OI_MYSQL_ENTER(call, found, mysql_free_result, )
    bool waits = giving_back(&call, result, found, &rows);
    OI_REAL(call, mysql_free_result)(result);
    if (!waits)
        return;
    oi_call_resume(&call);
    given_back(&rows);
    oi_call_leave(&call);
}

OI_HOOK(int, mysql_free_result_start, (MYSQL_RES * result))
{
    struct unbuffered *found = oi_handles_find(&results, result), rows;
    OI_MYSQL_ENTER(call, found, mysql_free_result_start, 0)
    bool waits = giving_back(&call, result, found, &rows);
    int status = OI_REAL(call, mysql_free_result_start)(result);
    if (!waits)
        return status;
    oi_call_resume(&call);
    struct unbuffered *again = status != 0 ? oi_handles_add(&results, result) : NULL;
    if (again)
        *again = rows;
    else if (status == 0)
        given_back(&rows);
    oi_call_leave(&call);
    return status;
}

OI_HOOK(int, mysql_free_result_cont, (MYSQL_RES * result, int ready))
{
    struct unbuffered *found = oi_handles_find(&results, result), rows;
    OI_MYSQL_ENTER(call, found, mysql_free_result_cont, 0)
    if (found)
        rows = *found;
    if (call.watched)
        oi_call_pause(&call);
    int status = OI_REAL(call, mysql_free_result_cont)(result, ready);
    if (!call.watched || !found || status != 0)
        return status;
    oi_call_resume(&call);
    oi_handles_remove(&results, result);
    given_back(&rows);
    oi_call_leave(&call);
    return status;
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
