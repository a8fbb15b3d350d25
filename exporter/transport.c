#include "exporter/transport.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

/* As long as the line can become: it is rewritten in place for each request. gRPC allows eight digits. */
static const char timeout_line[] = "grpc-timeout: 99999999m";

enum {
    MOST_TIMEOUT_MS = 99999999,
    SLICE_MS = 50,
    ANSWER_LIMIT = 4 * 1024 * 1024,
    ANSWER_KEEP = 64 * 1024, /* memory for answers that is kept between requests */
};

struct oi_transport {
    const struct oi_export_host *host;
    const struct oi_otlp_settings *settings;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    char *timeout_header; /* the text of grpc-timeout in `headers`; NULL: none */
    struct oi_answer *answer;
    uint8_t *body;
    size_t body_size;
    bool version_by_request; /* see choose_version */
    bool connected;          /* the last request was answered: its connection may be used again */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- what libcurl calls ------------------------------------------------------------------------------------------- */

static size_t on_body(char *at, size_t size, size_t count, void *user)
{
    struct oi_transport *transport = user;
    struct oi_answer *answer = transport->answer;
    size_t len = size * count;
    if (answer->len + len > ANSWER_LIMIT) {
        answer->too_long = true;
        return 0;
    }
    if (answer->len + len > transport->body_size) {
        size_t wanted = (answer->len + len) * 2;
        uint8_t *grown = realloc(transport->body, wanted);
        if (!grown)
            return 0;
        transport->body = grown;
        transport->body_size = wanted;
    }
    memcpy(transport->body + answer->len, at, len);
    answer->len += len;
    return len;
}

static bool take_header(char *to, size_t size, const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    const char *from = line + name_len + 1, *end = line + len;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && strchr(" \t\r\n", end[-1]))
        end--;
    size_t kept = (size_t)(end - from) < size - 1 ? (size_t)(end - from) : size - 1;
    memcpy(to, from, kept);
    to[kept] = '\0';
    return true;
}

/* Headers and, over HTTP/2, trailers. */
static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct oi_answer *answer = ((struct oi_transport *)user)->answer;
    size_t len = size * count;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        answer->retry_after[0] = answer->grpc_status[0] = '\0'; /* what came before was an interim answer */
    struct {
        const char *name;
        char *to;
        size_t size;
    } wanted[] = {
        {"retry-after", answer->retry_after, sizeof answer->retry_after},
        {"grpc-status", answer->grpc_status, sizeof answer->grpc_status},
        {"grpc-message", answer->grpc_message, sizeof answer->grpc_message},
        {"grpc-status-details-bin", answer->grpc_details, sizeof answer->grpc_details},
        {"grpc-encoding", answer->grpc_encoding, sizeof answer->grpc_encoding},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (take_header(wanted[i].to, wanted[i].size, line, len, wanted[i].name))
            break;
    return len;
}

static curl_socket_t on_socket(void *unused, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)unused;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- making the handles ------------------------------------------------------------------------------------------- */

static bool add_line(struct oi_transport *transport, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transport->headers, line);
    if (longer)
        transport->headers = longer;
    return longer != NULL;
}

/* `name;` is libcurl's way to say that a header has an empty value. */
static bool add_header(struct oi_transport *transport, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = malloc(size);
    if (!line)
        return false;
    snprintf(line, size, *value ? "%s: %s" : "%s;", name, value);
    bool added = add_line(transport, line);
    free(line);
    return added;
}

/* Ours, unless the user sets the same. */
static bool add_default(struct oi_transport *transport, const char *name, const char *value)
{
    return oi_headers_get(&transport->settings->headers, name) || add_header(transport, name, value);
}

static bool add_headers(struct oi_transport *transport)
{
    const struct oi_otlp_settings *settings = transport->settings;
    char agent[96];
    snprintf(agent, sizeof agent, "OTel-OTLP-Exporter-C/%s", transport->host->version);
    bool all =
        add_default(transport, "user-agent", agent) && add_line(transport, "Expect:") && add_line(transport, "Accept:");
    if (settings->grpc) {
        all = all && add_default(transport, "content-type", "application/grpc") &&
              add_line(transport, "te: trailers") && add_line(transport, "grpc-accept-encoding: gzip") &&
              (!settings->gzip || add_line(transport, "grpc-encoding: gzip"));
        if (all && add_line(transport, timeout_line)) {
            struct curl_slist *last = transport->headers;
            while (last->next)
                last = last->next;
            transport->timeout_header = last->data;
        }
    } else {
        all = all && add_default(transport, "content-type", "application/x-protobuf") &&
              (!settings->gzip || add_line(transport, "content-encoding: gzip"));
    }
    for (size_t i = 0; all && i < settings->headers.count; i++)
        all = add_header(transport, settings->headers.at[i].name, settings->headers.at[i].value);
    return all;
}

static void set_tls(CURL *easy, const struct oi_otlp_settings *settings)
{
    if (settings->certificate)
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->certificate);
    if (settings->client_certificate)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->client_certificate);
    if (settings->client_key)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->client_key);
}

static void set_options(struct oi_transport *transport)
{
    CURL *easy = transport->easy;
    const struct oi_otlp_settings *settings = transport->settings;
    long version = !settings->grpc          ? CURL_HTTP_VERSION_1_1
                   : settings->endpoint.tls ? CURL_HTTP_VERSION_2TLS
                                            : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    unsigned running = curl_version_info(CURLVERSION_NOW)->version_num;
    transport->version_by_request =
        version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE && running >= 0x075700 && running < 0x080000;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* otherwise SIGPIPE's action is changed for the whole process */
    curl_easy_setopt(easy, CURLOPT_URL, settings->endpoint.url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transport->headers);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (settings->endpoint.loopback)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transport);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transport);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a timeout does not wait for getaddrinfo's thread */
#endif
    set_tls(easy, settings);
}

/* The handles are made with the first request, and again in a forked child. */
static bool ready(struct oi_transport *transport)
{
    if (transport->easy && transport->multi)
        return true;
    if (!transport->headers && !add_headers(transport))
        return false;
    if (!transport->multi)
        transport->multi = curl_multi_init();
    transport->easy = curl_easy_init();
    if (!transport->multi || !transport->easy)
        return false;
    curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, 1L);
    set_options(transport);
    return true;
}

struct oi_transport *oi_transport_open(const struct oi_export_host *host, const struct oi_otlp_settings *settings)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    struct oi_transport *transport = calloc(1, sizeof *transport);
    if (!transport)
        return NULL;
    transport->host = host;
    transport->settings = settings;
    return transport;
}

void oi_transport_forget(struct oi_transport *transport)
{
    transport->multi = NULL;
    transport->easy = NULL;
    transport->connected = false;
}

/* libcurl 7.87 and 7.88 (Debian 12) cannot use a connection twice that was opened with prior knowledge of HTTP/2 (fixed
 * by curl/curl#10643): "Error in the HTTP2 framing layer". They can if the second request does not ask for that. But
 * such a request, where the old connection turns out to be closed, goes out as HTTP/1.1 over a new one; post() then
 * repeats it. */
static void choose_version(struct oi_transport *transport)
{
    if (!transport->version_by_request)
        return;
    bool again = transport->connected;
    curl_easy_setopt(transport->easy, CURLOPT_HTTP_VERSION,
                     again ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(transport->easy, CURLOPT_FRESH_CONNECT, again ? 0L : 1L);
}

/* --- one request ----------------------------------------------------------------------------------------------------
 */

static bool begin(struct oi_transport *transport, const uint8_t *body, size_t len, uint32_t timeout_ms)
{
    struct oi_answer *answer = transport->answer;
    if (!ready(transport)) {
        snprintf(answer->error, sizeof answer->error, "out of memory");
        return false;
    }
    if (transport->timeout_header)
        snprintf(transport->timeout_header, sizeof timeout_line, "grpc-timeout: %um",
                 timeout_ms == 0 || timeout_ms > MOST_TIMEOUT_MS ? MOST_TIMEOUT_MS : timeout_ms);
    curl_easy_setopt(transport->easy, CURLOPT_ERRORBUFFER, answer->error);
    curl_easy_setopt(transport->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_easy_setopt(transport->easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(transport->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(transport->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ms ? timeout_ms : 300000));
    choose_version(transport);
    return curl_multi_add_handle(transport->multi, transport->easy) == CURLM_OK;
}

/* True: over. */
static bool step(struct oi_transport *transport)
{
    int running, queued;
    CURLMcode rc = curl_multi_perform(transport->multi, &running);
    CURLMsg *message = curl_multi_info_read(transport->multi, &queued);
    if (message && message->msg == CURLMSG_DONE) {
        transport->answer->curl = message->data.result;
        curl_easy_getinfo(transport->easy, CURLINFO_RESPONSE_CODE, &transport->answer->http);
        curl_easy_getinfo(transport->easy, CURLINFO_HTTP_VERSION, &transport->answer->http_version);
        return true;
    }
    if (rc == CURLM_OK && running > 0)
        return false;
    transport->answer->curl = CURLE_FAILED_INIT;
    return true;
}

/* Milliseconds to wait for the next event; 0: the process is leaving and its time is up. */
static int slice(const struct oi_transport *transport)
{
    uint64_t deadline = 0;
    if (!transport->host->leaving(&deadline))
        return SLICE_MS;
    uint64_t now = now_ns();
    if (now >= deadline)
        return 0;
    uint64_t left = (deadline - now) / 1000000 + 1;
    return left < SLICE_MS ? (int)left : SLICE_MS;
}

static void finish(struct oi_transport *transport)
{
    struct oi_answer *answer = transport->answer;
    if (answer->abandoned)
        answer->curl = CURLE_OPERATION_TIMEDOUT;
    curl_multi_remove_handle(transport->multi, transport->easy);
    curl_easy_setopt(transport->easy, CURLOPT_ERRORBUFFER, NULL);
    if (answer->curl != CURLE_OK && !answer->error[0])
        snprintf(answer->error, sizeof answer->error, "%s", curl_easy_strerror((CURLcode)answer->curl));
    answer->body = transport->body;
}

/* Frees what a long answer has taken. */
static void reset_body(struct oi_transport *transport)
{
    if (transport->body_size <= ANSWER_KEEP)
        return;
    free(transport->body);
    transport->body = NULL;
    transport->body_size = 0;
}

static void post_once(struct oi_transport *transport, const uint8_t *body, size_t len, uint32_t timeout_ms,
                      struct oi_answer *answer)
{
    const struct oi_export_host *host = transport->host;
    *answer = (struct oi_answer){.curl = CURLE_OUT_OF_MEMORY};
    transport->answer = answer;
    host->unsafe_begin();
    bool started = begin(transport, body, len, timeout_ms);
    bool over = !started || step(transport);
    host->unsafe_end();
    while (!over) {
        int wait = slice(transport);
        if (wait == 0)
            answer->abandoned = true;
        else
            curl_multi_poll(transport->multi, NULL, 0, wait, NULL);
        host->unsafe_begin();
        over = answer->abandoned || step(transport);
        host->unsafe_end();
    }
    host->unsafe_begin();
    if (started)
        finish(transport);
    host->unsafe_end();
    transport->answer = NULL;
}

void oi_transport_post(struct oi_transport *transport, const uint8_t *body, size_t len, uint32_t timeout_ms,
                       struct oi_answer *answer)
{
    bool again = transport->version_by_request && transport->connected;
    transport->host->unsafe_begin();
    reset_body(transport);
    transport->host->unsafe_end();
    post_once(transport, body, len, timeout_ms, answer);
    bool timed_out = answer->curl == CURLE_OPERATION_TIMEDOUT;
    if (again && !timed_out && (answer->curl != CURLE_OK || answer->http_version != CURL_HTTP_VERSION_2_0)) {
        transport->connected = false;
        post_once(transport, body, len, timeout_ms, answer);
    }
    transport->connected = answer->curl == CURLE_OK;
}
