/* Writes that are read ahead of the real call, up to where the headers of a request end, and what of ours goes there.
 */
#include <string.h>

#include "agent/agent.h"
#include "agent/http_forwarded.h"
#include "hooks/connection.h"
#include "hooks/http_client.h"
#include "hooks/outgoing_shared.h"
#include "hooks/readable.h"
#include "hooks/written.h"

struct iovec oi_piece_part(const struct iovec *piece, uint64_t at, uint64_t from, uint64_t to)
{
    uint64_t begin = at < from ? from : at, end = at + piece->iov_len < to ? at + piece->iov_len : to;
    if (begin >= end)
        return (struct iovec){NULL, 0};
    return (struct iovec){(char *)piece->iov_base + (begin - at), (size_t)(end - begin)};
}

/* True: `out` is complete. */
static bool look(struct oi_http1 *parser, struct iovec part, uint64_t base, bool *found, struct oi_http_ahead *out)
{
    static const struct oi_http1_wanted none_wanted; /* where they end is all that is asked */
    struct oi_http1_event event;
    char *at = part.iov_base;
    for (;;) {
        size_t used = oi_http1_next_wanted(parser, &none_wanted, at, part.iov_len, &event);
        at += used;
        part.iov_len -= used;
        if (event.kind == OI_HTTP1_MORE)
            return false;
        if (event.kind == OI_HTTP1_OVER)
            return true;
        if (event.kind == OI_HTTP1_HEAD && !*found && event.offset >= base) {
            *found = true;
            out->place = event.offset - base;
        } else if (event.kind == OI_HTTP1_END && *found) {
            out->end = event.offset - base;
            return true;
        }
    }
}

/* A piece, as far as it is looked at: page by page. False: it cannot be read. `done`: `out` is complete. */
static bool look_through(struct oi_http1 *parser, struct iovec piece, uint64_t base, bool *found,
                         struct oi_http_ahead *out, bool *done)
{
    while (piece.iov_len > 0 && !*done) {
        uint64_t unread = oi_http1_unread(parser);
        struct iovec part = {piece.iov_base, unread < piece.iov_len ? (size_t)unread : piece.iov_len};
        if (!oi_plausible(part.iov_base, part.iov_len))
            return false;
        if (unread == 0) {
            part.iov_len = oi_page_part(piece.iov_base, piece.iov_len);
            if (!oi_readable(part.iov_base, part.iov_len))
                return false;
        }
        *done = look(parser, part, base, found, out);
        piece.iov_base = (char *)piece.iov_base + part.iov_len;
        piece.iov_len -= part.iov_len;
    }
    return true;
}

bool oi_http_client_find(const struct oi_connection *connection, const struct iovec *pieces, size_t count,
                         uint64_t from, uint64_t total, struct oi_http_ahead *out)
{
    struct oi_http1 parser = connection->client.requests;
    uint64_t base = parser.offset, at = 0;
    bool found = false, done = false;
    out->end = total - from;
    for (size_t i = 0; i < count && !done; at += pieces[i++].iov_len)
        if (!look_through(&parser, oi_piece_part(&pieces[i], at, from, UINT64_MAX), base, &found, out, &done))
            return false;
    out->place += from;
    out->end += from;
    return found;
}

/* OTEL_NATIVE_PROPAGATE_HOSTS */
static bool may_propagate(const struct oi_connection *connection, const struct oi_request *request)
{
    char peer[INET6_ADDRSTRLEN];
    struct oi_text host;
    uint16_t port;
    if (!oi_agent.config.set.propagate_hosts)
        return true;
    if (!oi_text_present(request->headers[OI_REQUEST_HOST]) ||
        !oi_http_host_split(request->headers[OI_REQUEST_HOST], &host, &port)) {
        host = oi_address_text(&connection->peer, peer);
        port = connection->peer.port;
    }
    uint16_t usual = atomic_load_explicit(&connection->secured, memory_order_relaxed) ? 443 : 80;
    return oi_text_present(host) && oi_list_matches_host(oi_agent.config.propagate_hosts, host, port ? port : usual);
}

/* Whole lines only. */
static void put_line(struct oi_sending *sending, struct oi_text name, struct oi_text value)
{
    struct oi_buffer line = {.at = sending->text + sending->length,
                             .size = OI_SENDING_SIZE - sizeof *sending - sending->length};
    oi_buffer_put(&line, name.at, name.len);
    oi_buffer_put(&line, ": ", 2);
    oi_buffer_put(&line, value.at, value.len);
    oi_buffer_put(&line, "\r\n", 2);
    if (!line.truncated)
        sending->length += (uint32_t)line.len;
}

static void write_headers(const struct oi_request *request, const struct oi_context *context,
                          struct oi_sending *sending)
{
    char room[OI_HEADER_ROOM];
    unsigned headers = oi_agent.propagators.writes;
    if (oi_http_client_names_a_trace(request))
        headers &= OI_HEADER_BIT(OI_HEADER_BAGGAGE);
    for (int i = 0; i < OI_HEADERS; i++) {
        if (!(headers & OI_HEADER_BIT(i)) || oi_text_present(request->carried[i]))
            continue;
        struct oi_text value = oi_header_value((enum oi_header)i, context, room);
        if (oi_text_present(value))
            put_line(sending, oi_header_name((enum oi_header)i), value);
    }
}

/* Apart, for the sake of the stack: a span may be started in the function that calls it. */
static __attribute__((noinline)) void write_ours(const struct oi_request *request, struct oi_sending *sending)
{
    struct oi_context context;
    char traceparent[OI_TRACEPARENT_LENGTH];
    oi_span_context(&request->span, &context);
    write_headers(request, &context, sending);
    if (request->trace_at == 0 || !(oi_agent.propagators.writes & OI_HEADER_BIT(OI_HEADER_TRACEPARENT)))
        return;
    oi_traceparent_format(&context, traceparent);
    sending->ids_length = OI_SENDING_IDS;
    memcpy(sending->ids, traceparent + OI_TRACEPARENT_LENGTH - OI_SENDING_IDS, OI_SENDING_IDS);
}

static bool feed(struct oi_connection *connection, int fd, const struct iovec *pieces, size_t count, uint64_t from,
                 uint64_t to)
{
    bool exports = false;
    uint64_t at = 0;
    for (size_t i = 0; i < count && at < to; at += pieces[i++].iov_len) {
        struct iovec part = oi_piece_part(&pieces[i], at, from, to);
        if (part.iov_len > 0)
            exports |= oi_http_client_sent(connection, fd, part.iov_base, part.iov_len);
    }
    return exports;
}

/* The same socket as ever, no process would miss what is left of ours, and nothing has passed over it but `told` bytes
 * of the program's and ours. Where the kernel does not count them, and a fork came between the bytes of a request, the
 * other process may have ended that. */
static bool is_where_it_seems(const struct oi_connection *connection, int fd, uint64_t told)
{
    uint64_t bytes = told + atomic_load_explicit(&connection->added, memory_order_relaxed);
    bool counted = connection->peer.family != AF_UNIX;
    if (atomic_load_explicit(&connection->secured, memory_order_relaxed))
        return !connection->client.torn; /* nobody else can write into a session */
    if (connection->cookie == 0 || oi_outgoing_unfindable(connection) || !oi_connection_same_socket(connection, fd))
        return false;
    if (connection->client.torn)
        return counted && oi_written(fd) == (int64_t)bytes;
    return !counted || oi_written_is(fd, bytes);
}

void oi_http_client_read_ahead(struct oi_connection *connection, int fd, const struct iovec *pieces, size_t count,
                               uint64_t from, uint64_t total, bool may_add, struct oi_http_ahead *ahead,
                               struct oi_sending *sending)
{
    struct oi_http_client *client = &connection->client;
    struct oi_request *request = client->sending;
    uint64_t base = client->requests.offset;
    sending->parser = client->requests;
    sending->request = request;
    sending->begun = client->begun;
    sending->length = sending->sent = sending->ids_length = sending->ids_sent = 0;
    if (request) {
        sending->headed = request->headed;
        sending->complete = request->complete;
        memcpy(sending->texts, &request->method, sizeof sending->texts);
    }
    client->ahead = sending;
    oi_http_client_look_for_forks(client);
    feed(connection, fd, pieces, count, from, ahead->place);
    request = client->sending;
    ahead->adds = false;
    if (!request || client->over)
        return;
    oi_http_client_decide(request);
    if (!may_add || !oi_http_client_wanted() || !oi_agent.config.inject_sockets || !oi_agent.propagators.writes ||
        oi_life_confined() || !is_where_it_seems(connection, fd, base))
        return;
    if (!request->is_export && !request->placed && may_propagate(connection, request))
        write_ours(request, sending);
    uint64_t ids = request->trace_at + OI_TRACEPARENT_LENGTH - OI_SENDING_IDS;
    if (ids < base)
        sending->ids_length = 0; /* they have left already */
    else
        ahead->ids = from + ids - base;
    /* Even where this one is left alone: what stands behind it in the same write may not be. */
    ahead->adds = sending->length > 0 || sending->ids_length > 0 || ahead->end < total;
}

/* Nothing was read ahead. */
static void take_back(struct oi_http_client *client, const struct oi_sending *sending)
{
    struct oi_request *before = sending->request;
    bool alive = false;
    for (struct oi_request *request = client->first; request && !alive; request = request->next)
        alive = request == before;
    if (client->last && client->last != before && client->sending == client->last) {
        /* It began with this write. */
        struct oi_request *previous = NULL, *dropped = client->last;
        for (struct oi_request *request = client->first; request != dropped; request = request->next)
            previous = request;
        if (previous)
            previous->next = NULL;
        else
            client->first = NULL;
        client->last = previous;
        client->sending = NULL;
        client->waiting--;
        oi_request_give(dropped);
    }
    client->requests = sending->parser;
    client->begun = sending->begun;
    client->sending = alive ? before : NULL;
    if (alive) {
        before->headed = sending->headed || sending->ids_sent > 0; /* half of its ids have left */
        before->complete = sending->complete;
        memcpy(&before->method, sending->texts, sizeof sending->texts);
    }
}

bool oi_http_client_took(struct oi_connection *connection, int fd, const struct iovec *pieces, size_t count,
                         uint64_t from, uint64_t place, uint64_t to, const struct oi_sending *sending)
{
    struct oi_http_client *client = &connection->client;
    if (client->ahead != sending || client->over)
        return false;
    client->ahead = NULL;
    if (sending->sent > 0 && client->sending)
        client->sending->placed = true;
    if (to < place) {
        take_back(client, sending);
        place = from;
    }
    bool exports = feed(connection, fd, pieces, count, place, to);
    oi_http_client_finish_ended(connection);
    return exports;
}
