/* Commands: what is written, what is told of it, and the connection's end. */
#include "hooks/redis_client.h"

#include "agent/agent.h"
#include "agent/count.h"
#include "agent/db_span.h"
#include "agent/gate.h"
#include "agent/url.h"
#include "hooks/connection.h"
#include "hooks/redis_error.h"

static const struct oi_scope scope = {"otel-instrument.redis", OI_AREA_DATABASE};

static bool wanted;

/* More than this many commands that wait for their replies, on one connection, are counted and make no spans. */
enum { KEPT = 12288 };

void oi_redis_client_init(void)
{
    wanted = oi_active() && !oi_list_has(oi_agent.config.disabled_instrumentations, "redis");
}

bool oi_redis_client_wanted(void)
{
    return wanted;
}

void oi_redis_client_begin(struct oi_connection *connection, int fd)
{
    struct oi_redis_client *client = &connection->redis;
    memset(client, 0, sizeof *client);
    oi_resp_init(&client->commands, OI_RESP_COMMANDS);
    oi_resp_init(&client->replies, OI_RESP_REPLIES);
    oi_redis_session_begin(&client->session);
    _Static_assert(sizeof client->place == OI_CLIENT_PLACE, "any path has room");
    client->place_length = (uint8_t)oi_client_place(connection, fd, client->place);
}

void oi_redis_client_turn(const struct oi_redis_client *client)
{
    enum { MOST = 64 };
    const struct oi_redis_request *first = client->first, *request = first;
    for (int i = 0; request && i < MOST && request->span.parent == first->span.parent &&
                    request->span.parent_generation == first->span.parent_generation;
         i++)
        request = request->next;
    if (!oi_gate_reads(true) || oi_gate_closed() || !first || first->answered || client->subscribed ||
        client->monitors || request)
        oi_context_set(NULL);
    else
        oi_gate_show(first->span.parent, first->span.parent_generation);
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

static void submit(const struct oi_connection *connection, const struct oi_redis_request *request,
                   const struct oi_db_error *error)
{
    const struct oi_redis_client *client = &connection->redis;
    bool local = connection->peer.family == AF_UNIX;
    struct oi_db_connection where = {.system = OI_DB_REDIS, .database_index = client->session.database};
    if (client->place_length > 0)
        where.host = oi_text_of(client->place, client->place_length);
    if (connection->peer.family != 0)
        where.transport = local ? OI_TRANSPORT_UNIX : OI_TRANSPORT_TCP;
    if (!local) {
        where.peer_address = where.host;
        where.port = where.peer_port = connection->peer.port;
    }
    struct oi_redis_args args = oi_redis_request_args(request);
    struct oi_redis_call call = {
        .commands = &args, .count = 1, .together = request->together, .fallback_name = OI_TEXT("redis")};
    oi_db_redis_submit(&request->span, &scope, &where, &call, error);
}

/* A server that does not know what a client tells it of itself, or the newer protocol: clients expect that. */
static bool expected_failure(const struct oi_redis_request *request, struct oi_text code)
{
    struct oi_text name = oi_redis_request_name(request);
    return oi_text_equal_nocase(name, OI_TEXT("client")) || oi_text_equal_nocase(name, OI_TEXT("command")) ||
           (oi_text_equal_nocase(name, OI_TEXT("hello")) &&
            (oi_text_equal(code, OI_TEXT("ERR")) || oi_text_equal(code, OI_TEXT("NOPROTO"))));
}

/* What no program means when it asks for something; not where it fails. */
static bool hidden(const struct oi_redis_request *request, struct oi_text code, bool nothing)
{
    if (oi_agent.config.db_setup_spans)
        return false;
    switch ((enum oi_redis_kind)request->kind) {
    case OI_REDIS_SETUP:
        return request->setting_up && (!oi_text_present(code) || nothing || expected_failure(request, code));
    case OI_REDIS_PING:
        return !oi_text_present(code) || nothing;
    case OI_REDIS_POLL:
        return nothing && !request->span.has_parent;
    default:
        return false;
    }
}

static bool untold(const struct oi_redis_request *request)
{
    return !wanted || request->answered || request->image != oi_span_image();
}

/* Apart, for the sake of the stack. */
static __attribute__((noinline)) void read_failure(struct oi_redis_failure *failure, struct oi_db_error *error)
{
    struct oi_buffer code = {.at = failure->code, .size = sizeof failure->code};
    struct oi_buffer message = {.at = failure->message, .size = sizeof failure->message};
    oi_redis_error_reply(oi_text_of(failure->text, failure->length), &code, &message);
    error->code = oi_buffer_text(&code);
    error->message = oi_buffer_text(&message);
}

void oi_redis_client_report(const struct oi_connection *connection, const struct oi_redis_request *request,
                            struct oi_redis_reply *reply)
{
    struct oi_db_error error = {.from_server = true};
    if (untold(request))
        return;
    if (reply->failed && reply->failure)
        read_failure(reply->failure, &error);
    else if (reply->failed)
        error.code = OI_TEXT("_OTHER");
    if (!hidden(request, error.code, reply->null && !reply->failed))
        submit(connection, request, reply->failed ? &error : NULL);
}

/* How the connection ended under a command that waits. */
struct end {
    struct oi_db_error error;
    bool by_program; /* it is the program that went */
};

/* Where it has been forked, the other process may be the one that reads the reply. */
static void report_unanswered(const struct oi_connection *connection, const struct oi_redis_request *request,
                              const struct end *end)
{
    bool fine = request->kind == OI_REDIS_LAST;
    if (!untold(request) && request->forks == oi_life_forks() && request->known > 0 &&
        !hidden(request, end->error.code, end->by_program))
        submit(connection, request, fine ? NULL : &end->error);
}

/* --- those that wait ---------------------------------------------------------------------------------------------- */

void oi_redis_client_unlink(struct oi_redis_client *client)
{
    struct oi_redis_request *request = client->first;
    client->first = request->next;
    if (!client->first) {
        client->last = NULL;
        client->sending = false;
    }
    if (client->group.first == request)
        client->group.first = NULL;
    client->waiting--;
    oi_redis_request_give(request);
}

void oi_redis_client_forget(struct oi_redis_client *client)
{
    while (client->first)
        oi_redis_client_unlink(client);
    oi_redis_reply_clear(&client->reply);
    oi_redis_early_clear(client);
    client->over = true;
}

/* --- commands that go out together -------------------------------------------------------------------------------- */

void oi_redis_client_close_group(struct oi_redis_client *client)
{
    struct oi_redis_group *group = &client->group;
    if (oi_resp_inside(&client->commands))
        group->uncertain = true;
    if (!group->uncertain && group->count > 1)
        for (struct oi_redis_request *request = group->first; request; request = request->next)
            request->together = group->count;
    *group = (struct oi_redis_group){.uncertain = oi_resp_inside(&client->commands)};
}

/* A write begins. What it holds belongs to what went out before it, if no reply has been looked for meanwhile and the
 * program cannot have been doing anything else: a client that writes a long pipeline in pieces. Where descriptors do
 * not block, commands of several tasks look the same. */
static void note_write(struct oi_connection *connection)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_redis_group *group = &client->group;
    uint64_t now = connection->now_mono_ns;
    bool same = now != 0 && now == group->write;
    if (!same && group->first && !oi_resp_inside(&client->commands) && !connection->opener.blocking) {
        bool uncertain = group->uncertain || group->count > 1;
        group->uncertain = uncertain;
        oi_redis_client_close_group(client);
        group->uncertain = uncertain;
    }
    group->write = now;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static void command_begins(struct oi_connection *connection)
{
    struct oi_redis_client *client = &connection->redis;
    bool room = client->waiting < KEPT && client->unkept == 0;
    struct oi_redis_request *request = room ? oi_redis_request_take() : NULL;
    client->sending = request != NULL;
    if (!request)
        return;
    request->setting_up = !client->set_up;
    oi_client_start_span(connection, !client->set_up, &request->span);
    if (client->last)
        client->last->next = request;
    else
        client->first = request;
    client->last = request;
    client->waiting++;
}

/* Of a command that there was no room for nothing is known but that its reply is to be counted. */
static void command_unkept(struct oi_redis_client *client)
{
    client->unkept++;
    oi_count_dropped(OI_DROP_MEMORY, 1);
}

static void command_ends(struct oi_connection *connection, int64_t arguments)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_redis_request *request = client->sending ? client->last : NULL;
    client->sending = false;
    if (arguments == 0) /* it has not begun, and nobody answers it */
        return;
    if (!request) {
        command_unkept(client);
        return;
    }
    oi_redis_request_end(request);
    if (request->kind != OI_REDIS_SETUP && request->kind != OI_REDIS_PING)
        client->set_up = true;
    if (request->kind == OI_REDIS_UNFIT) {
        oi_redis_client_forget(client);
        return;
    }
    if (!client->group.first)
        client->group.first = request;
    client->group.count++;
    if (client->early)
        oi_redis_client_catch_up(connection);
}

static void command_event(struct oi_connection *connection, const struct oi_resp_event *event)
{
    struct oi_redis_client *client = &connection->redis;
    switch ((enum oi_resp_kind)event->kind) {
    case OI_RESP_BEGIN:
        client->begun = false;
        break;
    case OI_RESP_VALUE:
        if (!client->begun)
            command_begins(connection);
        client->begun = true;
        if (client->sending)
            oi_redis_request_add(client->last, event->at, event->len, event->last);
        break;
    case OI_RESP_END:
        command_ends(connection, event->number);
        break;
    default:
        break;
    }
}

void oi_redis_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    struct oi_redis_client *client = &connection->redis;
    struct oi_resp_event event;
    if (client->over)
        return;
    if (!oi_resp_inside(&client->commands) &&
        !oi_connection_same_socket_lately(connection, fd, connection->now_mono_ns)) {
        oi_redis_client_forget(client);
        return;
    }
    note_write(connection);
    while (!client->over) {
        size_t used = oi_resp_next(&client->commands, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        if (event.kind == OI_RESP_MORE)
            return;
        if (event.kind == OI_RESP_OVER)
            oi_redis_client_forget(client);
        else
            command_event(connection, &event);
    }
}

/* --- the connection's end ----------------------------------------------------------------------------------------- */

/* The connection ends with commands on it. */
static void cut(struct oi_connection *connection, const struct end *end)
{
    struct oi_redis_client *client = &connection->redis;
    oi_redis_client_close_group(client);
    while (client->first) {
        report_unanswered(connection, client->first, end);
        oi_redis_client_unlink(client);
    }
    oi_redis_client_forget(client);
}

static void cut_by_error(struct oi_connection *connection, int error)
{
    struct end end = {.error = {.code = oi_client_error_name(error), .message = oi_redis_error_words(error)}};
    cut(connection, &end);
}

void oi_redis_client_end_of_input(struct oi_connection *connection)
{
    static const struct end closed = {
        .error = {.code = OI_TEXT("connection_closed"), .message = OI_TEXT("Server closed the connection")}};
    if (connection->redis.over)
        return;
    if (connection->redis.error != 0)
        cut_by_error(connection, connection->redis.error);
    else
        cut(connection, &closed);
}

/* What cannot be sent to the end may be answered all the same: refused, and the connection closed. */
void oi_redis_client_failed(struct oi_connection *connection, int error, bool sending)
{
    struct oi_redis_client *client = &connection->redis;
    if (client->over)
        return;
    if (client->error == 0)
        client->error = error;
    if (!sending)
        cut_by_error(connection, client->error);
}

void oi_redis_client_end(struct oi_connection *connection)
{
    static const struct end abandoned = {
        .error = {.code = OI_TEXT("abandoned"), .message = OI_TEXT("Connection closed before the reply")},
        .by_program = true};
    if (oi_gate_follows())
        oi_redis_client_turn(&connection->redis);
    if (atomic_load_explicit(&connection->lost, memory_order_relaxed))
        oi_redis_client_forget(&connection->redis);
    else if (!connection->redis.over && connection->redis.error != 0)
        cut_by_error(connection, connection->redis.error);
    else if (!connection->redis.over)
        cut(connection, &abandoned);
}
