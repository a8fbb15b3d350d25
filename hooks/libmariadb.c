/* Connections: making, naming and ending them. */
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

enum { DEFAULT_PORT = 3306, ALREADY_CONNECTED = 2058 };

void oi_mysql_keep(struct oi_mysql_text *text, const char *value)
{
    text->known = value && *value;
    text->len = 0;
    if (!text->known)
        return;
    size_t length = strnlen(value, sizeof text->at);
    memcpy(text->at, value, length);
    text->len = (uint8_t)length;
}

/* What MariaDB's library says of itself; absent in MySQL's. */
static const char *info(const struct oi_provider *provider, MYSQL *mysql, enum mariadb_value what)
{
    const char *text = NULL;
    if (!OI_REAL_OF(provider, mariadb_get_infov) || OI_REAL_OF(provider, mariadb_get_infov)(mysql, what, &text))
        return NULL;
    return text;
}

/* `127.0.0.1 via TCP/IP`, `Localhost via UNIX socket`: the one thing both libraries say of where they are connected. */
static void describe_peer(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    const struct oi_provider *provider = connection->provider;
    const char *peer = OI_REAL_OF(provider, mysql_get_host_info)(mysql);
    const char *via = peer ? strstr(peer, " via ") : NULL;
    if (!via)
        return;
    if (strstr(via, "TCP")) {
        const char *host = info(provider, mysql, MARIADB_CONNECTION_HOST);
        oi_mysql_keep(&connection->host, host ? host : peer);
        if (!host && connection->host.len > via - peer)
            connection->host.len = (uint8_t)(via - peer);
        unsigned int port = 0;
        if (OI_REAL_OF(provider, mariadb_get_infov))
            OI_REAL_OF(provider, mariadb_get_infov)(mysql, MARIADB_CONNECTION_PORT, &port);
        if (port != 0)
            connection->port = (uint16_t)port;
        connection->transport = OI_TRANSPORT_TCP;
    } else if (strstr(via, "socket")) {
        const char *path = info(provider, mysql, MARIADB_CONNECTION_UNIX_SOCKET);
        if (path)
            oi_mysql_keep(&connection->host, path);
        connection->port = 0;
        connection->transport = OI_TRANSPORT_UNIX;
    }
}

/* Asks a connected library: a defaults file or an option may have said something else than the arguments did. */
static void describe(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    const struct oi_provider *provider = connection->provider;
    const char *server = OI_REAL_OF(provider, mysql_get_server_info)(mysql);
    if (!server)
        return;
    connection->described = true;
    connection->system = strstr(server, "MariaDB") ? OI_DB_MARIADB : OI_DB_MYSQL;
    describe_peer(connection, mysql);
    const char *user = info(provider, mysql, MARIADB_CONNECTION_USER);
    if (user)
        oi_mysql_keep(&connection->user, user);
    const char *schema = info(provider, mysql, MARIADB_CONNECTION_SCHEMA);
    if (schema)
        oi_mysql_keep(&connection->schema, schema);
}

/* A state left under the same address by a handle that was closed out of our sight may still hold a span. */
static struct oi_mysql_connection *add(const struct oi_provider *provider, MYSQL *mysql)
{
    struct oi_mysql_connection *connection = oi_mysql_connection(mysql);
    if (connection)
        oi_mysql_settle(&connection->pending);
    connection = oi_handles_add(&oi_mysql_connections, mysql);
    if (connection)
        connection->provider = provider;
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
        describe(connection, mysql);
    return connection;
}

/* Which place an error message names: `... on '127.0.0.1' (111)`, `... through socket '/run/x.sock' (2)`. The library
 * forgets where it tried to go when it fails, and only it knows its defaults. */
static void keep_named_place(struct oi_mysql_connection *connection, unsigned int code, const char *message)
{
    enum { CR_CONNECTION = 2002, CR_CONN_HOST = 2003, CR_UNKNOWN_HOST = 2005 };
    /* The last text in quotes: `Can't` has one too. */
    const char *to = strrchr(message, '\'');
    const char *from = to ? memrchr(message, '\'', (size_t)(to - message)) : NULL;
    if ((code != CR_CONNECTION && code != CR_CONN_HOST && code != CR_UNKNOWN_HOST) || !from || ++from == to)
        return;
    if (*from == '/') {
        connection->transport = OI_TRANSPORT_UNIX;
        connection->port = 0;
    } else if (connection->host.known) {
        return;
    }
    oi_mysql_keep(&connection->host, from);
    if (connection->host.len > to - from)
        connection->host.len = (uint8_t)(to - from);
}

/* What was said to a handle before its connect; the library forgets it when the connect fails. */
struct options {
    bool tcp;      /* also to localhost */
    bool defaults; /* a file of defaults may name any place */
};

static struct options read_options(const struct oi_provider *provider, MYSQL *mysql)
{
    unsigned int protocol = MYSQL_PROTOCOL_DEFAULT;
    const char *file = NULL, *group = NULL;
    if (OI_REAL_OF(provider, mysql_get_option)) {
        OI_REAL_OF(provider, mysql_get_option)(mysql, MYSQL_OPT_PROTOCOL, &protocol);
        OI_REAL_OF(provider, mysql_get_option)(mysql, MYSQL_READ_DEFAULT_FILE, &file);
        OI_REAL_OF(provider, mysql_get_option)(mysql, MYSQL_READ_DEFAULT_GROUP, &group);
    }
    return (struct options){protocol == MYSQL_PROTOCOL_TCP, (file && *file) || (group && *group)};
}

struct arguments {
    const char *host, *user, *schema, *path;
    unsigned int port;
};

/* Where a connect goes, as far as its arguments tell. A host may be a whole connection string with a password in it. */
static void keep_arguments(struct oi_mysql_connection *connection, const struct arguments *given,
                           struct options options)
{
    const char *host = given->host && *given->host ? given->host : NULL;
    bool plain = host && !strpbrk(host, ";=") && !strstr(host, "://");
    bool local = plain ? strcmp(host, "localhost") == 0 : !host && !options.defaults;
    oi_mysql_keep(&connection->user, given->user);
    oi_mysql_keep(&connection->schema, given->schema);
    oi_mysql_keep(&connection->host, plain ? host : NULL);
    connection->port = 0;
    connection->transport = OI_TRANSPORT_UNKNOWN;
    if (local && !options.tcp) {
        oi_mysql_keep(&connection->host, given->path && *given->path ? given->path : "localhost");
        connection->transport = OI_TRANSPORT_UNIX;
    } else if (plain || local) {
        if (local)
            oi_mysql_keep(&connection->host, "localhost");
        connection->transport = OI_TRANSPORT_TCP;
        connection->port = (uint16_t)(given->port != 0 ? given->port : options.defaults ? 0 : DEFAULT_PORT);
    }
}

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
    describe(connection, mysql);
    struct oi_sql_call call = oi_mysql_named_call(OI_TEXT("connect"));
    if (oi_agent.config.connect_spans)
        oi_record_submit(oi_mysql_record(span, connection, &call, NULL));
}

static void not_connected(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                          unsigned int code)
{
    const char *message = OI_REAL_OF(connection->provider, mysql_error)(mysql);
    struct oi_mysql_failure failure;
    oi_mysql_failure(&failure, code, message);
    keep_named_place(connection, code, message);
    struct oi_sql_call call = oi_mysql_named_call(OI_TEXT("connect"));
    oi_record_submit(oi_mysql_record(span, connection, &call, &failure));
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
    struct options options = read_options(call.provider, mysql);
    errno = call.error;
    MYSQL *result = OI_REAL(call, mysql_real_connect)(mysql, host, user, password, schema, port, path, flags);
    oi_call_resume(&call);
    unsigned int code = result ? 0 : OI_REAL(call, mysql_errno)(mysql);
    if (code != ALREADY_CONNECTED) {
        connection->described = false;
        keep_arguments(connection, &(struct arguments){host, user, schema, path, port}, options);
    }
    if (result)
        connected(connection, mysql, &span);
    else
        not_connected(connection, mysql, &span, code);
    oi_call_leave(&call);
    return result;
}

static void connect_over(struct oi_mysql_connection *connection, MYSQL *mysql, const struct oi_span *span,
                         const MYSQL *result)
{
    if (result)
        connected(connection, mysql, span);
    else
        not_connected(connection, mysql, span, OI_REAL_OF(connection->provider, mysql_errno)(mysql));
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
    struct options options = read_options(call.provider, mysql);
    errno = call.error;
    int status = OI_REAL(call, mysql_real_connect_start)(ret, mysql, host, user, password, schema, port, path, flags);
    oi_call_resume(&call);
    if (status != 0 || *ret || OI_REAL(call, mysql_errno)(mysql) != ALREADY_CONNECTED) {
        connection->described = false;
        keep_arguments(connection, &(struct arguments){host, user, schema, path, port}, options);
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
        oi_mysql_keep(&connection->schema, schema);
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
        oi_mysql_keep(&connection->user, user);
        oi_mysql_keep(&connection->schema, schema);
    }
    struct oi_sql_call made = oi_mysql_named_call(OI_TEXT("change_user"));
    oi_mysql_end(connection, mysql, &span, &made, result != 0);
    oi_call_leave(&call);
    return result;
}
