/* Span records → one ExportTraceServiceRequest (opentelemetry-proto 1.x, trace/v1 and collector/trace/v1).
 *
 * The hot path of the worker: written by hand over exporter/writer.h, and held equal to protobuf-c's packing of the
 * same data by tests/unit/test_otlp_encode.c. Spans are grouped by scope; empty messages and default values are left
 * out.
 */
#ifndef OI_EXPORTER_ENCODE_H
#define OI_EXPORTER_ENCODE_H

#include "agent/export.h"
#include "exporter/writer.h"

/* Appends (in front) the request to `writer`, which the caller has reset. False: it does not fit the writer's limit or
 * memory; the writer is void. */
bool oi_encode_request(struct oi_writer *writer, const struct oi_export_host *host, const struct oi_resource *resource,
                       struct oi_record *const *records, size_t count);

#endif
