/* Sampling decisions. Specification: trace/sdk.md#built-in-samplers. Pure; async-signal-safe. */
#ifndef OI_AGENT_SAMPLER_H
#define OI_AGENT_SAMPLER_H

#include "agent/config.h"
#include "agent/context.h"

struct oi_sampler {
    enum oi_sampler_kind kind;
    uint64_t bound; /* traceidratio: keep if the trace id's low 8 bytes (big-endian) are below it */
    bool always;    /* ratio 1.0: the bound would be 2^64 */
};

/* From OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. */
void oi_sampler_init(struct oi_sampler *sampler, const struct oi_config *config);

/* Whether a span of trace `trace_id` is recorded. `parent` NULL or invalid: a root, about
 * which it may still hold a decision. */
bool oi_sampler_decide(const struct oi_sampler *sampler, const uint8_t trace_id[16], const struct oi_context *parent);

#endif
