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

bool oi_sampler_decide(const struct oi_sampler *sampler, const uint8_t trace_id[16], const struct oi_context *parent)
{
    if (sampler->kind >= OI_SAMPLER_PARENT_ALWAYS_ON && parent && oi_context_valid(parent))
        return (parent->flags & OI_FLAG_SAMPLED) != 0;
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
