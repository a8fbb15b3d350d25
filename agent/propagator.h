/* The propagators that OTEL_PROPAGATORS names: which headers are read and written, by what names, and what they say.
 *
 * Specification: context/api-propagators.md (composite propagator), context/env-carriers.md (names in an environment).
 * Nothing allocates; async-signal-safe.
 */
#ifndef OI_AGENT_PROPAGATOR_H
#define OI_AGENT_PROPAGATOR_H

#include "agent/context.h"
#include "agent/propagation.h"

enum oi_header {
    OI_HEADER_TRACEPARENT,
    OI_HEADER_TRACESTATE,
    OI_HEADER_BAGGAGE,
    OI_HEADER_B3,
    OI_HEADER_B3_TRACE,
    OI_HEADER_B3_SPAN,
    OI_HEADER_B3_SAMPLED,
    OI_HEADER_B3_FLAGS,
    OI_HEADER_B3_PARENT, /* never written; taken away where others are replaced */
    OI_HEADER_JAEGER,
    OI_HEADER_XRAY,
    OI_HEADER_OT_TRACE,
    OI_HEADER_OT_SPAN,
    OI_HEADER_OT_SAMPLED,
    OI_HEADERS
};

#define OI_HEADER_BIT(header) (1u << (header))

enum { OI_HEADERS_WRITTEN = 9 }; /* at most at once: X-B3-Sampled and X-B3-Flags exclude each other */

struct oi_propagators {
    uint16_t reads;  /* OI_HEADER_BIT of the headers that are looked at */
    uint16_t writes; /* and of those that may be sent */
    uint16_t leads;  /* of those read, the ones that name a span or decide: all but tracestate and baggage */
    uint8_t count;
    uint8_t order[8]; /* the formats, as they are named */
};

/* From a comma list of names; unknown ones are skipped, `none` in it empties it. */
void oi_propagators_init(struct oi_propagators *propagators, const char *list);

/* A header's name as sent. */
struct oi_text oi_header_name(enum oi_header header);

/* The header of that name, in any case, or -1. */
int oi_header_find(struct oi_text name);

/* Its name in an environment: upper case, what is neither letter nor digit as `_`. NUL-terminated. */
struct oi_text oi_header_variable(enum oi_header header);

/* The header whose variable an entry `NAME=value` sets, or -1; *value is what stands after the `=`. */
int oi_header_entry(const char *entry, const char **value);

/* The values of the wanted headers in an environment, the first of each name; the others stay absent. Returns the
 * number of entries. */
size_t oi_headers_in_environment(char *const environment[], uint16_t wanted, struct oi_text values[OI_HEADERS]);

/* Reads a context as the formats say, in their order: of two that are valid the later one counts. `tracestate` is where
 * that text goes; it must outlive *out. True if there is a span or a decision; else *out is zeroed. Baggage is not
 * read. */
bool oi_propagators_extract(const struct oi_propagators *propagators, const struct oi_text values[OI_HEADERS],
                            struct oi_buffer *tracestate, struct oi_context *out);

/* What a written header says of a valid context; absent: it is not sent. The text stands in `room` or is the
 * context's. */
struct oi_text oi_header_value(enum oi_header header, const struct oi_context *context, char room[OI_HEADER_ROOM]);

#endif
