/* Where a connection is, as whom and in which schema: as the connected library says it, and for a connect that failed
 * as far as the program has said it. */
#include "hooks/libmariadb.h"

/* --- what the library says -------------------------------------------------------------------------------------------
 */

/* What MariaDB's library says of itself, NULL if nothing; false: it cannot be asked, as MySQL's. */
static bool ask(const struct oi_provider *provider, MYSQL *mysql, enum mariadb_value what, const char **text)
{
    *text = NULL;
    return OI_REAL_OF(provider, mariadb_get_infov) && !OI_REAL_OF(provider, mariadb_get_infov)(mysql, what, text);
}

static const char *info(const struct oi_provider *provider, MYSQL *mysql, enum mariadb_value what)
{
    const char *text;
    return ask(provider, mysql, what, &text) ? text : NULL;
}

/* `127.0.0.1 via TCP/IP`, `Localhost via UNIX socket`: the one thing both libraries say of where they are connected. */
static void describe_peer(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    const struct oi_provider *provider = connection->provider;
    const char *peer = OI_REAL_OF(provider, mysql_get_host_info)(mysql);
    const char *via = peer ? strstr(peer, " via ") : NULL;
    connection->session = peer;
    if (!via)
        return;
    if (strstr(via, "TCP")) {
        const char *host = info(provider, mysql, MARIADB_CONNECTION_HOST);
        oi_mysql_keep(&connection->place.host, host ? host : peer);
        if (!host && connection->place.host.len > via - peer)
            connection->place.host.len = (uint8_t)(via - peer);
        unsigned int port = 0;
        if (OI_REAL_OF(provider, mariadb_get_infov))
            OI_REAL_OF(provider, mariadb_get_infov)(mysql, MARIADB_CONNECTION_PORT, &port);
        if (port != 0)
            connection->place.port = (uint16_t)port;
        connection->place.transport = OI_TRANSPORT_TCP;
    } else if (strstr(via, "socket")) {
        const char *path = info(provider, mysql, MARIADB_CONNECTION_UNIX_SOCKET);
        if (path)
            oi_mysql_keep(&connection->place.host, path);
        /* MySQL's library does not say which socket, where the program has not. */
        bool is_path = connection->place.host.known && connection->place.host.at[0] == '/';
        if (!is_path)
            oi_mysql_keep(&connection->place.host, "localhost");
        connection->place.port = 0;
        connection->place.transport = is_path ? OI_TRANSPORT_UNIX : OI_TRANSPORT_UNKNOWN;
    }
}

void oi_mysql_describe(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    const struct oi_provider *provider = connection->provider;
    const char *server = OI_REAL_OF(provider, mysql_get_server_info)(mysql);
    if (!server)
        return;
    connection->described = true;
    connection->place.system = strstr(server, "MariaDB") ? OI_DB_MARIADB : OI_DB_MYSQL;
    describe_peer(connection, mysql);
    const char *user = info(provider, mysql, MARIADB_CONNECTION_USER), *schema;
    if (user)
        oi_mysql_keep(&connection->place.user, user);
    if (ask(provider, mysql, MARIADB_CONNECTION_SCHEMA, &schema)) {
        oi_mysql_keep(&connection->place.schema, schema);
        connection->told = connection->place.schema;
    }
}

/* The text about the peer is another one for each session: the library makes the new one before it frees the old. */
void oi_mysql_follow_session(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    if (connection->described && OI_REAL_OF(connection->provider, mysql_get_host_info)(mysql) != connection->session)
        oi_mysql_describe(connection, mysql);
}

void oi_mysql_follow_schema(struct oi_mysql_connection *connection, MYSQL *mysql)
{
    struct oi_mysql_text *told = &connection->told;
    const char *schema;
    if (!connection->described || !ask(connection->provider, mysql, MARIADB_CONNECTION_SCHEMA, &schema))
        return;
    size_t length = schema ? strnlen(schema, sizeof told->at) : 0;
    if (length == told->len && memcmp(told->at, schema ? schema : "", length) == 0)
        return;
    oi_mysql_keep(told, schema);
    connection->place.schema = *told;
}

/* --- what the program says -------------------------------------------------------------------------------------------
 */

struct oi_mysql_options oi_mysql_read_options(const struct oi_provider *provider, MYSQL *mysql)
{
    unsigned int protocol = MYSQL_PROTOCOL_DEFAULT;
    const char *file = NULL, *group = NULL;
    if (OI_REAL_OF(provider, mysql_get_option)) {
        OI_REAL_OF(provider, mysql_get_option)(mysql, MYSQL_OPT_PROTOCOL, &protocol);
        OI_REAL_OF(provider, mysql_get_option)(mysql, MYSQL_READ_DEFAULT_FILE, &file);
        OI_REAL_OF(provider, mysql_get_option)(mysql, MYSQL_READ_DEFAULT_GROUP, &group);
    }
    return (struct oi_mysql_options){protocol == MYSQL_PROTOCOL_TCP, (file && *file) || (group && *group)};
}

/* A host may be a whole connection string with a password in it, or a list of hosts. Which port is meant where none is
 * given is the library's secret: a file, an option, an environment variable or /etc/services says so. */
void oi_mysql_keep_arguments(struct oi_mysql_connection *connection, const struct oi_mysql_arguments *given,
                             struct oi_mysql_options options)
{
    const char *host = given->host && *given->host ? given->host : NULL;
    /* MariaDB's library has an option for the host, which cannot be asked for. */
    if (!host && !options.defaults && !OI_REAL_OF(connection->provider, mariadb_get_infov))
        host = "localhost";
    bool plain = host && !strpbrk(host, ";=") && !strstr(host, "://");
    oi_mysql_keep(&connection->place.user, given->user);
    oi_mysql_keep(&connection->place.schema, given->schema);
    oi_mysql_keep(&connection->place.host, plain ? host : NULL);
    connection->told = connection->place.schema;
    connection->place.port = 0;
    connection->place.transport = OI_TRANSPORT_UNKNOWN;
    if (!plain)
        return;
    if (strcmp(host, "localhost") != 0 || options.tcp) {
        connection->place.transport = OI_TRANSPORT_TCP;
        connection->place.port = strchr(host, ',') ? 0 : (uint16_t)given->port;
    } else if (given->path && *given->path && !options.defaults) {
        oi_mysql_keep(&connection->place.host, given->path);
        connection->place.transport = OI_TRANSPORT_UNIX;
    }
}

void oi_mysql_keep_named_place(struct oi_mysql_connection *connection, unsigned int code, const char *message)
{
    enum { CR_CONNECTION = 2002, CR_CONN_HOST = 2003, CR_UNKNOWN_HOST = 2005 };
    /* The last text in quotes: `Can't` has one too. */
    const char *to = strrchr(message, '\'');
    const char *from = to ? memrchr(message, '\'', (size_t)(to - message)) : NULL;
    if ((code != CR_CONNECTION && code != CR_CONN_HOST && code != CR_UNKNOWN_HOST) || !from || ++from == to)
        return;
    if (*from == '/') {
        connection->place.transport = OI_TRANSPORT_UNIX;
        connection->place.port = 0;
    } else if (connection->place.host.known) {
        return;
    }
    oi_mysql_keep(&connection->place.host, from);
    if (connection->place.host.len > to - from)
        connection->place.host.len = (uint8_t)(to - from);
}
