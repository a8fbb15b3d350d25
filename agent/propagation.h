/* Header formats. Pure functions over text.
 *
 * W3C Trace Context (Level 1 grammar of tracestate, the Level 2 random flag) and W3C Baggage; the verdicts stand in
 * docs/propagation.md. Time bounded by the input's length, no allocation, at most 1 KiB of stack; async-signal-safe.
 */
#ifndef OI_AGENT_PROPAGATION_H
#define OI_AGENT_PROPAGATION_H

#include "agent/context.h"

enum { OI_TRACEPARENT_LENGTH = 55 };

/* Parses a traceparent value: optional white space around it, versions 00..fe, lower-case hex only. False: invalid,
 * *out untouched. Sets trace_id, span_id, flags (as received; only the sampled and random bits mean something) and
 * remote. */
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

#endif
