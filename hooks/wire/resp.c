#include <string.h>

#include "hooks/wire/resp_state.h"

_Static_assert(sizeof(struct oi_resp) == OI_RESP_STATE, "tens of thousands of connections have two of them each");

/* More values than this, in all, no reply has. */
static const uint64_t most_values = UINT64_C(1) << 48;

void oi_resp_init(struct oi_resp *s, enum oi_resp_side side)
{
    *s = (struct oi_resp){.side = (uint8_t)side};
}

bool oi_resp_inside(const struct oi_resp *s)
{
    return s->state != RESP_IDLE && s->state != RESP_OVER;
}

/* --- what is still to come ---------------------------------------------------------------------------------------- */

static void go_on(struct oi_resp *s)
{
    s->state = s->elements == 0 && s->inner == 0 ? RESP_ENDED : RESP_TYPE;
}

/* A value is complete that holds no others. */
static void value_done(struct oi_resp *s)
{
    if (s->outer != 0 && s->inner > 0) {
        s->inner--;
    } else if (s->outer != 0) {
        s->elements--;
        s->index++;
    }
    if (s->inner == 0 && s->elements == 0)
        s->type = s->outer ? s->outer : s->type;
    go_on(s);
}

/* A value is there that holds `count` others. What an attribute says is said of the value that follows it, in whose
 * place it does not stand. */
static bool value_opens(struct oi_resp *s, uint64_t count)
{
    bool stands_for_one = s->type != OI_RESP_ATTRIBUTE;
    if (s->type == OI_RESP_MAP || s->type == OI_RESP_ATTRIBUTE)
        count *= 2;
    if (s->outer == 0) {
        s->outer = s->type;
        s->elements = count;
        s->index = 0;
    } else {
        if (s->inner > 0) {
            s->inner -= stands_for_one;
        } else if (stands_for_one) {
            s->elements--;
            s->index++;
        }
        s->inner += count;
    }
    if (s->inner == 0 && s->elements == 0)
        s->type = s->outer;
    go_on(s);
    return s->inner < most_values;
}

/* --- one value ---------------------------------------------------------------------------------------------------- */

static size_t idle(struct oi_resp *s, char c, struct oi_resp_event *event)
{
    event->kind = OI_RESP_BEGIN;
    event->offset = s->offset;
    s->elements = s->inner = s->left = 0;
    s->index = 0;
    s->outer = s->digits = 0;
    s->null = s->negative = false;
    s->number = 0;
    s->state = RESP_TYPE;
    if (s->side == OI_RESP_COMMANDS && c != OI_RESP_ARRAY) {
        s->type = OI_RESP_INLINE;
        s->number = -1;
        s->outer = OI_RESP_INLINE;
        s->state = RESP_SPACE;
    }
    return 0;
}

static size_t type(struct oi_resp *s, char c, size_t len)
{
    /* A command is an array of strings. */
    if (s->side == OI_RESP_COMMANDS && c != (s->outer == 0 ? OI_RESP_ARRAY : OI_RESP_STRING))
        return resp_over(s, len, OI_RESP_MALFORMED);
    s->type = (uint8_t)c;
    s->left = 0;
    s->number = 0;
    s->digits = 0;
    s->null = s->negative = false;
    switch (c) {
    case OI_RESP_SIMPLE:
    case OI_RESP_ERROR:
    case OI_RESP_BIG_NUMBER:
    case OI_RESP_DOUBLE:
        s->state = RESP_LINE;
        return 1;
    case OI_RESP_STRING:
    case OI_RESP_LONG_ERROR:
    case OI_RESP_VERBATIM:
    case OI_RESP_INTEGER:
    case OI_RESP_BOOLEAN:
    case OI_RESP_NULL:
    case OI_RESP_ARRAY:
    case OI_RESP_MAP:
    case OI_RESP_SET:
    case OI_RESP_PUSH:
    case OI_RESP_ATTRIBUTE:
        s->state = RESP_NUMBER;
        return 1;
    default:
        return resp_over(s, len, OI_RESP_MALFORMED);
    }
}

static size_t line(struct oi_resp *s, const char *at, size_t len, struct oi_resp_event *event)
{
    const char *end = memchr(at, '\r', len);
    size_t n = end ? (size_t)(end - at) : len;
    s->number += (int64_t)n;
    resp_value(s, event, at, n, end != NULL);
    if (end)
        s->state = RESP_TEXT_LF;
    return end ? n + 1 : n;
}

/* False: not part of a number of this type. */
static bool digit(struct oi_resp *s, char c)
{
    bool first = s->digits == 0 && !s->negative;
    if (s->type == OI_RESP_BOOLEAN) {
        s->left = c == 't';
        return s->digits++ == 0 && (c == 't' || c == 'f');
    }
    if (s->type == OI_RESP_NULL)
        return false;
    if (c == '-' && first) {
        s->negative = true;
        return true;
    }
    if (c == '+' && first && s->type == OI_RESP_INTEGER)
        return true;
    if (c < '0' || c > '9' || s->digits == 20 || s->left > (uint64_t)INT64_MAX / 10)
        return false;
    s->left = s->left * 10 + (uint64_t)(c - '0');
    s->digits++;
    return s->left <= (uint64_t)INT64_MAX + (s->negative && s->type == OI_RESP_INTEGER);
}

static size_t number(struct oi_resp *s, const char *at, size_t len)
{
    size_t i = 0;
    for (; i < len && at[i] != '\r'; i++) {
        if (at[i] == '?' && s->digits == 0)
            return resp_over(s, len, OI_RESP_STREAMED);
        if (!digit(s, at[i]))
            return resp_over(s, len, OI_RESP_MALFORMED);
    }
    if (i == len)
        return i;
    if (s->digits == 0 && s->type != OI_RESP_NULL)
        return resp_over(s, len, OI_RESP_MALFORMED);
    s->state = RESP_NUMBER_LF;
    return i + 1;
}

static bool has_text(const struct oi_resp *s)
{
    return s->type == OI_RESP_STRING || s->type == OI_RESP_LONG_ERROR || s->type == OI_RESP_VERBATIM;
}

/* `*3`, `*0`, `*-1`: how many arguments follow. */
static size_t arguments(struct oi_resp *s)
{
    if (s->left > INT32_MAX)
        return resp_over(s, 1, OI_RESP_TOO_LONG);
    s->outer = OI_RESP_ARRAY;
    s->elements = s->negative ? 0 : s->left;
    go_on(s);
    return 1;
}

static size_t number_ends(struct oi_resp *s, size_t len, struct oi_resp_event *event)
{
    bool command = s->side == OI_RESP_COMMANDS, nullable = s->type == OI_RESP_STRING || s->type == OI_RESP_ARRAY;
    if (command && s->type == OI_RESP_ARRAY)
        return arguments(s);
    if (s->negative && s->type != OI_RESP_INTEGER && (command || !nullable || s->left != 1))
        return resp_over(s, len, OI_RESP_MALFORMED);
    s->null = s->type == OI_RESP_NULL || (s->negative && nullable);
    s->number = s->null ? 0 : s->negative ? (int64_t)(0 - s->left) : (int64_t)s->left;
    if (has_text(s) && !s->null && s->left > 0) {
        s->state = RESP_TEXT;
        return 1;
    }
    resp_value(s, event, NULL, 0, true);
    if (has_text(s) && !s->null)
        s->state = RESP_TEXT_CR;
    else if (s->null || s->type == OI_RESP_INTEGER || s->type == OI_RESP_BOOLEAN)
        value_done(s);
    else if (s->left > UINT32_MAX || !value_opens(s, s->left)) {
        event->kind = OI_RESP_MORE;
        return resp_over(s, len, OI_RESP_TOO_LONG);
    }
    return 1;
}

static size_t text(struct oi_resp *s, const char *at, size_t len, struct oi_resp_event *event)
{
    size_t n = len < s->left ? len : (size_t)s->left;
    s->left -= n;
    resp_value(s, event, at, n, s->left == 0);
    if (s->left == 0)
        s->state = RESP_TEXT_CR;
    return n;
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

static size_t ended(struct oi_resp *s, struct oi_resp_event *event)
{
    event->kind = OI_RESP_END;
    event->type = s->type;
    event->null = s->null && s->outer == 0;
    event->offset = s->offset;
    event->number = s->side == OI_RESP_COMMANDS ? s->index : 0;
    s->state = RESP_IDLE;
    return 0;
}

static size_t step(struct oi_resp *s, const char *at, size_t len, struct oi_resp_event *event)
{
    switch ((enum resp_state)s->state) {
    case RESP_IDLE:
        return idle(s, at[0], event);
    case RESP_TYPE:
        return type(s, at[0], len);
    case RESP_LINE:
        return line(s, at, len, event);
    case RESP_NUMBER:
        return number(s, at, len);
    case RESP_NUMBER_LF:
        return at[0] == '\n' ? number_ends(s, len, event) : resp_over(s, len, OI_RESP_MALFORMED);
    case RESP_TEXT:
        return text(s, at, len, event);
    case RESP_TEXT_CR:
        s->state = RESP_TEXT_LF;
        return at[0] == '\r' ? 1 : resp_over(s, len, OI_RESP_MALFORMED);
    case RESP_TEXT_LF:
        if (at[0] != '\n')
            return resp_over(s, len, OI_RESP_MALFORMED);
        value_done(s);
        return 1;
    case RESP_SPACE:
        return oi_resp_space(s, at, len);
    case RESP_WORD:
        return oi_resp_word(s, at, len, event);
    case RESP_ENDED:
        return ended(s, event);
    case RESP_OVER:
        break;
    }
    event->kind = OI_RESP_OVER;
    event->reason = s->reason;
    event->offset = s->offset;
    return len;
}

size_t oi_resp_next(struct oi_resp *s, const char *at, size_t len, struct oi_resp_event *event)
{
    size_t used = 0;
    *event = (struct oi_resp_event){0};
    while (event->kind == OI_RESP_MORE && (used < len || s->state >= RESP_OVER)) {
        if (!at && s->state != RESP_TEXT && s->state < RESP_OVER)
            resp_over(s, 0, OI_RESP_UNSEEN);
        size_t n = step(s, at ? at + used : NULL, len - used, event);
        used += n;
        s->offset += n;
    }
    return used;
}
