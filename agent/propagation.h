/* Header formats. Pure functions over text.
 *
 * W3C Trace Context (Level 1 and the Level 2 random flag), W3C Baggage; verdicts as in docs/propagation.md.
 * No allocation; async-signal-safe.
 */
#ifndef OI_AGENT_PROPAGATION_H
#define OI_AGENT_PROPAGATION_H

#include "agent/context.h"

enum { OI_TRACEPARENT_LENGTH = 55 };

/* Parses a traceparent value: optional white space around it, versions 00..fe, lower-case hex only. False: invalid,
 * *out untouched. Sets trace_id, span_id, flags (only the sampled and random bits are meaningful) and remote. */
bool oi_traceparent_parse(struct oi_text value, struct oi_context *out);

/* Writes `00-<trace id>-<span id>-<flags>`, 55 bytes, no NUL. */
void oi_traceparent_format(const struct oi_context *context, char out[OI_TRACEPARENT_LENGTH]);

/* Validates a tracestate value (list members, keys, values, duplicates, at most 32) and writes it normalised: members
 * joined by commas, without surrounding white space and empty members. False: invalid as a whole; nothing is written.
 * Several headers: pass them joined by commas in order. A result longer than the buffer drops members from the end, whole
 * ones, longer than 128 characters first (W3C Trace Context §3.3.1.5). */
bool oi_tracestate_parse(struct oi_text value, struct oi_buffer *out);

/* Validates a baggage value member by member and writes the accepted ones joined by commas, re-encoded as on the wire
 * (properties kept). White space around `=` and members is legal; bad members are skipped; at most 180 members, 4096
 * bytes each, 8192 in all (a longer header is ignored whole). Returns how many members were kept. */
size_t oi_baggage_parse(struct oi_text value, struct oi_buffer *out);

#endif
