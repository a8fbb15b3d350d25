#include "agent/pattern_steps.h"

static const struct oi_pattern *next_of(const struct oi_pattern *pattern)
{
    return (const struct oi_pattern *)(const void *)(sets_of(pattern) + pattern->set_count);
}

static bool set_has(const struct set *set, char byte)
{
    return set->bits[(uint8_t)byte / 8] >> ((uint8_t)byte % 8) & 1;
}

/* Where the expression may stand between two bytes of the text. */
struct places {
    uint64_t bits[4];
};

struct run {
    const struct oi_pattern *pattern;
    struct oi_text text;
    struct places here, next;
    uint8_t open[STEPS]; /* places reached, whose conditions and jumps are still to be followed */
    size_t open_count;
};

static void reach(struct run *run, struct places *places, size_t step)
{
    uint64_t bit = UINT64_C(1) << step % 64;
    if (places->bits[step / 64] & bit)
        return;
    places->bits[step / 64] |= bit;
    run->open[run->open_count++] = (uint8_t)step;
}

static bool holds(const struct run *run, uint8_t op, size_t at)
{
    bool before = at > 0 && is_word(run->text.at[at - 1]), after = at < run->text.len && is_word(run->text.at[at]);
    return op == OP_BEGIN ? at == 0 : op == OP_END ? at == run->text.len : (before != after) == (op == OP_EDGE);
}

/* Adds a place in front of the byte at `at`, with all that is reached from there without reading. */
static void enter(struct run *run, struct places *places, size_t step, size_t at)
{
    const struct step *steps = steps_of(run->pattern);
    reach(run, places, step);
    while (run->open_count > 0) {
        size_t i = run->open[--run->open_count];
        const struct step *now = &steps[i];
        if (now->op == OP_SPLIT || now->op == OP_JUMP)
            reach(run, places, (size_t)((ptrdiff_t)i + now->to));
        if (now->op == OP_SPLIT || (now->op >= OP_BEGIN && now->op <= OP_NO_EDGE && holds(run, now->op, at)))
            reach(run, places, i + 1);
    }
}

static bool reads(const struct run *run, const struct step *step, char byte)
{
    switch (step->op) {
    case OP_BYTE:
        return step->arg == (uint8_t)(run->pattern->fold ? lower(byte) : byte);
    case OP_ANY:
        return true;
    case OP_SET:
        return set_has(&sets_of(run->pattern)[step->arg], byte);
    default:
        return false;
    }
}

/* Reads the byte at `at`. False: it leads nowhere. */
static bool advance(struct run *run, size_t at)
{
    const struct step *steps = steps_of(run->pattern);
    bool any = false;
    memset(&run->next, 0, sizeof run->next);
    for (size_t word = 0; word < 4; word++)
        for (uint64_t bits = run->here.bits[word]; bits; bits &= bits - 1) {
            size_t i = word * 64 + (size_t)__builtin_ctzll(bits);
            if (reads(run, &steps[i], run->text.at[at])) {
                enter(run, &run->next, i + 1, at + 1);
                any = true;
            }
        }
    run->here = run->next;
    return any;
}

static bool matches(const struct oi_pattern *pattern, struct oi_text text, bool anywhere)
{
    struct run run = {.pattern = pattern, .text = text};
    size_t match = pattern->step_count - 1u;
    enter(&run, &run.here, 0, 0);
    for (size_t at = 0;; at++) {
        if (run.here.bits[match / 64] >> match % 64 & 1 && (anywhere || at == text.len))
            return true;
        if (at == text.len || (!advance(&run, at) && !anywhere))
            return false;
        if (anywhere)
            enter(&run, &run.here, 0, at + 1);
    }
}

static bool any_matches(const struct oi_patterns *patterns, struct oi_text text, bool anywhere)
{
    const struct oi_pattern *pattern = patterns->first;
    for (size_t i = 0; i < patterns->count; i++, pattern = next_of(pattern))
        if (matches(pattern, text, anywhere))
            return true;
    return false;
}

bool oi_patterns_match(const struct oi_patterns *patterns, struct oi_text text)
{
    return any_matches(patterns, text, false);
}

bool oi_patterns_search(const struct oi_patterns *patterns, struct oi_text text)
{
    return any_matches(patterns, text, true);
}
