/* A connection from the server's greeting to its end. */
#include "hooks/mysql_client.h"

#include <string.h>

#include "agent/gate.h"
#include "agent/pool.h"
#include "hooks/mysql_session.h"

const struct oi_scope oi_mysql_scope = {"otel-instrument.mysql", OI_AREA_DATABASE};

enum { SESSIONS = 2048 };

static struct oi_pool sessions = {
    .slot_size = (sizeof(struct oi_mysql_session) + 63) / 64 * 64, .count = SESSIONS, .modest = true};

static bool wanted;

void oi_mysql_client_init(void)
{
    wanted = oi_active() && !oi_list_has(oi_agent.config.disabled_instrumentations, "mysql");
}

bool oi_mysql_client_wanted(void)
{
    return wanted;
}

bool oi_mysql_elsewhere(uint32_t image, uint32_t forks)
{
    return image != oi_span_image() || forks != oi_life_forks();
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static void describe(struct oi_mysql_place *place, const struct oi_connection *connection, int fd)
{
    char host[OI_CLIENT_PLACE];
    place->system = OI_DB_MYSQL;
    oi_mysql_keep_text(&place->host, oi_text_of(host, oi_client_place(connection, fd, host)));
    if (connection->peer.family == AF_UNIX) {
        place->transport = OI_TRANSPORT_UNIX;
    } else if (connection->peer.family != 0) {
        place->transport = OI_TRANSPORT_TCP;
        place->port = connection->peer.port;
    }
}

void oi_mysql_client_begin(struct oi_connection *connection, int fd)
{
    struct oi_mysql_session *session = oi_pool_take(&sessions);
    connection->mysql.session = session;
    if (!session)
        return;
    memset(session, 0, offsetof(struct oi_mysql_session, running));
    describe(&session->place, connection, fd);
    session->image = oi_span_image();
    session->forks = oi_life_forks();
    oi_client_start_span(connection, true, &session->opening);
    session->opening.start_unix_ns = connection->opener.unix_ns;
    session->opening.start_mono_ns = connection->opener.mono_ns;
}

static void give_up(struct oi_mysql_client *client)
{
    oi_pool_give(&sessions, client->session);
    client->session = NULL;
}

/* --- whose it is -------------------------------------------------------------------------------------------------- */

bool oi_mysql_client_waits(const struct oi_mysql_client *client)
{
    return client->session && client->session->wire.waiting > 0;
}

void oi_mysql_client_turn(const struct oi_connection *connection)
{
    const struct oi_mysql_session *session = connection->mysql.session;
    if (!oi_gate_reads(true) || oi_gate_closed() || !session || (session->opened && session->wire.waiting != 1)) {
        oi_context_set(NULL);
    } else if (session->opened) {
        const struct oi_span *span = &session->running[session->wire.first].span;
        oi_gate_show(span->parent, span->parent_generation);
    } else {
        oi_gate_show(connection->opener.active, connection->opener.generation);
    }
}

/* --- logging in --------------------------------------------------------------------------------------------------- */

static void submit_connect(struct oi_mysql_session *session, const struct oi_mysql_failure *failure)
{
    if (oi_mysql_elsewhere(session->image, session->forks))
        return;
    session->due.span = &session->opening;
    session->due.failure = failure;
    session->due.call = oi_mysql_named_call(OI_TEXT("connect"));
}

static void refused(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    oi_mysql_failure(&session->failure, event->code, oi_text_of(event->at, event->len));
    session->failure.error.from_server = true;
    submit_connect(session, &session->failure);
}

static void let_in(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    session->opened = true;
    if (event->schema_told)
        oi_mysql_keep_text(&session->place.schema, oi_text_of(event->schema, event->schema_len));
    if (oi_agent.config.connect_spans)
        submit_connect(session, NULL);
}

/* An event before the first command. */
static void login_event(struct oi_mysql_session *session, const struct oi_mysql_event *event)
{
    switch (event->kind) {
    case OI_MYSQL_GREETING:
        session->place.system = memmem(event->at, event->len, "MariaDB", 7) ? OI_DB_MARIADB : OI_DB_MYSQL;
        break;
    case OI_MYSQL_LOGIN:
        session->named = true;
        oi_mysql_keep_text(&session->place.user, oi_text_of(event->at, event->len));
        oi_mysql_keep_text(&session->place.schema, oi_text_of(event->schema, event->schema_len));
        break;
    case OI_MYSQL_LOGGED_IN:
        let_in(session, event);
        break;
    case OI_MYSQL_ERROR:
        refused(session, event);
        break;
    default:
        break;
    }
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

/* Of all that waits nothing is certain any more, unless the client has said itself that it goes. */
static void over(struct oi_mysql_client *client, bool gone)
{
    struct oi_mysql_session *session = client->session;
    for (unsigned i = 0; i < session->wire.waiting; i++)
        oi_mysql_command_drop(&session->running[(session->wire.first + i) % OI_MYSQL_WAITING]);
    oi_mysql_known_forget(session, gone);
    give_up(client);
}

/* The connection ends with commands on it. A program that has begun to read an answer may go. */
static void cut(struct oi_mysql_client *client, struct oi_text error, bool by_program)
{
    struct oi_mysql_session *session = client->session;
    session->failure.error =
        (struct oi_db_error){.code = oi_text_present(session->send_error) ? session->send_error : error};
    if (!session->opened && session->named && !by_program)
        submit_connect(session, &session->failure);
    oi_mysql_make_due(session);
    for (unsigned i = 0; i < session->wire.waiting; i++) {
        oi_mysql_command_cut(session, &session->running[(session->wire.first + i) % OI_MYSQL_WAITING],
                             by_program && i == 0 && session->wire.answering);
        oi_mysql_make_due(session);
    }
    oi_mysql_known_forget(session, true);
    give_up(client);
}

void oi_mysql_client_end_of_input(struct oi_connection *connection)
{
    if (connection->mysql.session)
        cut(&connection->mysql, OI_TEXT("connection_closed"), false);
}

/* What cannot be sent to the end may be answered all the same. */
void oi_mysql_client_failed(struct oi_connection *connection, int error, bool sending)
{
    if (connection->mysql.session && sending)
        connection->mysql.session->send_error = oi_client_error_name(error);
    else if (connection->mysql.session)
        cut(&connection->mysql, oi_client_error_name(error), false);
}

void oi_mysql_client_end(struct oi_connection *connection)
{
    if (oi_gate_follows())
        oi_mysql_client_turn(connection);
    if (!connection->mysql.session)
        return;
    if (atomic_load_explicit(&connection->lost, memory_order_relaxed))
        over(&connection->mysql, false);
    else
        cut(&connection->mysql, OI_TEXT("abandoned"), true);
}

/* --- what passes -------------------------------------------------------------------------------------------------- */

/* `fd` is the descriptor that was written to; -1: it was read from. What a stranger's statement would be, whose socket
 * has the same number, is none. */
static void feed(struct oi_connection *connection, int fd, enum oi_mysql_side side, const char *at, size_t length,
                 size_t beyond)
{
    struct oi_mysql_client *client = &connection->mysql;
    if (client->session && client->session->hides && !atomic_load_explicit(&connection->secured, memory_order_relaxed))
        return; /* TLS of which nobody tells us */
    while (client->session) {
        struct oi_mysql_session *session = client->session;
        const struct oi_mysql_event *event = &session->event;
        size_t used = oi_mysql_next(&session->wire, side, at, length, &session->event);
        at = at ? at + used : NULL;
        length -= used;
        if (event->kind == OI_MYSQL_MORE)
            return;
        if (event->kind == OI_MYSQL_TLS) { /* the parser goes on with what is inside of it */
            session->hides = true;
            return;
        }
        bool strange = event->kind == OI_MYSQL_COMMAND && fd >= 0 && !oi_connection_same_socket(connection, fd);
        if (event->kind == OI_MYSQL_OVER || strange) {
            over(client, event->kind == OI_MYSQL_OVER && event->reason == OI_MYSQL_QUIT);
            return;
        }
        if (session->opened)
            oi_mysql_command_event(connection, beyond);
        else
            login_event(session, event);
        oi_mysql_make_due(session);
    }
}

void oi_mysql_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length, size_t beyond)
{
    feed(connection, fd, OI_MYSQL_CLIENT, at, length, beyond);
}

void oi_mysql_client_received(struct oi_connection *connection, const char *at, size_t length)
{
    feed(connection, -1, OI_MYSQL_SERVER, at, length, 0);
}
