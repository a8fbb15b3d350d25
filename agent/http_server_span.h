/* A request that a server answered, as a span in the old and the new attribute set.
 *
 * Semantic conventions: http/http-spans.md#http-server-span (v1.44.0); the old set is that of the Python agent (schema
 * 1.11.0) plus http.url, http.request_content_length and http.response_content_length. Async-signal-safe, no
 * allocation; call with the guard held.
 */
#ifndef OI_AGENT_HTTP_SERVER_SPAN_H
#define OI_AGENT_HTTP_SERVER_SPAN_H

#include "agent/address.h"
#include "agent/span.h"

/* What a request and its answer said; absent: nothing. */
enum oi_http_server_text {
    OI_SERVER_METHOD, /* as sent */
    OI_SERVER_TARGET, /* as sent: `/path?query`, `http://host/path`, `*`; redacted here */
    OI_SERVER_HOST,   /* the Host header, `name:port` */
    OI_SERVER_USER_AGENT,
    OI_SERVER_FORWARDED, /* and the next four: as they came */
    OI_SERVER_X_FORWARDED_FOR,
    OI_SERVER_X_FORWARDED_HOST,
    OI_SERVER_X_FORWARDED_PROTO,
    OI_SERVER_X_FORWARDED_PORT,
    OI_SERVER_ASKED,    /* headers of the request and */
    OI_SERVER_ANSWERED, /* of the answer, that oi_http_headers_keep kept */
    OI_SERVER_TEXTS
};

struct oi_http_server_facts {
    const char *scheme;     /* a constant: `http`, `https` */
    struct oi_address peer; /* of the socket */
    uint16_t local_port;    /* what the server listens on; 0: unknown, or it has none */
    uint8_t minor;          /* of the version: HTTP/1.minor */
    uint16_t status;        /* 0: no answer */
    int64_t request_size;   /* of the content, in bytes; -1: unknown */
    int64_t response_size;
    struct oi_text error_type; /* a constant: what ended the connection before the answer was whole; absent: nothing */
};

struct oi_http_server_call {
    struct oi_text texts[OI_SERVER_TEXTS];
    struct oi_http_server_facts facts;
};

/* From the constructor: a random number (agent/http_name.h). */
void oi_http_server_span_init(uint64_t seed);

/* Ends `span` as that request and submits it: the worker writes what it says (oi_record_put_off). */
void oi_http_server_submit(const struct oi_span *span, const struct oi_scope *scope,
                           const struct oi_http_server_call *call);

#endif
