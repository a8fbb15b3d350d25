#include "agent/http_span.h"

#include "agent/agent.h"
#include "agent/http_common.h"
#include "agent/http_headers.h"

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
    oi_record_name(record, oi_http_put_method(record, sets, call->method));
    struct oi_text url = oi_http_redacted(record, call->url);
    if (sets & OI_SEMCONV_OLD)
        put_old(record, call, url);
    if (sets & OI_SEMCONV_NEW)
        put_new(record, call, url);
    oi_record_str(record, "user_agent.original", call->user_agent);
    int status = call->status;
    oi_http_put_status(record, sets, status);
    oi_http_put_error(record, sets, status, status != 0 && (status < 100 || status >= 400), call->error_type,
                      call->error_message);
    put_timings(record, &call->timings);
    oi_http_headers_put(record, sets, OI_CLIENT_REQUEST, call->request_headers);
    oi_http_headers_put(record, sets, OI_CLIENT_RESPONSE, call->response_headers);
    oi_record_submit(record);
}
