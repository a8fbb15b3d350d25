/* What an expression is compiled to: between agent/pattern_compile.c and agent/pattern.c. */
#ifndef OI_AGENT_PATTERN_STEPS_H
#define OI_AGENT_PATTERN_STEPS_H

#include <stdint.h>

#include "agent/pattern.h"

enum op {
    OP_BYTE,  /* this byte */
    OP_ANY,   /* any byte */
    OP_SET,   /* one of a set */
    OP_SPLIT, /* both ways: on, and `to` */
    OP_JUMP,
    OP_BEGIN, /* from here on nothing is read: conditions */
    OP_END,
    OP_EDGE, /* of a word */
    OP_NO_EDGE,
    OP_MATCH,
};

struct step {
    uint8_t op;
    uint8_t arg; /* the byte, or the set's index */
    int16_t to;  /* relative to this step, so that a part can be moved and copied */
};

struct set {
    uint8_t bits[32];
};

/* Followed by its steps and its sets. */
struct oi_pattern {
    uint8_t step_count;
    uint8_t set_count;
    bool fold;
    uint8_t unused;
};

enum { STEPS = 255, SETS = 16 };

static inline const struct step *steps_of(const struct oi_pattern *pattern)
{
    return (const struct step *)(const void *)(pattern + 1);
}

static inline const struct set *sets_of(const struct oi_pattern *pattern)
{
    return (const struct set *)(const void *)(steps_of(pattern) + pattern->step_count);
}

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

#endif
