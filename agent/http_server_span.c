#include "agent/http_server_span.h"

#include "agent/agent.h"
#include "agent/http_common.h"
#include "agent/http_forwarded.h"
#include "agent/http_headers.h"
#include "agent/http_name.h"
#include "agent/http_route.h"
#include "agent/url.h"

static struct oi_http_names names;

void oi_http_server_span_init(uint64_t seed)
{
    names.seed = seed;
}

/* The target's path and query: of an absolute URL, those behind the host; `*` is none. */
static struct oi_text path_and_query(struct oi_text target)
{
    if (target.len > 0 && target.at[0] == '/')
        return target;
    struct oi_url url = oi_url_split(target);
    if (!oi_text_present(url.scheme) || !oi_text_present(url.path))
        return (struct oi_text){NULL, 0};
    return oi_text_of(url.path.at, (size_t)(target.at + target.len - url.path.at));
}

/* A program that asks by itself, by a sign in its name. The letter at `seldom` hardly ever stands in a browser's name.
 */
static const struct sign {
    struct oi_text text, type;
    size_t seldom;
} signs[] = {{OI_TEXT("alwayson"), OI_TEXT("test"), 5},
             {OI_TEXT("googlebot"), OI_TEXT("bot"), 6},
             {OI_TEXT("bingbot"), OI_TEXT("bot"), 0}};

static bool has_sign(struct oi_text agent, const struct sign *sign, char letter)
{
    const char *end = agent.at + agent.len, *at = agent.at;
    while ((at = memchr(at, letter, (size_t)(end - at)))) {
        size_t before = (size_t)(at++ - agent.at);
        if (before >= sign->seldom && agent.len - (before - sign->seldom) >= sign->text.len &&
            oi_text_equal_nocase(oi_text_of(agent.at + before - sign->seldom, sign->text.len), sign->text))
            return true;
    }
    return false;
}

static void put_synthetic(struct oi_record *record, struct oi_text agent)
{
    for (size_t i = 0; oi_text_present(agent) && i < sizeof signs / sizeof *signs; i++) {
        char letter = signs[i].text.at[signs[i].seldom];
        if (has_sign(agent, &signs[i], letter) || has_sign(agent, &signs[i], (char)(letter - 'a' + 'A'))) {
            oi_record_str(record, "user_agent.synthetic.type", signs[i].type);
            return;
        }
    }
}

static struct oi_text version_of(int minor)
{
    return minor == 0 ? OI_TEXT("1.0") : OI_TEXT("1.1");
}

static void put_url(struct oi_record *record, const struct oi_http_server_call *call, struct oi_text target)
{
    if (!oi_text_present(call->host) || target.len == 0 || target.at[0] != '/')
        return;
    struct oi_buffer url = oi_record_text_begin(record, call->host.len + target.len + 16);
    oi_buffer_put(&url, call->scheme, strlen(call->scheme));
    oi_buffer_put(&url, "://", 3);
    oi_buffer_put(&url, call->host.at, call->host.len);
    oi_buffer_put(&url, target.at, target.len);
    oi_record_str_owned(record, "http.url", oi_record_text_end(record, &url));
}

static void put_old(struct oi_record *record, const struct oi_http_server_call *call, struct oi_text target)
{
    oi_record_str(record, "http.scheme", oi_text_from(call->scheme));
    oi_record_str(record, "http.host", call->host);
    oi_record_str(record, "net.host.name", call->host);
    if (call->local_port)
        oi_record_int(record, "net.host.port", call->local_port);
    oi_record_str_owned(record, "http.target", target);
    put_url(record, call, target);
    oi_record_str(record, "net.peer.ip", call->peer_address);
    if (call->peer_port && oi_text_present(call->peer_address))
        oi_record_int(record, "net.peer.port", call->peer_port);
    oi_record_str(record, "http.user_agent", call->user_agent);
    oi_record_str(record, "http.flavor", version_of(call->minor));
    if (call->request_size >= 0)
        oi_record_int(record, "http.request_content_length", call->request_size);
    if (call->response_size >= 0)
        oi_record_int(record, "http.response_content_length", call->response_size);
}

/* Who asked for what, as the proxies in front say, else as the connection does. */
static void put_ends(struct oi_record *record, const struct oi_http_server_call *call)
{
    struct oi_http_origin origin = oi_http_forwarded_read(&call->forwarded);
    if (!oi_text_present(origin.host))
        oi_http_host_split(call->host, &origin.host, &origin.host_port);
    uint16_t port = origin.host_port;
    if (!port && !oi_text_present(origin.scheme))
        port = call->local_port;
    oi_record_str(record, "url.scheme", oi_text_present(origin.scheme) ? origin.scheme : oi_text_from(call->scheme));
    oi_record_str(record, "server.address", origin.host);
    if (port && oi_text_present(origin.host))
        oi_record_int(record, "server.port", port);
    bool direct = !oi_text_present(origin.address);
    struct oi_text client = direct ? call->peer_address : origin.address;
    uint16_t client_port = direct ? call->peer_port : origin.port;
    oi_record_str(record, "client.address", client);
    if (client_port && oi_text_present(client))
        oi_record_int(record, "client.port", client_port);
    oi_record_str(record, "network.peer.address", call->peer_address);
    if (call->peer_port && oi_text_present(call->peer_address))
        oi_record_int(record, "network.peer.port", call->peer_port);
}

static void put_new(struct oi_record *record, const struct oi_http_server_call *call, struct oi_text path)
{
    const char *question = oi_text_present(path) ? memchr(path.at, '?', path.len) : NULL;
    if (question) {
        oi_record_str(record, "url.path", oi_text_of(path.at, (size_t)(question - path.at)));
        oi_record_str(record, "url.query", oi_text_of(question + 1, (size_t)(path.at + path.len - question - 1)));
    } else {
        oi_record_str(record, "url.path", path);
    }
    put_ends(record, call);
    oi_record_str(record, "user_agent.original", call->user_agent);
    oi_record_str(record, "network.protocol.version", version_of(call->minor));
}

static void put_name(struct oi_record *record, struct oi_text method, struct oi_text path, int status)
{
    const char *question = oi_text_present(path) ? memchr(path.at, '?', path.len) : NULL;
    if (question)
        path.len = (size_t)(question - path.at);
    struct oi_http_server_name name = {.method = method,
                                       .route = oi_http_route(oi_agent.config.http_routes, path),
                                       .path = path,
                                       .status = status,
                                       .guess = oi_agent.config.http_route_guess};
    struct oi_buffer text = oi_record_text_begin(record, method.len + path.len + name.route.len + 16);
    oi_http_server_name(&name, &names, &text);
    oi_record_name_owned(record, oi_record_text_end(record, &text));
    oi_record_str(record, "http.route", name.route);
}

void oi_http_server_submit(const struct oi_span *span, const struct oi_scope *scope,
                           const struct oi_http_server_call *call)
{
    enum oi_semconv sets = oi_agent.semconv_http;
    struct oi_record *record = oi_span_end(span, scope, OI_KIND_SERVER);
    if (!record)
        return;
    struct oi_text method = oi_http_put_method(record, sets, call->method);
    struct oi_text target = oi_http_redacted(record, call->target), path = path_and_query(target);
    put_name(record, method, path, call->status);
    if (sets & OI_SEMCONV_OLD)
        put_old(record, call, target);
    if (sets & OI_SEMCONV_NEW)
        put_new(record, call, path);
    put_synthetic(record, call->user_agent);
    oi_http_headers_put(record, sets, OI_SERVER_REQUEST, call->request_headers);
    oi_http_headers_put(record, sets, OI_SERVER_RESPONSE, call->response_headers);
    oi_http_put_status(record, sets, call->status);
    int status = call->status;
    oi_http_put_error(record, sets, status, status != 0 && (status < 100 || status >= 500), call->error_type,
                      (struct oi_text){NULL, 0});
    oi_record_submit(record);
}
