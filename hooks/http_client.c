#include "hooks/http_client.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/http_common.h"
#include "agent/http_span.h"
#include "agent/thread.h"
#include "agent/url.h"
#include "hooks/connection.h"
#include "hooks/http_passing.h"
#include "hooks/outgoing_shared.h"

static const struct oi_scope scope = {"otel-instrument.http_client", OI_AREA_HTTP};

static bool wanted;

static const struct oi_http1_wanted none_wanted; /* of the headers of answers */

/* More than this many requests that wait for their answers, on one connection, are not followed. */
enum { PIPELINED = 256 };

void oi_http_client_init(void)
{
    wanted = oi_active() && !oi_list_has(oi_agent.config.disabled_instrumentations, "http_client");
    if (wanted)
        oi_life_before_fork(oi_outgoing_before_fork);
}

bool oi_http_client_wanted(void)
{
    return wanted;
}

void oi_http_client_begin(struct oi_http_client *client, const struct oi_opener *opener)
{
    memset(client, 0, sizeof *client);
    oi_http1_init(&client->requests, OI_HTTP1_REQUESTS);
    oi_http1_init(&client->answers, OI_HTTP1_ANSWERS);
    client->user = opener->active;
    client->user_generation = opener->generation;
}

/* Of several requests the next one may be meant. */
void oi_http_client_turn(const struct oi_http_client *client)
{
    const struct oi_request *request = client->first;
    if (!oi_gate_reads(true) || oi_gate_closed() || (request && request->next))
        oi_context_set(NULL);
    else if (request)
        oi_gate_show(request->span.parent, request->span.parent_generation);
    else
        oi_gate_show(client->user, client->user_generation);
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

/* `http://host/target` or `https://…`, in memory that the request does not use. */
static struct oi_text url_of(struct oi_request *request, bool secured)
{
    struct oi_buffer url = oi_request_rest(request);
    struct oi_text target = request->target, host = request->headers[OI_REQUEST_HOST];
    bool path = target.len > 0 && (target.at[0] == '/' || target.at[0] == '*');
    if (path && !oi_text_present(host))
        return (struct oi_text){NULL, 0};
    if (!path && request->method_kind != OI_HTTP1_METHOD_CONNECT)
        return target;
    oi_buffer_put(&url, secured ? "https://" : "http://", secured ? 8 : 7);
    oi_buffer_put(&url, host.at, path ? host.len : 0);
    if (path && target.at[0] == '*')
        oi_buffer_char(&url, '/');
    oi_buffer_put(&url, target.at, target.len);
    return oi_buffer_text(&url);
}

static void submit(const struct oi_connection *connection, struct oi_request *request, struct oi_text error)
{
    char peer[INET6_ADDRSTRLEN];
    bool secured = atomic_load_explicit(&connection->secured, memory_order_relaxed);
    struct oi_http_client_call call = {
        .method = request->method,
        .url = url_of(request, secured),
        .peer_address = oi_address_text(&connection->peer, peer),
        .peer_port = connection->peer.port,
        .status = request->status,
        .user_agent = request->headers[OI_REQUEST_USER_AGENT],
        .request_body_size = request->status ? request->request_size : -1,
        .response_body_size = request->response_size,
        .error_type = error,
    };
    struct oi_url url = oi_url_split(call.url);
    if (oi_text_present(url.host) && url.host.len > 0) {
        call.host = url.host;
        call.port = url.port ? url.port : secured ? 443 : 80;
    }
    if (request->status)
        call.version = request->minor == 0 ? OI_TEXT("1.0") : OI_TEXT("1.1");
    oi_http_client_submit(&request->span, &scope, &call);
}

static void unlink_first(struct oi_http_client *client)
{
    struct oi_request *request = client->first;
    client->user = request->span.parent;
    client->user_generation = request->span.parent_generation;
    client->first = request->next;
    if (!client->first)
        client->last = NULL;
    if (client->sending == request)
        client->sending = NULL;
    client->waiting--;
}

/* The oldest request is over. `error` absent: its answer is whole. */
static void finish(struct oi_connection *connection, struct oi_text error)
{
    struct oi_request *request = connection->client.first;
    unlink_first(&connection->client);
    if (wanted && request->line && !request->is_export)
        submit(connection, request, error);
    oi_request_give(request);
}

void oi_http_client_finish_ended(struct oi_connection *connection)
{
    while (connection->client.first && connection->client.first->ended)
        finish(connection, (struct oi_text){NULL, 0});
}

static void forget_all(struct oi_http_client *client)
{
    while (client->first) {
        struct oi_request *request = client->first;
        unlink_first(client);
        oi_request_give(request);
    }
    client->over = true;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void set_times(struct oi_request *request)
{
    request->span.start_unix_ns = request->start_unix_ns;
    request->span.start_mono_ns = request->start_mono_ns;
}

static bool request_begins(struct oi_connection *connection)
{
    struct oi_http_client *client = &connection->client;
    struct oi_request *request = client->waiting < PIPELINED ? oi_request_take() : NULL;
    if (!request)
        return false;
    if (connection->now_mono_ns != 0) {
        request->start_unix_ns = connection->now_unix_ns;
        request->start_mono_ns = connection->now_mono_ns;
    }
    request->image = oi_span_image();
    request->forks = oi_life_forks();
    oi_client_start_span(connection, !client->begun, &request->span);
    client->begun = true;
    set_times(request);
    if (client->last)
        client->last->next = request;
    else
        client->first = request;
    client->last = client->sending = request;
    client->waiting++;
    return true;
}

bool oi_http_client_names_a_trace(const struct oi_request *request)
{
    for (int i = 0; i < OI_HEADERS; i++)
        if ((oi_agent.propagators.leads & OI_HEADER_BIT(i)) && oi_text_present(request->carried[i]))
            return true;
    return false;
}

void oi_http_client_decide(struct oi_request *request)
{
    struct oi_context own;
    if (request->headed)
        return;
    uint64_t trace_at = request->trace_at;
    request->headed = true;
    request->trace_at = 0;
    oi_request_close(request);
    request->is_export = oi_http_is_otlp_path(request->target) != OI_OTLP_NONE &&
                         oi_http_is_otlp_type(request->headers[OI_REQUEST_CONTENT_TYPE]);
    if (!oi_http_client_names_a_trace(request))
        return;
    oi_request_trace(request, &own);
    if (!oi_context_valid(&own))
        return;
    uint32_t generation;
    const struct oi_active *forwarded = oi_passing_find(&own, &generation);
    if (forwarded)
        oi_span_start_in(&request->span, forwarded, generation);
    else
        oi_span_start_under(&request->span, &own);
    request->trace_at = forwarded ? trace_at : 0;
    set_times(request);
}

static void request_event(struct oi_http_client *client, const struct oi_http1_event *event, bool *exports)
{
    struct oi_request *request = client->sending;
    if (!request)
        return;
    if (event->kind == OI_HTTP1_VALUE && event->len > 0 && request->open == &request->carried[OI_HEADER_TRACEPARENT] &&
        request->open->len == 0)
        request->trace_at = event->offset;
    if (oi_request_event(request, &client->requests, event))
        return;
    if (event->kind == OI_HTTP1_HEAD) {
        oi_http_client_decide(request);
        if (event->head.framing != OI_HTTP1_NO_BODY && event->head.has_length)
            request->request_size = (int64_t)event->head.length;
        *exports |= request->is_export && oi_http_is_otlp_path(request->target) == OI_OTLP_TRACES;
    } else if (event->kind == OI_HTTP1_END) {
        if (event->head.framing != OI_HTTP1_NO_BODY)
            request->request_size = (int64_t)event->body;
        request->complete = true;
        client->sending = NULL;
    }
}

bool oi_http_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    struct oi_http_client *client = &connection->client;
    struct oi_http1_event event = {0};
    bool exports = false;
    while (!client->over) {
        size_t used = oi_http1_next(&client->requests, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        if (event.kind == OI_HTTP1_MORE || event.kind == OI_HTTP1_OVER)
            break;
        if (event.kind == OI_HTTP1_BEGIN && (!oi_connection_same_socket(connection, fd) || !request_begins(connection)))
            forget_all(client);
        else
            request_event(client, &event, &exports);
    }
    /* What is not a request will not be answered as one; what was asked before it still is. */
    if (event.kind == OI_HTTP1_OVER &&
        (!client->first || (client->sending && !client->sending->headed &&
                            (client->first == client->sending || event.reason == OI_HTTP1_NOT_HTTP))))
        forget_all(client);
    return exports;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void answer_begins(struct oi_connection *connection)
{
    struct oi_http_client *client = &connection->client;
    oi_http_client_finish_ended(connection);
    if (!client->first || !client->first->line)
        forget_all(client); /* an answer to nothing we know */
    else
        oi_http1_answers(&client->answers, (enum oi_http1_method)client->first->method_kind);
}

static void answer_ends(struct oi_connection *connection, const struct oi_http1_event *event)
{
    struct oi_http_client *client = &connection->client;
    struct oi_request *request = client->first;
    request->response_size = (int64_t)event->body;
    if (client->ahead && request == client->sending)
        request->ended = true; /* another thread is in the middle of sending it */
    else
        finish(connection, (struct oi_text){NULL, 0});
    if (event->tunnel)
        forget_all(client);
}

static void answer_event(struct oi_connection *connection, const struct oi_http1_event *event)
{
    struct oi_http_client *client = &connection->client;
    switch (event->kind) {
    case OI_HTTP1_BEGIN:
        answer_begins(connection);
        break;
    case OI_HTTP1_LINE:
        client->first->status = event->head.status;
        client->first->minor = event->head.minor;
        break;
    case OI_HTTP1_HEAD:
        oi_http1_answered(&client->requests, event);
        break;
    case OI_HTTP1_INTERIM:
        client->first->status = 0;
        break;
    case OI_HTTP1_END:
        answer_ends(connection, event);
        break;
    default:
        break;
    }
}

void oi_http_client_received(struct oi_connection *connection, const char *at, size_t length)
{
    struct oi_http_client *client = &connection->client;
    struct oi_http1_event event;
    while (!client->over) {
        size_t used = oi_http1_next_wanted(&client->answers, &none_wanted, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        if (event.kind == OI_HTTP1_MORE)
            return;
        if (event.kind == OI_HTTP1_OVER)
            forget_all(client);
        else
            answer_event(connection, &event);
    }
}

bool oi_http_client_elsewhere(const struct oi_request *request)
{
    return request->image != oi_span_image() || request->forks != oi_life_forks();
}

void oi_http_client_look_for_forks(struct oi_http_client *client)
{
    if (client->sending && oi_http_client_elsewhere(client->sending))
        client->torn = true;
}

/* --- the connection's end ----------------------------------------------------------------------------------------- */

/* The connection ends with requests on it. A program that has read what it wanted of an answer may go. */
static void cut(struct oi_connection *connection, struct oi_text error, bool by_program)
{
    struct oi_http_client *client = &connection->client;
    while (client->first) {
        struct oi_request *request = client->first;
        bool fine = request->ended || (by_program && request->status >= 200);
        if (oi_http_client_elsewhere(request))
            request->line = false;
        finish(connection, fine ? (struct oi_text){NULL, 0} : oi_text_present(request->error) ? request->error : error);
    }
    client->over = true;
}

void oi_http_client_end_of_input(struct oi_connection *connection)
{
    struct oi_http_client *client = &connection->client;
    struct oi_http1_event event;
    if (client->over)
        return;
    oi_http1_eof(&client->answers, &event);
    if (event.kind == OI_HTTP1_END && client->first)
        answer_ends(connection, &event);
    cut(connection, OI_TEXT("connection_closed"), false);
}

/* What cannot be sent to the end may be answered all the same: refused, and the connection closed. */
void oi_http_client_failed(struct oi_connection *connection, int error, bool sending)
{
    if (connection->client.over)
        return;
    if (!sending)
        cut(connection, oi_client_error_name(error), false);
    for (struct oi_request *request = connection->client.first; request; request = request->next)
        request->error = oi_client_error_name(error);
}

/* One that is in use ends for its user; one that is not may be in the way of somebody else's. */
static void turn_to_end(const struct oi_http_client *client)
{
    bool of_current = client->user == oi_thread.current && client->user_generation == oi_thread.current_generation;
    if (client->first || !client->begun)
        oi_http_client_turn(client);
    else if (!of_current)
        oi_context_set(NULL);
}

void oi_http_client_end(struct oi_connection *connection)
{
    if (oi_gate_follows())
        turn_to_end(&connection->client);
    if (atomic_load_explicit(&connection->lost, memory_order_relaxed))
        forget_all(&connection->client);
    else if (!connection->client.over)
        cut(connection, OI_TEXT("abandoned"), true);
}

void oi_http_client_drop(struct oi_connection *connection)
{
    forget_all(&connection->client);
}
