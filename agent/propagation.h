/* Header formats. Pure functions over text.
 *
 * W3C Trace Context (Level 1 grammar of tracestate, the Level 2 random flag), W3C Baggage, B3
 * (openzipkin/b3-propagation), Jaeger (jaegertracing.io, client libraries), AWS X-Ray and the OpenTracing sample
 * format; specification: context/api-propagators.md. The verdicts stand in docs/propagation.md. Time bounded by the
 * input's length, no allocation, at most 1 KiB of stack; async-signal-safe.
 */
#ifndef OI_AGENT_PROPAGATION_H
#define OI_AGENT_PROPAGATION_H

#include "agent/context.h"

enum { OI_TRACEPARENT_LENGTH = 55 };

/* Parses a traceparent value: optional white space around it, versions 00..fe, lower-case hex only. False: invalid,
 * *out untouched. Sets trace_id, span_id, flags (as received; only the sampled and random bits mean something) and
 * remote, and that nothing but the flags decides. */
bool oi_traceparent_parse(struct oi_text value, struct oi_context *out);

/* Writes `00-<trace id>-<span id>-<flags>`, 55 bytes, no NUL. */
void oi_traceparent_format(const struct oi_context *context, char out[OI_TRACEPARENT_LENGTH]);

/* Validates a tracestate value (list members, keys, values, duplicates, at most 32) and appends it to *out normalised:
 * members joined by commas, without surrounding white space and empty members. False: invalid as a whole; nothing is
 * written. Several headers: pass them joined by commas in order. Where the room does not suffice, whole members are
 * left out, those longer than 128 characters first, then from the end (W3C Trace Context, 3.3.1.5), and `truncated` is
 * set. */
bool oi_tracestate_parse(struct oi_text value, struct oi_buffer *out);

/* Validates a baggage value member by member and appends the accepted ones to *out joined by commas, as they came
 * (percent-encoding and properties kept, white space around `,` `;` `=` removed). Bad members are skipped, of two
 * with the same key the later one is kept, at most 180 members of 4096 bytes; a value longer than OI_BAGGAGE_MAX is
 * ignored whole. What does not fit into *out is left out by whole members and sets `truncated`. Returns how many
 * members were written. */
size_t oi_baggage_parse(struct oi_text value, struct oi_buffer *out);

/* The others. Parsing: ids in any case; short trace ids are padded with zeros on the left. False: invalid, *out
 * untouched. Sets what oi_traceparent_parse sets, and `decision`. B3 may say a decision alone: ids are zero then.
 * Formatting: into OI_HEADER_ROOM bytes; returns the length, no NUL. */
enum { OI_HEADER_ROOM = 80 };

/* `{trace 16|32}-{span 16}[-{0|1|d}[-{parent 16}]]`, or the state alone. */
bool oi_b3_parse(struct oi_text value, struct oi_context *out);
size_t oi_b3_format(const struct oi_context *context, char out[OI_HEADER_ROOM]);

/* X-B3-TraceId, -SpanId, -Sampled and -Flags; absent ones as absent texts. */
struct oi_b3_multi {
    struct oi_text trace_id, span_id, sampled, flags;
};
bool oi_b3_multi_parse(const struct oi_b3_multi *values, struct oi_context *out);

/* `uber-trace-id: trace:span:parent:flags`, the colons perhaps as `%3A`. */
bool oi_jaeger_parse(struct oi_text value, struct oi_context *out);
size_t oi_jaeger_format(const struct oi_context *context, char out[OI_HEADER_ROOM]);

/* `X-Amzn-Trace-Id: Root=1-8hex-24hex;Parent=16hex;Sampled=0|1|?` */
bool oi_xray_parse(struct oi_text value, struct oi_context *out);
size_t oi_xray_format(const struct oi_context *context, char out[OI_HEADER_ROOM]);

/* ot-tracer-traceid, -spanid and -sampled. Never written. */
bool oi_ottrace_parse(struct oi_text trace_id, struct oi_text span_id, struct oi_text sampled, struct oi_context *out);

#endif
