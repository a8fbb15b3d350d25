#include "hooks/http_server.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/http_common.h"
#include "agent/http_excluded.h"
#include "agent/http_server_span.h"
#include "agent/life.h"
#include "agent/thread.h"
#include "agent/url.h"
#include "hooks/connection.h"
#include "hooks/http_request.h"

static const struct oi_scope scope = {"otel-instrument.http_server", OI_AREA_HTTP};

static bool wanted;

/* What is told of the headers of requests and answers; NULL: all, because some become attributes. */
static struct oi_http1_wanted asked_headers;
static const struct oi_http1_wanted answered_headers = {.known = 1u << OI_HTTP1_CONTENT_TYPE, .heads = true};
static const struct oi_http1_wanted *asked_wanted, *answered_wanted;

/* OTEL_NATIVE_CONTEXT: a choice is the index into its list. */
enum { CONTEXT_AUTO, CONTEXT_TURN };

/* More than this many requests that wait for their answers, on one connection, is no client's doing. */
enum { PIPELINED = 256 };

/* A server that inetd or systemd started speaks over descriptor 0; what it says there may go out by another name of the
 * same socket. Where only standard output is one, it is a log's. fstat is asked first: a filter that was there before
 * the program may know nothing of sockets. */
static void find_standard(void)
{
    struct stat first, other;
    if (fstat(STDIN_FILENO, &first) != 0 || !S_ISSOCK(first.st_mode))
        return;
    oi_descriptor_found(STDIN_FILENO);
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &other) == 0 && other.st_dev == first.st_dev && other.st_ino == first.st_ino)
            oi_descriptor_duplicated(STDIN_FILENO, fd);
}

/* Measured (tests/integration/parenting). */
static enum oi_gate_kind gate_of_program(void)
{
    if (oi_agent.config.native_context == CONTEXT_TURN)
        return OI_GATE_OPEN;
    return strcmp(program_invocation_short_name, "nginx") == 0 ? OI_GATE_FOLLOWS : OI_GATE_COUNTS;
}

void oi_http_server_init(void)
{
    wanted = oi_active() && !oi_list_has(oi_agent.config.disabled_instrumentations, "http_server");
    uint64_t seed;
    memcpy(&seed, oi_life_instance, sizeof seed);
    oi_http_server_span_init(seed);
    oi_http_excluded_init(oi_agent.config.excluded_urls, oi_agent.config.python_excluded_urls);
    oi_gate_init(gate_of_program());
    asked_headers = oi_request_wanted();
    asked_headers.heads = true;
    asked_wanted = oi_http_headers_wanted(OI_SERVER_REQUEST) ? NULL : &asked_headers;
    answered_wanted = oi_http_headers_wanted(OI_SERVER_RESPONSE) ? NULL : &answered_headers;
    if (wanted)
        find_standard();
}

bool oi_http_server_wanted(void)
{
    return wanted;
}

void oi_http_server_map(void)
{
    int saved = errno;
    if (wanted && oi_active() && oi_root_detached() && !oi_thread.agent && oi_life_in_own_process()) {
        oi_descriptors_map();
        oi_requests_map();
        oi_gate_map();
    }
    errno = saved;
}

void oi_http_server_begin(struct oi_http_server *server)
{
    memset(server, 0, sizeof *server);
    oi_http1_init(&server->requests, OI_HTTP1_REQUESTS);
    oi_http1_init(&server->answers, OI_HTTP1_ANSWERS);
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void submit(struct oi_connection *connection, struct oi_request *request, struct oi_text error)
{
    struct oi_http_server_call call = {
        .texts = {[OI_SERVER_METHOD] = request->method,
                  [OI_SERVER_TARGET] = request->target,
                  [OI_SERVER_HOST] = request->headers[OI_REQUEST_HOST],
                  [OI_SERVER_USER_AGENT] = request->headers[OI_REQUEST_USER_AGENT],
                  [OI_SERVER_FORWARDED] = request->headers[OI_REQUEST_FORWARDED],
                  [OI_SERVER_X_FORWARDED_FOR] = request->headers[OI_REQUEST_X_FORWARDED_FOR],
                  [OI_SERVER_X_FORWARDED_HOST] = request->headers[OI_REQUEST_X_FORWARDED_HOST],
                  [OI_SERVER_X_FORWARDED_PROTO] = request->headers[OI_REQUEST_X_FORWARDED_PROTO],
                  [OI_SERVER_X_FORWARDED_PORT] = request->headers[OI_REQUEST_X_FORWARDED_PORT],
                  [OI_SERVER_ASKED] = oi_buffer_text(&request->asked.kept),
                  [OI_SERVER_ANSWERED] = oi_buffer_text(&request->answer.kept)},
        .facts = {.scheme = atomic_load_explicit(&connection->secured, memory_order_relaxed) ? "https" : "http",
                  .peer = connection->peer,
                  .local_port = connection->local_port,
                  .minor = request->minor,
                  .status = request->status,
                  .request_size = request->request_size,
                  .response_size = request->response_size,
                  .error_type = error},
    };
    oi_http_server_submit(&request->span, &scope, &call);
}

/* What is exported to this server: spans about spans would never end. */
static bool is_export(const struct oi_request *request)
{
    return oi_http_is_otlp_path(request->target) != OI_OTLP_NONE &&
           oi_http_is_otlp_type(request->headers[OI_REQUEST_CONTENT_TYPE]);
}

/* The oldest request is over. `error` absent: its answer is whole. `unknown`: how it ended is not for us to say. */
static void finish(struct oi_connection *connection, struct oi_text error, bool unknown)
{
    struct oi_http_server *server = &connection->http;
    struct oi_request *request = server->first;
    server->first = request->next;
    if (!server->first)
        server->last = NULL;
    if (server->reading == request)
        server->reading = NULL;
    if (server->first && oi_gate_follows())
        oi_gate_doubt(); /* it was read before: it may be begun with at any time in this turn */
    server->waiting--;
    server->over = server->over || (server->deaf && !server->first);
    if (request->headed && !unknown && !is_export(request))
        submit(connection, request, error);
    oi_request_give(request);
}

static void forget_all(struct oi_http_server *server)
{
    while (server->first) {
        struct oi_request *request = server->first;
        server->first = request->next;
        oi_request_give(request);
    }
    server->last = server->reading = server->fresh = NULL;
    server->waiting = 0;
    server->over = true;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static bool elsewhere(const struct oi_request *request)
{
    return request->image != oi_span_image() || request->forks != oi_life_forks();
}

/* Read here before a fork and not answered here: the other process has, or the client would not go on. What has come
 * together with the request that begins now is answered by nobody yet. */
static void forget_answered_elsewhere(struct oi_http_server *server)
{
    while (server->first && server->first != server->fresh && server->first->complete && !server->first->answered &&
           elsewhere(server->first)) {
        struct oi_request *request = server->first;
        server->first = request->next;
        if (!server->first)
            server->last = NULL;
        server->waiting--;
        oi_request_give(request);
    }
}

static bool request_begins(struct oi_connection *connection)
{
    struct oi_http_server *server = &connection->http;
    forget_answered_elsewhere(server);
    struct oi_request *request = server->waiting < PIPELINED ? oi_request_take() : NULL;
    if (!request)
        return false;
    if (server->last)
        server->last->next = request;
    else
        server->first = request;
    server->last = server->reading = request;
    server->waiting++;
    return true;
}

static void request_head(struct oi_connection *connection, int fd, struct oi_request *request,
                         const struct oi_http1_head *head)
{
    if (!connection->local_known && connection->peer.family != AF_UNIX)
        connection->local_port = oi_local_port(fd);
    connection->local_known = true;
    if (head->framing != OI_HTTP1_NO_BODY && head->has_length)
        request->request_size = (int64_t)head->length;
    if (is_export(request))
        oi_life_relays();
    oi_request_begin(request);
}

static void request_event(struct oi_connection *connection, int fd, const struct oi_http1_event *event)
{
    struct oi_http_server *server = &connection->http;
    struct oi_request *request = server->reading;
    if (!request)
        return;
    if (event->kind == OI_HTTP1_HEADER && oi_http_capture_header(&request->asked, event))
        oi_http1_take(&server->requests);
    else if (event->kind == OI_HTTP1_VALUE)
        oi_http_capture_value(&request->asked, OI_SERVER_REQUEST, event);
    if (oi_request_event(request, &server->requests, event))
        return;
    switch (event->kind) {
    case OI_HTTP1_MESSAGE:
        oi_request_message(request, event);
        request_head(connection, fd, request, &event->head);
        break;
    case OI_HTTP1_HEAD:
        request_head(connection, fd, request, &event->head);
        break;
    case OI_HTTP1_END:
        if (event->head.framing != OI_HTTP1_NO_BODY)
            request->request_size = (int64_t)event->body;
        request->complete = true;
        if (!server->fresh)
            server->fresh = request;
        server->reading = NULL;
        break;
    default:
        break;
    }
}

static void show(const struct oi_request *request)
{
    if (request && !oi_gate_closed())
        oi_gate_show(&request->active, atomic_load_explicit(&request->active.generation, memory_order_acquire));
    else
        oi_context_set(NULL);
}

/* What the thread that read from this connection does next belongs to the request that came over it, if it is still to
 * be answered; to none of another connection's in any case. Of several, nobody knows which is served first. */
static void turn_to(const struct oi_connection *connection)
{
    const struct oi_request *current = connection->http.first;
    int set = atomic_load_explicit(&connection->armed, memory_order_relaxed);
    bool alone = current && current->headed && !(current->next && current->next->headed);
    if (set >= 0)
        oi_descriptor_read(set);
    show(oi_gate_reads(set >= 0 || connection->apart) && alone ? current : NULL);
}

/* Behind a message that ends with the bytes there were, nothing more can be said. */
static bool said_all(const struct oi_http1_event *event, size_t left)
{
    return event->kind == OI_HTTP1_MORE || event->kind == OI_HTTP1_OVER ||
           (event->kind == OI_HTTP1_END && left == 0 && !event->tunnel);
}

static void read_requests(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    struct oi_http_server *server = &connection->http;
    struct oi_http1_event event;
    do {
        size_t used = oi_http1_next_wanted(&server->requests, asked_wanted, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        if ((event.kind == OI_HTTP1_BEGIN || event.kind == OI_HTTP1_MESSAGE) &&
            (!request_begins(connection) ||
             !oi_connection_same_socket_lately(connection, fd, server->reading->start_mono_ns))) {
            forget_all(server);
            return;
        }
        request_event(connection, fd, &event);
    } while (!said_all(&event, length));
    if (event.kind != OI_HTTP1_OVER)
        return;
    /* What cannot be read as a request is not one; what came before it is still answered. */
    server->deaf = true;
    if (!server->first || (server->reading && !server->reading->headed &&
                           (server->first == server->reading || event.reason == OI_HTTP1_NOT_HTTP)))
        forget_all(server);
}

void oi_http_server_received(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    if (!connection->http.over)
        read_requests(connection, fd, at, length);
    turn_to(connection);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void answer_begins(struct oi_http_server *server)
{
    struct oi_request *request = server->first;
    if (!request || !request->line) { /* an answer to nothing we know */
        forget_all(server);
        return;
    }
    oi_request_begin_refused(request);
    request->answered = true;
}

static bool is_event_stream(const char *type, size_t length)
{
    static const struct oi_text event_stream = {"text/event-stream", 17};
    return length >= event_stream.len && oi_text_equal_nocase(oi_text_of(type, event_stream.len), event_stream);
}

static void answer_event(struct oi_connection *connection, const struct oi_http1_event *event)
{
    struct oi_http_server *server = &connection->http;
    struct oi_request *request = server->first;
    switch (event->kind) {
    case OI_HTTP1_BEGIN:
        answer_begins(server);
        break;
    case OI_HTTP1_MESSAGE:
        answer_begins(server);
        if (server->over)
            break;
        request->status = event->head.status;
        for (size_t i = 0; i < event->count; i++)
            request->stream |= is_event_stream(event->text + event->fields[i].value, event->fields[i].value_len);
        oi_http1_answered(&server->requests, event);
        break;
    case OI_HTTP1_LINE:
        request->status = event->head.status;
        break;
    case OI_HTTP1_HEADER:
        if (oi_http_capture_header(&request->answer, event) || event->header == OI_HTTP1_CONTENT_TYPE)
            oi_http1_take(&server->answers);
        break;
    case OI_HTTP1_FIELD:
        request->stream = request->stream || is_event_stream(event->value, event->value_len);
        break;
    case OI_HTTP1_VALUE:
        oi_http_capture_value(&request->answer, OI_SERVER_RESPONSE, event);
        if (event->header == OI_HTTP1_CONTENT_TYPE && is_event_stream(event->at, event->len))
            request->stream = true;
        break;
    case OI_HTTP1_HEAD:
        oi_http1_answered(&server->requests, event);
        break;
    case OI_HTTP1_END:
        request->response_size = (int64_t)event->body;
        finish(connection, (struct oi_text){NULL, 0}, false);
        if (event->tunnel)
            forget_all(server);
        break;
    default:
        break;
    }
}

/* Whose answer goes on is whom the thread works for. */
static void turn_to_answered(const struct oi_http_server *server)
{
    const struct oi_request *request = server->first;
    show(request && request->headed ? request : NULL);
}

void oi_http_server_sent(struct oi_connection *connection, int fd, const char *at, size_t length)
{
    struct oi_http_server *server = &connection->http;
    struct oi_http1_event event;
    (void)fd;
    if (oi_gate_follows())
        turn_to_answered(server);
    for (bool done = false; !done && !server->over;) {
        if (server->first)
            oi_http1_answers(&server->answers, (enum oi_http1_method)server->first->method_kind);
        size_t used = oi_http1_next_wanted(&server->answers, answered_wanted, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        done = said_all(&event, length);
        if (event.kind == OI_HTTP1_OVER)
            forget_all(server);
        else
            answer_event(connection, &event);
    }
}

/* --- the connection's end ----------------------------------------------------------------------------------------- */

/* The connection ends with requests on it. In a process that has forked since they were read, or was forked, the other
 * one may be answering. */
static void cut(struct oi_connection *connection, struct oi_text error)
{
    struct oi_http_server *server = &connection->http;
    while (server->first) {
        struct oi_request *request = server->first;
        finish(connection, request->stream ? (struct oi_text){NULL, 0} : error, elsewhere(request));
    }
    server->over = true;
}

void oi_http_server_end_of_input(struct oi_connection *connection)
{
    struct oi_http1_event event;
    if (!connection->http.over)
        oi_http1_eof(&connection->http.requests, &event); /* what was asked for may still be answered */
    turn_to(connection);
}

/* The size of the answer that the stream's end is the end of; -1: it is none's. Apart, because an event takes much of
 * the stack. */
static __attribute__((noinline)) int64_t ended_answer(struct oi_http_server *server)
{
    struct oi_http1_event event;
    oi_http1_eof(&server->answers, &event);
    return event.kind == OI_HTTP1_END ? (int64_t)event.body : -1;
}

void oi_http_server_end_of_output(struct oi_connection *connection)
{
    struct oi_http_server *server = &connection->http;
    if (server->over)
        return;
    int64_t size = ended_answer(server);
    if (size >= 0 && server->first) {
        server->first->response_size = size;
        finish(connection, (struct oi_text){NULL, 0}, false);
    }
    cut(connection, OI_TEXT("connection_closed"));
}

void oi_http_server_failed(struct oi_connection *connection, int error)
{
    if (connection->http.over)
        return;
    cut(connection, error == EPIPE        ? OI_TEXT("EPIPE")
                    : error == ECONNRESET ? OI_TEXT("ECONNRESET")
                    : error == ETIMEDOUT  ? OI_TEXT("ETIMEDOUT")
                                          : OI_TEXT("_OTHER"));
}

void oi_http_server_end(struct oi_connection *connection)
{
    if (oi_gate_follows())
        oi_context_set(NULL);
    if (atomic_load_explicit(&connection->lost, memory_order_relaxed))
        forget_all(&connection->http);
    else
        oi_http_server_end_of_output(connection);
}
