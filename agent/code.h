/* The code.* attributes of spans, from the call stacks they started with; on the worker's thread, before an export.
 *
 * Names: semantic conventions, registry/attributes/code.md (stable; there is one set, whatever
 * OTEL_SEMCONV_STABILITY_OPT_IN says).
 */
#ifndef OI_AGENT_CODE_H
#define OI_AGENT_CODE_H

#include "agent/export.h"

/* Adds what the settings ask for to the records that have a stack. Texts are the exporter's, valid until the records
 * are exported. */
void oi_code_describe(struct oi_exporter *exporter, struct oi_record *const *records, uint32_t count);

#endif
