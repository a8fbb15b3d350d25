/* Connections that the program opened: which protocol they speak, and whose spans begin on them. */
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "hooks/connection.h"

bool oi_clients_wanted(void)
{
    return oi_http_client_wanted() || oi_redis_client_wanted() || oi_mysql_client_wanted();
}

void oi_client_begin(struct oi_connection *connection, bool blocking, bool stream)
{
    struct oi_context context;
    connection->protocol = OI_CLIENT_HTTP1;
    connection->detector = (struct oi_wire_detector){.verdict = OI_WIRE_MORE};
    connection->opener.active = oi_context_active(&context, &connection->opener.generation);
    connection->opener.blocking = blocking;
    connection->opener.unix_ns = oi_clock_ns(CLOCK_REALTIME);
    connection->opener.mono_ns = oi_mono_ns();
    connection->now_unix_ns = connection->now_mono_ns = 0;
    oi_http_client_begin(&connection->client, &connection->opener);
    if (stream)
        return;
    connection->detector.verdict = OI_WIRE_NONE;
    connection->client.over = true;
}

/* A tunnel's request has been answered. Where one has not, nobody knows what its answer may be inside of. */
void oi_client_secure(struct oi_connection *connection)
{
    if (connection->protocol != OI_CLIENT_HTTP1 || connection->client.first)
        return;
    oi_http_client_begin(&connection->client, &connection->opener);
    connection->detector = (struct oi_wire_detector){.verdict = OI_WIRE_MORE};
}

void oi_client_note_time(struct oi_connection *connection)
{
    connection->now_unix_ns = oi_clock_ns(CLOCK_REALTIME);
    connection->now_mono_ns = oi_mono_ns();
}

/* What has no descriptor was opened before we knew of it, maybe in an earlier turn of a loop: where what is current has
 * changed since, nobody can say whose it is. */
static __attribute__((noinline)) bool opener_is_uncertain(const struct oi_connection *connection)
{
    struct oi_context context;
    uint32_t generation = 0;
    const struct oi_active *active = connection->apart ? oi_context_active(&context, &generation) : NULL;
    return connection->apart &&
           (active != connection->opener.active || (active && generation != connection->opener.generation));
}

/* Apart, for the sake of the stack. */
static __attribute__((noinline)) bool is_in_request(void)
{
    struct oi_context current;
    return oi_context_current(&current);
}

void oi_client_start_span(const struct oi_connection *connection, bool first, struct oi_span *span)
{
    bool by_thread = connection->opener.blocking && is_in_request();
    if (first && opener_is_uncertain(connection))
        oi_span_start_in(span, NULL, 0);
    else if (first && !by_thread)
        oi_span_start_in(span, connection->opener.active, connection->opener.generation);
    else
        oi_span_start(span);
    if (connection->now_mono_ns != 0) {
        span->start_unix_ns = connection->now_unix_ns;
        span->start_mono_ns = connection->now_mono_ns;
    }
}

struct oi_text oi_client_error_name(int error)
{
    static const struct {
        int number;
        struct oi_text name;
    } names[] = {
        {EPIPE, OI_TEXT("EPIPE")},
        {ECONNRESET, OI_TEXT("ECONNRESET")},
        {ETIMEDOUT, OI_TEXT("ETIMEDOUT")},
        {ECONNREFUSED, OI_TEXT("ECONNREFUSED")},
        {ECONNABORTED, OI_TEXT("ECONNABORTED")},
        {EHOSTUNREACH, OI_TEXT("EHOSTUNREACH")},
        {ENETUNREACH, OI_TEXT("ENETUNREACH")},
        {ENETDOWN, OI_TEXT("ENETDOWN")},
        {EBADF, OI_TEXT("EBADF")},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == error)
            return names[i].name;
    return OI_TEXT("_OTHER");
}

/* --- whose it is -------------------------------------------------------------------------------------------------- */

bool oi_client_waits(const struct oi_connection *connection)
{
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        return connection->redis.first != NULL;
    case OI_CLIENT_MYSQL:
        return oi_mysql_client_waits(&connection->mysql);
    default:
        return connection->client.first != NULL;
    }
}

void oi_client_turn(const struct oi_connection *connection)
{
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        oi_redis_client_turn(&connection->redis);
        break;
    case OI_CLIENT_MYSQL:
        oi_mysql_client_turn(connection);
        break;
    default:
        oi_http_client_turn(&connection->client);
        break;
    }
}

size_t oi_client_place(const struct oi_connection *connection, int fd, char room[OI_CLIENT_PLACE])
{
    union {
        struct sockaddr_un address;
        struct sockaddr any;
    } peer = {0};
    _Static_assert(sizeof peer.address.sun_path == OI_CLIENT_PLACE, "any path has room");
    socklen_t length = sizeof peer.address;
    if (connection->peer.family != AF_UNIX)
        return oi_address_text(&connection->peer, room).len;
    if (oi_life_confined() || getpeername(fd, &peer.any, &length) != 0)
        return 0;
    memcpy(room, peer.address.sun_path, OI_CLIENT_PLACE);
    return strnlen(room, OI_CLIENT_PLACE);
}

/* --- which protocol it is ----------------------------------------------------------------------------------------- */

/* Apart, for the sake of the stack. */
static __attribute__((noinline)) void set_time(struct oi_connection *connection, uint64_t mono_ns)
{
    connection->now_unix_ns = oi_clock_ns(CLOCK_REALTIME) - (oi_mono_ns() - mono_ns);
    connection->now_mono_ns = mono_ns;
}

/* Outside of a write (a reply has told what it was), what was kept has the time of its own. */
static void give_kept(struct oi_connection *connection, int fd)
{
    bool past = connection->now_mono_ns == 0;
    if (connection->protocol == OI_CLIENT_MYSQL) {
        oi_mysql_client_received(connection, connection->detector.bytes, connection->detector.kept);
        return;
    }
    if (past)
        set_time(connection, connection->opener.said_mono_ns);
    oi_redis_client_sent(connection, fd, connection->detector.bytes, connection->detector.kept);
    if (past)
        connection->now_mono_ns = 0;
}

static bool begins(struct oi_connection *connection, int fd, enum oi_wire verdict)
{
    bool mysql = verdict == OI_WIRE_MYSQL && oi_mysql_client_wanted();
    bool redis = verdict == OI_WIRE_RESP && oi_redis_client_wanted();
    if (!mysql && !redis)
        return false;
    oi_http_client_drop(connection);
    connection->protocol = mysql ? OI_CLIENT_MYSQL : OI_CLIENT_REDIS;
    if (mysql)
        oi_mysql_client_begin(connection, fd);
    else
        oi_redis_client_begin(connection, fd);
    return true;
}

/* Looks at what passes until that is known. True: it is now, and what was kept of it is to be given to the protocol. */
static bool tell(struct oi_connection *connection, int fd, enum oi_wire_side side, const char *at, size_t length)
{
    struct oi_wire_detector *detector = &connection->detector;
    if (detector->verdict != OI_WIRE_MORE)
        return false;
    if (side == OI_WIRE_CLIENT && detector->kept == 0)
        connection->opener.said_mono_ns = connection->now_mono_ns;
    return begins(connection, fd, oi_wire_detect(detector, side, at, length)) && detector->kept > 0;
}

/* --- what passes -------------------------------------------------------------------------------------------------- */

bool oi_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length, size_t beyond)
{
    if (tell(connection, fd, OI_WIRE_CLIENT, at, length))
        give_kept(connection, fd);
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        oi_redis_client_sent(connection, fd, at, length);
        return false;
    case OI_CLIENT_MYSQL:
        oi_mysql_client_sent(connection, fd, at, length, beyond);
        return false;
    default:
        return oi_http_client_sent(connection, fd, at, length);
    }
}

void oi_client_received(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    if (tell(connection, fd, OI_WIRE_SERVER, at, length))
        give_kept(connection, fd);
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        oi_redis_client_received(connection, at, length);
        break;
    case OI_CLIENT_MYSQL:
        oi_mysql_client_received(connection, at, length);
        break;
    default:
        oi_http_client_received(connection, at, length);
        break;
    }
}

void oi_client_end_of_input(struct oi_connection *connection)
{
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        oi_redis_client_end_of_input(connection);
        break;
    case OI_CLIENT_MYSQL:
        oi_mysql_client_end_of_input(connection);
        break;
    default:
        oi_http_client_end_of_input(connection);
        break;
    }
}

void oi_client_failed(struct oi_connection *connection, int error, bool sending)
{
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        oi_redis_client_failed(connection, error, sending);
        break;
    case OI_CLIENT_MYSQL:
        oi_mysql_client_failed(connection, error, sending);
        break;
    default:
        oi_http_client_failed(connection, error, sending);
        break;
    }
}

void oi_client_end(struct oi_connection *connection)
{
    switch ((enum oi_client_protocol)connection->protocol) {
    case OI_CLIENT_REDIS:
        oi_redis_client_end(connection);
        break;
    case OI_CLIENT_MYSQL:
        oi_mysql_client_end(connection);
        break;
    default:
        oi_http_client_end(connection);
        break;
    }
}
