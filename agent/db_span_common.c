#include "agent/db_span_common.h"

/* --- db.connection_string -------------------------------------------------------------------------------------------
 */

/* What a URL may hold as it is: letters, digits and -._~ (RFC 3986, unreserved), a bit a character. */
static const uint32_t unreserved[8] = {0, 0x03ff6000, 0x87fffffe, 0x47fffffe};

static bool plain(char c, bool path)
{
    unsigned char at = (unsigned char)c;
    return (unreserved[at >> 5] >> (at & 31) & 1) != 0 || (path && c == '/');
}

/* Percent-encoded as RFC 3986 asks, so that a name with an @ in it does not become a host. */
static void put_encoded(struct oi_buffer *out, struct oi_text text, bool path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len;) {
        size_t run = i;
        while (run < text.len && plain(text.at[run], path))
            run++;
        if (run > i)
            oi_buffer_put(out, text.at + i, run - i);
        if (run < text.len) {
            unsigned char c = (unsigned char)text.at[run++];
            char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
            oi_buffer_put(out, encoded, 3);
        }
        i = run;
    }
}

void oi_db_put_number(struct oi_buffer *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    oi_buffer_put(out, digits + at, sizeof digits - at);
}

/* scheme://[user@]host[:port][/database], or for a socket scheme://[user@]/[database]?unix_socket=path (Redis, as its
 * clients write it: unix://path[?db=index]). There is no place for a password. */
static void connection_string(struct oi_record *record, const struct oi_db_connection *connection)
{
    bool redis = connection->system == OI_DB_REDIS, unix_socket = connection->transport == OI_TRANSPORT_UNIX;
    bool index = redis && connection->database_index >= 0;
    struct oi_text host = connection->host;
    if (!oi_text_present(host))
        return;
    size_t wanted =
        64 + host.len + 3 * connection->user.len + 3 * connection->name.len + (unix_socket ? 2 * host.len : 0);
    struct oi_buffer out = oi_record_text_begin(record, wanted);
    if (redis && unix_socket)
        oi_buffer_put(&out, "unix://", 7);
    else if (redis)
        oi_buffer_put(&out, "redis://", 8);
    else
        oi_buffer_put(&out, "mysql://", 8);
    if (!redis && connection->user.len > 0) {
        put_encoded(&out, connection->user, false);
        oi_buffer_char(&out, '@');
    }
    if (!unix_socket) {
        bool bracket = memchr(host.at, ':', host.len) && host.at[0] != '[';
        oi_buffer_put(&out, "[", bracket);
        oi_buffer_put(&out, host.at, host.len);
        oi_buffer_put(&out, "]", bracket);
        if (connection->port) {
            oi_buffer_char(&out, ':');
            oi_db_put_number(&out, connection->port);
        }
        oi_buffer_put(&out, "/", index || connection->name.len > 0);
    } else if (redis) {
        put_encoded(&out, host, true);
        oi_buffer_put(&out, "?db=", index ? 4 : 0);
    } else {
        oi_buffer_char(&out, '/');
    }
    put_encoded(&out, redis ? (struct oi_text){NULL, 0} : connection->name, false);
    if (index)
        oi_db_put_number(&out, (uint64_t)connection->database_index);
    if (unix_socket && !redis) {
        oi_buffer_put(&out, "?unix_socket=", 13);
        put_encoded(&out, host, true);
    }
    oi_record_str_owned(record, "db.connection_string", oi_record_text_end(record, &out));
}

/* --- attributes of the connection --------------------------------------------------------------------------------- */

static void old_connection(struct oi_record *record, const struct oi_db_connection *connection)
{
    bool redis = connection->system == OI_DB_REDIS;
    /* MariaDB too: whoever looks for it with the old conventions looks for mysql. */
    oi_record_str(record, "db.system", redis ? OI_TEXT("redis") : OI_TEXT("mysql"));
    oi_record_str(record, "net.peer.name", connection->host);
    if (connection->port && connection->transport != OI_TRANSPORT_UNIX)
        oi_record_int(record, "net.peer.port", connection->port);
    if (redis) {
        if (connection->transport != OI_TRANSPORT_UNKNOWN)
            oi_record_str(record, "net.transport",
                          connection->transport == OI_TRANSPORT_UNIX ? OI_TEXT("other") : OI_TEXT("ip_tcp"));
        if (connection->database_index >= 0)
            oi_record_int(record, "db.redis.database_index", connection->database_index);
    } else {
        oi_record_str(record, "db.name", connection->name);
        oi_record_str(record, "db.user", connection->user);
    }
    connection_string(record, connection);
}

static void database_index(struct oi_record *record, int index)
{
    struct oi_buffer out = oi_record_text_begin(record, 10);
    oi_db_put_number(&out, (uint64_t)index);
    oi_record_str_owned(record, "db.namespace", oi_record_text_end(record, &out));
}

struct oi_text oi_db_system_name(enum oi_db_system system)
{
    switch (system) {
    case OI_DB_REDIS:
        return OI_TEXT("redis");
    case OI_DB_MARIADB:
        return OI_TEXT("mariadb");
    default:
        return OI_TEXT("mysql");
    }
}

static void new_connection(struct oi_record *record, const struct oi_db_connection *connection)
{
    bool redis = connection->system == OI_DB_REDIS;
    oi_record_str(record, "db.system.name", oi_db_system_name(connection->system));
    oi_record_str(record, "server.address", connection->host);
    if (oi_text_present(connection->host) && connection->port && connection->port != (redis ? 6379 : 3306) &&
        connection->transport != OI_TRANSPORT_UNIX)
        oi_record_int(record, "server.port", connection->port);
    if (!redis) {
        oi_record_str(record, "db.namespace", connection->name);
        return;
    }
    if (connection->transport != OI_TRANSPORT_UNKNOWN)
        oi_record_str(record, "network.transport",
                      connection->transport == OI_TRANSPORT_UNIX ? OI_TEXT("unix") : OI_TEXT("tcp"));
    oi_record_str(record, "network.peer.address", connection->peer_address);
    if (connection->peer_port && oi_text_present(connection->peer_address))
        oi_record_int(record, "network.peer.port", connection->peer_port);
    if (connection->database_index >= 0)
        database_index(record, connection->database_index);
}

static bool same_text(const char *at, uint16_t length, struct oi_text text)
{
    return length == text.len && (length > 0 ? memcmp(at, text.at, length) == 0 : !text.at);
}

static bool front_fits(const struct oi_db_connection_front *front, const struct oi_db_connection *connection)
{
    return front->attributes.count > 0 && front->system == connection->system &&
           front->transport == connection->transport && front->port == connection->port &&
           front->peer_port == connection->peer_port && front->database_index == connection->database_index &&
           front->has_peer == oi_text_present(connection->peer_address) &&
           same_text(front->texts, front->host_length, connection->host) &&
           same_text(front->texts + front->host_length, front->user_length, connection->user) &&
           same_text(front->texts + front->host_length + front->user_length, front->name_length, connection->name);
}

static struct oi_text known(struct oi_text text)
{
    return oi_text_present(text) ? text : OI_TEXT("");
}

static void take_front(struct oi_db_connection_front *front, const struct oi_db_connection *connection,
                       const struct oi_record *record)
{
    const struct oi_text host = connection->host, user = known(connection->user), name = known(connection->name);
    struct oi_buffer texts = {.at = front->texts, .size = sizeof front->texts};
    front->attributes.count = 0;
    /* An absent text and an empty one are not the same, and a peer is only known by its being the host. */
    if ((connection->user.at && user.len == 0) || (connection->name.at && name.len == 0) || !host.at ||
        (connection->peer_address.at && connection->peer_address.at != host.at))
        return;
    oi_buffer_put(&texts, host.at, host.len);
    oi_buffer_put(&texts, user.at, user.len);
    oi_buffer_put(&texts, name.at, name.len);
    if (texts.truncated)
        return;
    front->system = connection->system;
    front->transport = connection->transport;
    front->port = connection->port;
    front->peer_port = connection->peer_port;
    front->has_peer = oi_text_present(connection->peer_address);
    front->database_index = connection->database_index;
    front->host_length = (uint16_t)host.len;
    front->user_length = (uint16_t)user.len;
    front->name_length = (uint16_t)name.len;
    oi_record_front_take(&front->attributes, record);
}

void oi_db_put_connection(struct oi_record *record, const struct oi_db_connection *connection)
{
    if (connection->front && front_fits(connection->front, connection)) {
        oi_record_front_put(&connection->front->attributes, record);
        return;
    }
    if (oi_db_old())
        old_connection(record, connection);
    if (oi_db_new())
        new_connection(record, connection);
    if (connection->front)
        take_front(connection->front, connection, record);
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

/* What is redacted is written in place: the stack below a socket's write has no room for it. Where the record has none
 * either, nothing is said. */
static void put_status(struct oi_record *record, struct oi_text message)
{
    enum { MOST = 512 };
    if (oi_agent.config.db_statement != OI_STATEMENT_RAW && oi_text_present(message)) {
        /* A ? may stand for an empty value. */
        struct oi_buffer out = oi_record_text_begin(record, message.len < MOST ? message.len + 1 : MOST);
        if (oi_redact_message(message, &out)) {
            oi_record_error_owned(record, oi_record_text_end(record, &out));
            return;
        }
    }
    oi_record_status(record, OI_STATUS_ERROR, message);
}

void oi_db_put_error(struct oi_record *record, const struct oi_db_error *error)
{
    if (!record || !error || !oi_text_present(error->code))
        return;
    put_status(record, error->message);
    if (!oi_db_new())
        return;
    if (error->from_server)
        oi_record_str(record, "db.response.status_code", error->code);
    oi_record_str(record, "error.type", error->code);
}
