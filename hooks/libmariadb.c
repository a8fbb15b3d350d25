/* Connections: making, changing and ending them. */
#include "hooks/libmariadb.h"

OI_LIBRARY_TABLE(libmariadb, OI_MYSQL_FUNCTIONS);

struct oi_handles oi_mysql_connections = OI_HANDLES(struct oi_mysql_connection);

/* The program ends, perhaps in the middle of a result. */
static void deliver_connection(void *state)
{
    oi_mysql_settle(&((struct oi_mysql_connection *)state)->pending);
}

static void deliver_statement(void *state)
{
    oi_mysql_settle(&((struct oi_mysql_statement *)state)->pending);
}

static void deliver(void)
{
    oi_handles_each(&oi_mysql_connections, deliver_connection);
    oi_handles_each(&oi_mysql_statements, deliver_statement);
}

static _Atomic(uint32_t) connections_made;

/* A state left under the same address by a handle that was closed out of our sight may still hold a span. */
static struct oi_mysql_connection *add(const struct oi_provider *provider, MYSQL *mysql)
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    if (connection)
        oi_mysql_settle(&connection->pending);
    connection = oi_handles_add(&oi_mysql_connections, mysql);
    if (connection) {
        connection->provider = provider;
        connection->number = atomic_fetch_add_explicit(&connections_made, 1, memory_order_relaxed);
    }
    oi_library_libmariadb.deliver = deliver;
    return connection;
}

struct oi_mysql_connection *oi_mysql_adopt(const struct oi_provider *provider, MYSQL *mysql)
{
    if (!mysql)
        return NULL;
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    if (!connection)
        connection = add(provider, mysql);
    if (connection && !connection->described)
        oi_mysql_describe(connection, mysql);
    return connection;
}

enum { ALREADY_CONNECTED = 2058 };

OI_HOOK(MYSQL *, mysql_init, (MYSQL * mysql))
{
    struct oi_call call = oi_call_enter(&oi_library_libmariadb, OI_CALLER);
    if (!call.provider)
        return NULL;
    if (!call.watched)
        return OI_REAL(call, mysql_init)(mysql);
    oi_worker_need();
    oi_call_pause(&call);
    MYSQL *made = OI_REAL(call, mysql_init)(mysql);
    oi_call_resume(&call);
    if (made)
        add(call.provider, made);
    oi_call_leave(&call);
    return made;
}

static void connected(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span)
{
    oi_mysql_describe(connection, mysql);
    struct oi_sql_call call = oi_mysql_named_call(OI_TEXT("connect"));
    if (oi_agent.config.connect_spans)
        oi_record_submit(oi_mysql_record(span, connection, &call, NULL));
}

static void not_connected(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                          unsigned int code)
{
    const char *message = OI_REAL_OF(connection->provider, mysql_error)(mysql);
    struct oi_mysql_failure failure;
    oi_mysql_failure(&failure, code, oi_text_from(message));
    oi_mysql_keep_named_place(connection, code, message);
    struct oi_sql_call call = oi_mysql_named_call(OI_TEXT("connect"));
    oi_record_submit(oi_mysql_record(span, connection, &call, &failure));
}

static void connect_over(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                         const MYSQL *result)
{
    if (result)
        connected(connection, mysql, span);
    else
        not_connected(connection, mysql, span, OI_REAL_OF(connection->provider, mysql_errno)(mysql));
}

OI_HOOK(MYSQL *, mysql_real_connect,
        (MYSQL * mysql, const char *host, const char *user, const char *password, const char *schema, unsigned int port,
         const char *path, unsigned long flags))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_real_connect, NULL)
    if (call.watched)
        oi_worker_need();
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_real_connect)(mysql, host, user, password, schema, port, path, flags);
    struct oi_mysql_options options = oi_mysql_read_options(call.provider, mysql);
    errno = call.error;
    MYSQL *result = OI_REAL(call, mysql_real_connect)(mysql, host, user, password, schema, port, path, flags);
    oi_call_resume(&call);
    unsigned int code = result ? 0 : OI_REAL(call, mysql_errno)(mysql);
    if (code != ALREADY_CONNECTED) {
        connection->described = false;
        oi_mysql_keep_arguments(connection, &(struct oi_mysql_arguments){host, user, schema, path, port}, options);
    }
    connect_over(connection, mysql, &span, result);
    oi_call_leave(&call);
    return result;
}

/* Made again as it was: where it goes is said by nobody but the library. */
OI_HOOK(my_bool, mariadb_reconnect, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mariadb_reconnect, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mariadb_reconnect)(mysql);
    my_bool result = OI_REAL(call, mariadb_reconnect)(mysql);
    oi_call_resume(&call);
    connect_over(connection, mysql, &span, result ? NULL : mysql);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(int, mysql_real_connect_start,
        (MYSQL * *ret, MYSQL *mysql, const char *host, const char *user, const char *password, const char *schema,
         unsigned int port, const char *path, unsigned long flags))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_real_connect_start, (*ret = NULL, 0))
    if (call.watched)
        oi_worker_need();
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_real_connect_start)(ret, mysql, host, user, password, schema, port, path, flags);
    struct oi_mysql_options options = oi_mysql_read_options(call.provider, mysql);
    errno = call.error;
    int status = OI_REAL(call, mysql_real_connect_start)(ret, mysql, host, user, password, schema, port, path, flags);
    oi_call_resume(&call);
    if (status != 0 || *ret || OI_REAL(call, mysql_errno)(mysql) != ALREADY_CONNECTED) {
        connection->described = false;
        oi_mysql_keep_arguments(connection, &(struct oi_mysql_arguments){host, user, schema, path, port}, options);
    }
    connection->starting = span;
    connection->pending.started = status != 0;
    if (status == 0)
        connect_over(connection, mysql, &span, *ret);
    oi_call_leave(&call);
    return status;
}

OI_HOOK(int, mysql_real_connect_cont, (MYSQL * *ret, MYSQL *mysql, int ready))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_real_connect_cont, (*ret = NULL, 0))
    if (!call.watched || !oi_mysql_under_way(&call, connection))
        return OI_REAL(call, mysql_real_connect_cont)(ret, mysql, ready);
    int status = OI_REAL(call, mysql_real_connect_cont)(ret, mysql, ready);
    if (status != 0)
        return status;
    oi_call_resume(&call);
    connection->pending.started = false;
    connect_over(connection, mysql, &connection->starting, *ret);
    oi_call_leave(&call);
    return 0;
}

/* The program is done with the handle when it begins to close it. */
static void forget(MYSQL *mysql, struct oi_mysql_connection *connection)
{
    if (!connection)
        return;
    oi_mysql_settle(&connection->pending);
    oi_mysql_forget_comment(mysql);
    oi_handles_remove(&oi_mysql_connections, mysql);
}

OI_HOOK(int, mysql_close_start, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_close_start, 0)
    if (call.watched) {
        forget(mysql, connection);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_close_start)(mysql);
}

OI_HOOK(void, mysql_close, (MYSQL * mysql))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_close, )
    if (call.watched) {
        forget(mysql, connection);
        oi_call_leave(&call);
    }
    OI_REAL(call, mysql_close)(mysql);
}

OI_HOOK(int, mysql_select_db, (MYSQL * mysql, const char *schema))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_select_db, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_select_db)(mysql, schema);
    int result = OI_REAL(call, mysql_select_db)(mysql, schema);
    oi_call_resume(&call);
    if (result == 0)
        oi_mysql_keep(&connection->place.schema, schema);
    struct oi_sql_call made = oi_mysql_named_call(OI_TEXT("USE"));
    oi_mysql_end(connection, mysql, &span, &made, result != 0);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(my_bool, mysql_change_user, (MYSQL * mysql, const char *user, const char *password, const char *schema))
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    OI_MYSQL_ENTER(call, connection, mysql_change_user, 1)
    struct oi_span span;
    if (!call.watched || !oi_mysql_begin(&call, &connection, mysql, &span))
        return OI_REAL(call, mysql_change_user)(mysql, user, password, schema);
    my_bool result = OI_REAL(call, mysql_change_user)(mysql, user, password, schema);
    oi_call_resume(&call);
    if (!result) {
        oi_mysql_keep(&connection->place.user, user);
        oi_mysql_keep(&connection->place.schema, schema);
    }
    struct oi_sql_call made = oi_mysql_named_call(OI_TEXT("change_user"));
    oi_mysql_end(connection, mysql, &span, &made, result != 0);
    oi_call_leave(&call);
    return result;
}
