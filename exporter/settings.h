/* The settings of the OTLP exporter, resolved. A signal's own setting beats the general one: agent/config.c has seen to
 * that, but for the endpoint, whose two forms differ in meaning.
 *
 * Specification: protocol/exporter.md#configuration-options.
 */
#ifndef OI_EXPORTER_SETTINGS_H
#define OI_EXPORTER_SETTINGS_H

#include "agent/export.h"
#include "exporter/endpoint.h"
#include "exporter/headers.h"

struct oi_otlp_settings {
    bool grpc;
    bool gzip;
    struct oi_endpoint endpoint;
    struct oi_headers headers;
    const char *certificate; /* PEM files; NULL: none named */
    const char *client_key;
    const char *client_certificate;
    uint32_t budget_ms; /* for a batch with its retries; 0: no limit */
};

/* Fills `out`; what cannot be used is said through host->log, unless the launcher has said it, and replaced by the
 * default. */
void oi_otlp_settings(struct oi_otlp_settings *out, const struct oi_export_host *host, bool grpc);

#endif
