/* agent/sampler.c: which spans are kept. The bound is round(ratio * 2^64) against the trace id's low 8 bytes. */
#include <math.h>

#include "agent/sampler.h"
#include "tests/unit/run.h"

static struct oi_sampler make(enum oi_sampler_kind kind, double ratio)
{
    struct oi_config config = {.sampler = kind, .sampler_arg = ratio};
    struct oi_sampler sampler;
    oi_sampler_init(&sampler, &config);
    return sampler;
}

static void trace_id(uint8_t id[16], uint64_t low)
{
    memset(id, 0xee, 8);
    for (int i = 15; i >= 8; i--, low >>= 8)
        id[i] = (uint8_t)low;
}

static const struct {
    double ratio;
    uint64_t bound;
    bool always;
} bounds[] = {
    {0.0, 0, false},
    {1.0, 0, true},
    {0.5, 0x8000000000000000, false},
    {0.25, 0x4000000000000000, false},
    {0.75, 0xc000000000000000, false},
    {0.1, 1844674407370955264, false}, /* Python: round(0.1 * 2**64) */
    {0.001, 18446744073709552, false},
    {1.0 / 3, 6148914691236516864, false},
    {0.9999999999999999, 18446744073709549568u, false}, /* the largest double below 1 */
    {0x1p-64, 1, false},
    {0x1p-65, 0, false},   /* half: to even */
    {0x1.8p-64, 2, false}, /* one and a half: to even */
    {0x1.4p-63, 2, false}, /* two and a half: to even */
    {0x1.8p-65, 1, false},
    {5e-324, 0, false},
    {-0.5, 0, false},
    {2.0, 0, true},
    {NAN, 0, false},
};

START_TEST(bound_is_the_rounded_product)
{
    struct oi_sampler sampler = make(OI_SAMPLER_RATIO, bounds[_i].ratio);
    ck_assert_uint_eq(sampler.bound, bounds[_i].bound);
    ck_assert_int_eq(sampler.always, bounds[_i].always);
}
END_TEST

START_TEST(ratio_compares_the_low_64_bits)
{
    struct oi_sampler half = make(OI_SAMPLER_RATIO, 0.5);
    uint8_t id[16];
    trace_id(id, 0x7fffffffffffffff);
    ck_assert(oi_sampler_decide(&half, id, NULL));
    trace_id(id, 0x8000000000000000);
    ck_assert(!oi_sampler_decide(&half, id, NULL));
    struct oi_sampler none = make(OI_SAMPLER_RATIO, 0.0), all = make(OI_SAMPLER_RATIO, 1.0);
    trace_id(id, 0);
    ck_assert(!oi_sampler_decide(&none, id, NULL));
    ck_assert(oi_sampler_decide(&all, id, NULL));
    trace_id(id, UINT64_MAX);
    ck_assert(oi_sampler_decide(&all, id, NULL));
}
END_TEST

/* Rows: sampler, then the decision for a root, under a sampled and under an unsampled parent, with ids that ratio 0.5
 * keeps and drops. */
static const struct {
    enum oi_sampler_kind kind;
    bool root_low, root_high, sampled_low, sampled_high, unsampled_low, unsampled_high;
} decisions[] = {
    {OI_SAMPLER_ALWAYS_ON, true, true, true, true, true, true},
    {OI_SAMPLER_ALWAYS_OFF, false, false, false, false, false, false},
    {OI_SAMPLER_RATIO, true, false, true, false, true, false},
    {OI_SAMPLER_PARENT_ALWAYS_ON, true, true, true, true, false, false},
    {OI_SAMPLER_PARENT_ALWAYS_OFF, false, false, true, true, false, false},
    {OI_SAMPLER_PARENT_RATIO, true, false, true, true, false, false},
};

START_TEST(parents_decide_for_parent_based_samplers)
{
    struct oi_sampler sampler = make(decisions[_i].kind, 0.5);
    uint8_t low[16], high[16];
    trace_id(low, 1);
    trace_id(high, UINT64_MAX);
    for (int remote = 0; remote < 2; remote++) {
        struct oi_context sampled = {.trace_id = {1}, .span_id = {1}, .flags = 0x03, .remote = remote};
        struct oi_context unsampled = {.trace_id = {1}, .span_id = {1}, .flags = 0xfe, .remote = remote};
        ck_assert_int_eq(oi_sampler_decide(&sampler, low, &sampled), decisions[_i].sampled_low);
        ck_assert_int_eq(oi_sampler_decide(&sampler, high, &sampled), decisions[_i].sampled_high);
        ck_assert_int_eq(oi_sampler_decide(&sampler, low, &unsampled), decisions[_i].unsampled_low);
        ck_assert_int_eq(oi_sampler_decide(&sampler, high, &unsampled), decisions[_i].unsampled_high);
    }
    struct oi_context invalid = {.flags = 1};
    ck_assert_int_eq(oi_sampler_decide(&sampler, low, NULL), decisions[_i].root_low);
    ck_assert_int_eq(oi_sampler_decide(&sampler, high, NULL), decisions[_i].root_high);
    ck_assert_int_eq(oi_sampler_decide(&sampler, high, &invalid), decisions[_i].root_high);
}
END_TEST

/* What a caller decided without the flag, or without a span. Rows: the decision, then with which ids it is kept. */
static const struct {
    enum oi_sampler_kind kind;
    enum oi_decision decision;
    bool low, high;
} told[] = {
    {OI_SAMPLER_PARENT_RATIO, OI_DECISION_KEEP, true, true},
    {OI_SAMPLER_PARENT_RATIO, OI_DECISION_DEBUG, true, true},
    {OI_SAMPLER_PARENT_RATIO, OI_DECISION_DENY, false, false},
    {OI_SAMPLER_PARENT_RATIO, OI_DECISION_DEFER, true, false},
    {OI_SAMPLER_PARENT_RATIO, OI_DECISION_FLAGS, true, false},
    {OI_SAMPLER_PARENT_ALWAYS_OFF, OI_DECISION_KEEP, true, true},
    {OI_SAMPLER_PARENT_ALWAYS_OFF, OI_DECISION_DEFER, false, false},
    {OI_SAMPLER_PARENT_ALWAYS_ON, OI_DECISION_DENY, false, false},
    {OI_SAMPLER_ALWAYS_ON, OI_DECISION_DENY, true, true},
    {OI_SAMPLER_RATIO, OI_DECISION_DEBUG, true, false},
};

START_TEST(a_decision_without_a_flag_counts_too)
{
    struct oi_sampler sampler = make(told[_i].kind, 0.5);
    struct oi_context alone = {.decision = (uint8_t)told[_i].decision};
    uint8_t low[16], high[16];
    trace_id(low, 1);
    trace_id(high, UINT64_MAX);
    ck_assert_int_eq(oi_sampler_decide(&sampler, low, &alone), told[_i].low);
    ck_assert_int_eq(oi_sampler_decide(&sampler, high, &alone), told[_i].high);
    if (told[_i].decision != OI_DECISION_DEFER)
        return;
    struct oi_context span = {.trace_id = {1}, .span_id = {1}, .decision = OI_DECISION_DEFER};
    ck_assert_int_eq(oi_sampler_decide(&sampler, low, &span), told[_i].low);
    ck_assert_int_eq(oi_sampler_decide(&sampler, high, &span), told[_i].high);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, bound_is_the_rounded_product, 0, sizeof bounds / sizeof *bounds);
    tcase_add_test(tests, ratio_compares_the_low_64_bits);
    tcase_add_loop_test(tests, parents_decide_for_parent_based_samplers, 0, sizeof decisions / sizeof *decisions);
    tcase_add_loop_test(tests, a_decision_without_a_flag_counts_too, 0, sizeof told / sizeof *told);
    return run_suite("sampler", tests);
}
