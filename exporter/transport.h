/* One request and its answer at a time, over libcurl's multi interface: HTTP/1.1, or HTTP/2 for gRPC.
 *
 * The connection is kept between requests. libcurl is only entered between host->unsafe_begin and unsafe_end; waiting
 * happens outside, in slices of at most 50 ms, so that fork and the process's end never wait for a receiver.
 */
#ifndef OI_EXPORTER_TRANSPORT_H
#define OI_EXPORTER_TRANSPORT_H

#include "agent/export.h"
#include "exporter/settings.h"

/* What came back. Texts are NUL-terminated and cut to their size; empty: not there. */
struct oi_answer {
    int curl; /* CURLcode: 0 a whole answer was received */
    char error[256];
    bool abandoned;    /* the process is leaving and its time is up */
    bool too_long;     /* the answer was longer than 4 MiB */
    long http;         /* status */
    long http_version; /* CURL_HTTP_VERSION_… */
    uint8_t *body;     /* the transport's, until the next request */
    size_t len;
    char retry_after[64];
    char grpc_status[16];
    char grpc_message[512];
    char grpc_details[2048]; /* grpc-status-details-bin */
    char grpc_encoding[16];
};

struct oi_transport;

/* `settings` and `host` must outlive it. NULL: no memory. Call between unsafe_begin and unsafe_end. */
struct oi_transport *oi_transport_open(const struct oi_export_host *host, const struct oi_otlp_settings *settings);

/* Posts `body` and waits for the answer, at most `timeout_ms` (0: without limit) and not past host->leaving's deadline.
 */
void oi_transport_post(struct oi_transport *transport, const uint8_t *body, size_t len, uint32_t timeout_ms,
                       struct oi_answer *answer);

/* In a forked child: the connection is the parent's. Nothing of it is touched. */
void oi_transport_forget(struct oi_transport *transport);

#endif
