/* The results of statements sent as text: stored, read row by row, given back. */
#include "hooks/libmariadb.h"

/* A result that is read row by row (mysql_use_result): whose it is, and of which statement. */
struct unbuffered {
    const struct oi_provider *provider;
    struct oi_mysql_connection *connection;
    MYSQL *mysql;
    uint64_t start_mono_ns; /* the statement's, to know it again */
};

static struct oi_handles results = OI_HANDLES(struct unbuffered);

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
