/* HTTP headers as attributes: which ones, under which name, and with what masked.
 *
 * OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{CLIENT,SERVER}_{REQUEST,RESPONSE} are regular expressions that have to
 * match a header's whole name, in any case. OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS are such that
 * match some part of the name: its value is then [REDACTED]; so is that of whatever has `authorization` in its name,
 * always. Location, Content-Location and Referer are URLs, and lose their secrets as all URLs do.
 *
 * Semantic conventions: attributes-registry/http.md, http.request.header.<key> and http.response.header.<key>: arrays,
 * a text for each time the header stands in the message, the name in lower case. The old set writes - as _, as the
 * Python agent does.
 *
 * Headers are kept in a buffer between the moment they are seen and the end of the span. All functions but the first
 * are async-signal-safe and allocate nothing; they take 0.8 KiB of stack.
 */
#ifndef OI_AGENT_HTTP_HEADERS_H
#define OI_AGENT_HTTP_HEADERS_H

#include "agent/config.h"
#include "agent/span.h"

enum oi_message { OI_CLIENT_REQUEST, OI_CLIENT_RESPONSE, OI_SERVER_REQUEST, OI_SERVER_RESPONSE, OI_MESSAGES };

enum { OI_HEADER_NAME_MAX = 128, OI_HEADER_VALUE_MAX = 4096 }; /* longer names are left out, longer values cut */

/* Compiles the settings. Once, from the constructor. */
void oi_http_headers_init(const struct oi_config *config);

/* Whether any header of such messages is wanted at all: one look, and mostly no. */
bool oi_http_headers_wanted(enum oi_message message);

/* Keeps a header if it is wanted, its value masked where it has to be. Without room it is left out, and `truncated`
 * set. A name that is none (RFC 9110: a token) is not kept. */
void oi_http_headers_keep(struct oi_buffer *kept, enum oi_message message, struct oi_text name, struct oi_text value);

/* Writes what was kept as attributes, in the order of the headers. Absent: nothing. */
void oi_http_headers_put(struct oi_record *record, enum oi_semconv sets, enum oi_message message, struct oi_text kept);

#endif
