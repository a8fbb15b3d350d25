/* A request that a server answered, as a span in the old and the new attribute set.
 *
 * Semantic conventions: http/http-spans.md#http-server-span (v1.44.0); the old set is that of the Python agent (schema
 * 1.11.0) plus http.url, http.request_content_length and http.response_content_length. Async-signal-safe, no
 * allocation; call with the guard held.
 */
#ifndef OI_AGENT_HTTP_SERVER_SPAN_H
#define OI_AGENT_HTTP_SERVER_SPAN_H

#include "agent/http_forwarded.h"
#include "agent/span.h"

struct oi_http_server_call {
    struct oi_text method; /* as sent */
    struct oi_text target; /* as sent: `/path?query`, `http://host/path`, `*`; redacted here */
    struct oi_text host;   /* the Host header, `name:port`; absent: none */
    struct oi_text user_agent;
    const char *scheme; /* `http`, `https`, NUL-terminated */
    int minor;          /* of the version: HTTP/1.minor */
    /* Forwarded and X-Forwarded-*, as they came; absent: none. */
    struct oi_http_forwarded forwarded;
    struct oi_text peer_address; /* of the socket; absent: unknown, or not an address */
    uint16_t peer_port;
    uint16_t local_port;  /* what the server listens on; 0: unknown, or it has none */
    int status;           /* 0: no answer */
    int64_t request_size; /* of the content, in bytes; -1: unknown */
    int64_t response_size;
    struct oi_text request_headers, response_headers; /* what oi_http_headers_keep kept; absent: none */
    struct oi_text error_type; /* what ended the connection before the answer was whole; absent: nothing */
};

/* From the constructor: a random number (agent/http_name.h). */
void oi_http_server_span_init(uint64_t seed);

/* Ends `span` as that request and submits it. */
void oi_http_server_submit(const struct oi_span *span, const struct oi_scope *scope,
                           const struct oi_http_server_call *call);

#endif
