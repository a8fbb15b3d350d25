/* An HTTP client call as a span in the old and the new attribute set.
 *
 * Semantic conventions: http/http-spans.md (v1.44.0); the old set is that of the Python agent (schema 1.11.0) plus
 * http.request_content_length and http.response_content_length. Async-signal-safe, no allocation; call with the guard
 * held.
 */
#ifndef OI_AGENT_HTTP_SPAN_H
#define OI_AGENT_HTTP_SPAN_H

#include "agent/span.h"

/* How long the parts of a call took, in microseconds; 0: there was none, or it is not known. */
struct oi_http_timings {
    int64_t name_lookup;
    int64_t connect;
    int64_t tls;
    int64_t first_byte; /* from the start of the call */
};

struct oi_http_client_call {
    struct oi_text method; /* as sent */
    struct oi_text url;    /* as the program gave it; redacted here */
    struct oi_text host;   /* server.address */
    uint16_t port;         /* server.port; 0: unknown */
    struct oi_text peer_address;
    uint16_t peer_port;
    int status;             /* 0: no answer */
    struct oi_text version; /* `1.1`, `2`; absent: unknown */
    struct oi_text user_agent;
    int64_t request_body_size;       /* -1: unknown */
    int64_t response_body_size;      /* -1: unknown */
    uint32_t resend_count;           /* redirects followed */
    struct oi_text request_headers;  /* what oi_http_headers_keep kept; absent: none */
    struct oi_text response_headers; /* likewise */
    struct oi_http_timings timings;
    struct oi_text error_type;    /* low cardinality: `CURLE_COULDNT_CONNECT`; absent: no transport error */
    struct oi_text error_message; /* description of the status, with error_type */
};

/* Ends `span` as that call and submits it. */
void oi_http_client_submit(const struct oi_span *span, const struct oi_scope *scope,
                           const struct oi_http_client_call *call);

#endif
