/* What client and server spans of HTTP say alike. Semantic conventions: http/http-spans.md#common-attributes. */
#ifndef OI_AGENT_HTTP_COMMON_H
#define OI_AGENT_HTTP_COMMON_H

#include "agent/config.h"
#include "agent/span.h"

/* Writes the method, as sent, and returns what the span is named by: the known method, or `HTTP`. */
struct oi_text oi_http_put_method(struct oi_record *record, enum oi_semconv sets, struct oi_text sent);

/* Writes a status code, 0: none. */
void oi_http_put_status(struct oi_record *record, enum oi_semconv sets, int status);

/* A status code that is an error (`failed`), or what went wrong instead of, or after it (`type`, absent: nothing). */
void oi_http_put_error(struct oi_record *record, enum oi_semconv sets, int status, bool failed, struct oi_text type,
                       struct oi_text message);

/* `/path`: there is no place for a secret in it. */
bool oi_http_is_plain_path(struct oi_text url);

/* The URL, or the target of a request, without its secrets; the text is the record's. */
struct oi_text oi_http_redacted(struct oi_record *record, struct oi_text url);

/* OTLP exports: never traced, and those of traces tell of an SDK in the program. Specification: protocol/exporter.md.
 */
enum oi_otlp_path { OI_OTLP_NONE, OI_OTLP_TRACES, OI_OTLP_OTHER };
enum oi_otlp_path oi_http_is_otlp_path(struct oi_text path);
bool oi_http_is_otlp_type(struct oi_text content_type);

#endif
