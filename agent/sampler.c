#include "agent/sampler.h"

/* round(ratio * 2^64), half to even, without libm: the product only moves the exponent, so it is exact. */
static void set_ratio(struct oi_sampler *sampler, double ratio)
{
    double scaled = ratio * 18446744073709551616.0;
    sampler->always = ratio >= 1.0;
    sampler->bound = 0;
    if (sampler->always || !(ratio > 0.0))
        return;
    uint64_t bound = (uint64_t)scaled;
    double rest = scaled - (double)bound;
    if (rest > 0.5 || (rest == 0.5 && (bound & 1)))
        bound++;
    sampler->bound = bound;
}

void oi_sampler_init(struct oi_sampler *sampler, const struct oi_config *config)
{
    sampler->kind = (enum oi_sampler_kind)config->sampler;
    set_ratio(sampler, config->sampler_arg);
}

static bool ratio_keeps(const struct oi_sampler *sampler, const uint8_t trace_id[16])
{
    uint64_t low = 0;
    for (int i = 8; i < 16; i++)
        low = low << 8 | trace_id[i];
    return sampler->always || low < sampler->bound;
}

/* What the caller has decided: 1 to keep, 0 not to, -1 nothing. */
static int callers_choice(const struct oi_context *parent)
{
    switch ((enum oi_decision)parent->decision) {
    case OI_DECISION_DEBUG:
    case OI_DECISION_KEEP:
        return 1;
    case OI_DECISION_DENY:
    case OI_DECISION_EXCLUDED:
        return 0;
    case OI_DECISION_DEFER:
        return -1;
    case OI_DECISION_FLAGS:
        break;
    }
    return oi_context_valid(parent) ? (parent->flags & OI_FLAG_SAMPLED) != 0 : -1;
}

bool oi_sampler_decide(const struct oi_sampler *sampler, const uint8_t trace_id[16], const struct oi_context *parent)
{
    if (parent && parent->decision == OI_DECISION_EXCLUDED)
        return false;
    int choice = sampler->kind >= OI_SAMPLER_PARENT_ALWAYS_ON && parent ? callers_choice(parent) : -1;
    if (choice >= 0)
        return choice > 0;
    switch (sampler->kind) {
    case OI_SAMPLER_ALWAYS_OFF:
    case OI_SAMPLER_PARENT_ALWAYS_OFF:
        return false;
    case OI_SAMPLER_RATIO:
    case OI_SAMPLER_PARENT_RATIO:
        return ratio_keeps(sampler, trace_id);
    default:
        return true;
    }
}
