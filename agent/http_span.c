#include "agent/http_span.h"

#include "agent/agent.h"
#include "agent/http_headers.h"
#include "agent/redact.h"

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* The item of the comma list that `method` is, after upper-casing; absent if there is none. Methods are case-sensitive,
 * but `get` is what people write who mean GET; what was sent stays in http.request.method_original. */
static struct oi_text known_method(const char *list, struct oi_text method)
{
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, " \t,"), i = 0;
        if (length == method.len && length > 0) {
            while (i < length && (method.at[i] == list[i] || upper(method.at[i]) == list[i]))
                i++;
            if (i == length)
                return oi_text_of(list, length);
        }
        list += length;
    }
    return (struct oi_text){NULL, 0};
}

static void put_method(struct oi_record *record, enum oi_semconv sets, struct oi_text sent)
{
    struct oi_text method = known_method(oi_agent.config.known_http_methods, sent);
    bool known = oi_text_present(method);
    if (!known)
        method = OI_TEXT("_OTHER");
    oi_record_name(record, known ? method : OI_TEXT("HTTP"));
    if (sets & OI_SEMCONV_OLD)
        oi_record_str(record, "http.method", method);
    if (!(sets & OI_SEMCONV_NEW))
        return;
    oi_record_str(record, "http.request.method", method);
    if (!oi_text_equal(method, sent))
        oi_record_str(record, "http.request.method_original", sent);
}

/* The URL without its secrets, in the record. */
static struct oi_text redacted_url(struct oi_record *record, struct oi_text url)
{
    if (!oi_text_present(url))
        return url;
    /* Room for what usually is replaced; then for the worst case, REDACTED for every x in ?a=x&b=x&… */
    size_t room[] = {url.len + 64, 4 * url.len + 64};
    struct oi_buffer out = {0};
    for (size_t i = 0; i < 2; i++) {
        out = oi_record_text_begin(record, room[i]);
        oi_redact_url(url, oi_agent.config.redact_query, &out);
        if (!out.truncated)
            break;
    }
    return oi_record_text_end(record, &out);
}

static void put_status_code(struct oi_record *record, enum oi_semconv sets, const struct oi_http_client_call *call)
{
    int status = call->status;
    bool failed = status != 0 && (status < 100 || status >= 400);
    if (status != 0 && (sets & OI_SEMCONV_OLD))
        oi_record_int(record, "http.status_code", status);
    if (status != 0 && (sets & OI_SEMCONV_NEW))
        oi_record_int(record, "http.response.status_code", status);
    if (oi_text_present(call->error_type)) {
        oi_record_status(record, OI_STATUS_ERROR, call->error_message);
        if (sets & OI_SEMCONV_NEW)
            oi_record_str(record, "error.type", call->error_type);
    } else if (failed) {
        oi_record_status(record, OI_STATUS_ERROR, (struct oi_text){NULL, 0});
        char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
        size_t zeros = status < 10 ? 2 : status < 100;
        if (sets & OI_SEMCONV_NEW)
            oi_record_str(record, "error.type", oi_text_of(digits + zeros, sizeof digits - zeros));
    }
}

static void put_old(struct oi_record *record, const struct oi_http_client_call *call, struct oi_text url)
{
    oi_record_str_owned(record, "http.url", url);
    if (call->request_body_size >= 0)
        oi_record_int(record, "http.request_content_length", call->request_body_size);
    if (call->response_body_size >= 0)
        oi_record_int(record, "http.response_content_length", call->response_body_size);
}

static void put_new(struct oi_record *record, const struct oi_http_client_call *call, struct oi_text url)
{
    oi_record_str_owned(record, "url.full", url);
    oi_record_str(record, "server.address", call->host);
    if (call->port && oi_text_present(call->host))
        oi_record_int(record, "server.port", call->port);
    oi_record_str(record, "network.peer.address", call->peer_address);
    if (call->peer_port && oi_text_present(call->peer_address))
        oi_record_int(record, "network.peer.port", call->peer_port);
    oi_record_str(record, "network.protocol.version", call->version);
    if (call->resend_count > 0)
        oi_record_int(record, "http.request.resend_count", call->resend_count);
}

static void put_timings(struct oi_record *record, const struct oi_http_timings *timings)
{
    enum { SECOND = 1000000 };
    if (timings->name_lookup > 0)
        oi_record_double(record, "http.client.timing.dns", (double)timings->name_lookup / SECOND);
    if (timings->connect > 0)
        oi_record_double(record, "http.client.timing.connect", (double)timings->connect / SECOND);
    if (timings->tls > 0)
        oi_record_double(record, "http.client.timing.tls", (double)timings->tls / SECOND);
    if (timings->first_byte > 0)
        oi_record_double(record, "http.client.timing.first_byte", (double)timings->first_byte / SECOND);
}

void oi_http_client_submit(const struct oi_span *span, const struct oi_scope *scope,
                           const struct oi_http_client_call *call)
{
    enum oi_semconv sets = oi_agent.semconv_http;
    struct oi_record *record = oi_span_end(span, scope, OI_KIND_CLIENT);
    if (!record)
        return;
    put_method(record, sets, call->method);
    struct oi_text url = redacted_url(record, call->url);
    if (sets & OI_SEMCONV_OLD)
        put_old(record, call, url);
    if (sets & OI_SEMCONV_NEW)
        put_new(record, call, url);
    oi_record_str(record, "user_agent.original", call->user_agent);
    put_status_code(record, sets, call);
    put_timings(record, &call->timings);
    oi_http_headers_put(record, sets, OI_CLIENT_REQUEST, call->request_headers);
    oi_http_headers_put(record, sets, OI_CLIENT_RESPONSE, call->response_headers);
    oi_record_submit(record);
}
