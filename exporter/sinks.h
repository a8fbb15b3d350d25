/* The exporters there are. Each is a `struct oi_exporter`; oi_exporter_open puts together those that the configuration
 * names. All open functions are called between unsafe_begin and unsafe_end, and return NULL without memory. */
#ifndef OI_EXPORTER_SINKS_H
#define OI_EXPORTER_SINKS_H

#include "agent/export.h"

/* OTLP over gRPC or over HTTP with protobuf. */
struct oi_exporter *oi_otlp_open(const struct oi_export_host *host, bool grpc);

/* Traces as trees on stderr. */
struct oi_exporter *oi_console_open(const struct oi_export_host *host);

#endif
