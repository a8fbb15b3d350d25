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
            oi_record_str_owned(record, "user_agent.synthetic.type", signs[i].type);
            return;
        }
    }
}

static struct oi_text version_of(int minor)
{
    return minor == 0 ? OI_TEXT("1.0") : OI_TEXT("1.1");
}

/* What is to be said about a request, on the worker's thread. All texts stand in the record, or are constants. */
struct described {
    const struct oi_text *texts; /* OI_SERVER_TEXTS of them */
    struct oi_http_server_facts facts;
    struct oi_text method, target, path; /* as they are shown */
    struct oi_text peer;                 /* the address of the socket; absent: unknown, or not one */
};

static void put_url(struct oi_record *record, const struct described *call)
{
    struct oi_text host = call->texts[OI_SERVER_HOST], target = call->target;
    const char *scheme = call->facts.scheme;
    if (!oi_text_present(host) || target.len == 0 || target.at[0] != '/')
        return;
    struct oi_buffer url = oi_record_text_begin(record, host.len + target.len + 16);
    oi_buffer_put(&url, scheme, strlen(scheme));
    oi_buffer_put(&url, "://", 3);
    oi_buffer_put(&url, host.at, host.len);
    oi_buffer_put(&url, target.at, target.len);
    oi_record_str_owned(record, "http.url", oi_record_text_end(record, &url));
}

static void put_old(struct oi_record *record, const struct described *call)
{
    const struct oi_http_server_facts *facts = &call->facts;
    oi_record_str_owned(record, "http.scheme", oi_text_from(facts->scheme));
    oi_record_str_owned(record, "http.host", call->texts[OI_SERVER_HOST]);
    oi_record_str_owned(record, "net.host.name", call->texts[OI_SERVER_HOST]);
    if (facts->local_port)
        oi_record_int(record, "net.host.port", facts->local_port);
    oi_record_str_owned(record, "http.target", call->target);
    put_url(record, call);
    oi_record_str_owned(record, "net.peer.ip", call->peer);
    if (facts->peer.port && oi_text_present(call->peer))
        oi_record_int(record, "net.peer.port", facts->peer.port);
    oi_record_str_owned(record, "http.user_agent", call->texts[OI_SERVER_USER_AGENT]);
    oi_record_str_owned(record, "http.flavor", version_of(facts->minor));
    if (facts->request_size >= 0)
        oi_record_int(record, "http.request_content_length", facts->request_size);
    if (facts->response_size >= 0)
        oi_record_int(record, "http.response_content_length", facts->response_size);
}

static struct oi_http_origin origin_of(const struct oi_text texts[OI_SERVER_TEXTS])
{
    struct oi_http_forwarded said = {.forwarded = texts[OI_SERVER_FORWARDED],
                                     .x_for = texts[OI_SERVER_X_FORWARDED_FOR],
                                     .x_proto = texts[OI_SERVER_X_FORWARDED_PROTO],
                                     .x_host = texts[OI_SERVER_X_FORWARDED_HOST],
                                     .x_port = texts[OI_SERVER_X_FORWARDED_PORT]};
    struct oi_http_origin origin = oi_http_forwarded_read(&said);
    if (!oi_text_present(origin.host))
        oi_http_host_split(texts[OI_SERVER_HOST], &origin.host, &origin.host_port);
    return origin;
}

/* Who asked for what, as the proxies in front say, else as the connection does. */
static void put_ends(struct oi_record *record, const struct described *call)
{
    const struct oi_http_server_facts *facts = &call->facts;
    struct oi_http_origin origin = origin_of(call->texts);
    uint16_t port = origin.host_port;
    if (!port && !oi_text_present(origin.scheme))
        port = facts->local_port;
    oi_record_str_owned(record, "url.scheme",
                        oi_text_present(origin.scheme) ? origin.scheme : oi_text_from(facts->scheme));
    oi_record_str_owned(record, "server.address", origin.host);
    if (port && oi_text_present(origin.host))
        oi_record_int(record, "server.port", port);
    bool direct = !oi_text_present(origin.address);
    struct oi_text client = direct ? call->peer : origin.address;
    uint16_t client_port = direct ? facts->peer.port : origin.port;
    oi_record_str_owned(record, "client.address", client);
    if (client_port && oi_text_present(client))
        oi_record_int(record, "client.port", client_port);
    oi_record_str_owned(record, "network.peer.address", call->peer);
    if (facts->peer.port && oi_text_present(call->peer))
        oi_record_int(record, "network.peer.port", facts->peer.port);
}

static void put_new(struct oi_record *record, const struct described *call)
{
    struct oi_text path = call->path;
    const char *question = oi_text_present(path) ? memchr(path.at, '?', path.len) : NULL;
    if (question) {
        size_t before = (size_t)(question - path.at);
        oi_record_str_owned(record, "url.path", oi_text_of(path.at, before));
        oi_record_str_owned(record, "url.query", oi_text_of(question + 1, path.len - before - 1));
    } else {
        oi_record_str_owned(record, "url.path", path);
    }
    put_ends(record, call);
    oi_record_str_owned(record, "user_agent.original", call->texts[OI_SERVER_USER_AGENT]);
    oi_record_str_owned(record, "network.protocol.version", version_of(call->facts.minor));
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
    oi_record_str_owned(record, "http.route", name.route);
}

static void describe(struct oi_record *record, struct described *call)
{
    enum oi_semconv sets = oi_agent.semconv_http;
    const struct oi_text *texts = call->texts;
    int status = call->facts.status;
    call->method = oi_http_put_method(record, sets, texts[OI_SERVER_METHOD]);
    bool plain = oi_http_is_plain_path(texts[OI_SERVER_TARGET]);
    call->target = plain ? texts[OI_SERVER_TARGET] : oi_http_redacted(record, texts[OI_SERVER_TARGET]);
    call->path = path_and_query(call->target);
    put_name(record, call->method, call->path, status);
    if (sets & OI_SEMCONV_OLD)
        put_old(record, call);
    if (sets & OI_SEMCONV_NEW)
        put_new(record, call);
    put_synthetic(record, texts[OI_SERVER_USER_AGENT]);
    oi_http_headers_put(record, sets, OI_SERVER_REQUEST, texts[OI_SERVER_ASKED]);
    oi_http_headers_put(record, sets, OI_SERVER_RESPONSE, texts[OI_SERVER_ANSWERED]);
    oi_http_put_status(record, sets, status);
    oi_http_put_error(record, sets, status, status != 0 && (status < 100 || status >= 500), call->facts.error_type,
                      (struct oi_text){NULL, 0});
}

/* --- between the thread that has served and the worker ------------------------------------------------------------ */

struct noted {
    struct oi_http_server_facts facts;
    struct oi_text all; /* the texts, one behind the other */
    uint32_t lengths[OI_SERVER_TEXTS];
};
_Static_assert(sizeof(struct noted) <= OI_FACTS_MAX, "they stand where attributes will");

enum { ABSENT = UINT32_MAX };

static void write_noted(struct oi_record *record)
{
    struct noted noted;
    struct oi_text texts[OI_SERVER_TEXTS];
    char room[OI_ADDRESS_TEXT];
    oi_record_facts(record, &noted, sizeof noted);
    for (size_t i = 0, at = 0; i < OI_SERVER_TEXTS; i++) {
        size_t left = noted.all.len - at, length = noted.lengths[i] < left ? noted.lengths[i] : left;
        texts[i] = noted.lengths[i] == ABSENT ? (struct oi_text){NULL, 0} : oi_text_of(noted.all.at + at, length);
        at += noted.lengths[i] == ABSENT ? 0 : length;
    }
    struct described call = {.texts = texts, .facts = noted.facts};
    struct oi_text peer = oi_address_text(&noted.facts.peer, room);
    if (oi_text_present(peer)) {
        struct oi_buffer kept = oi_record_text_begin(record, peer.len);
        oi_buffer_put(&kept, peer.at, peer.len);
        call.peer = oi_record_text_end(record, &kept);
    }
    describe(record, &call);
}

void oi_http_server_submit(const struct oi_span *span, const struct oi_scope *scope,
                           const struct oi_http_server_call *call)
{
    struct oi_record *record = oi_span_end(span, scope, OI_KIND_SERVER);
    if (!record)
        return;
    struct noted *noted = oi_record_put_off(record, write_noted, sizeof *noted);
    noted->facts = call->facts;
    size_t total = 0;
    for (size_t i = 0; i < OI_SERVER_TEXTS; i++) {
        bool present = oi_text_present(call->texts[i]);
        noted->lengths[i] = present ? (uint32_t)call->texts[i].len : ABSENT;
        total += present ? call->texts[i].len : 0;
    }
    struct oi_buffer all = oi_record_text_begin(record, total);
    for (size_t i = 0; i < OI_SERVER_TEXTS; i++)
        if (call->texts[i].len > 0)
            oi_buffer_put(&all, call->texts[i].at, call->texts[i].len);
    noted->all = oi_record_text_end(record, &all);
    oi_record_submit(record);
}
