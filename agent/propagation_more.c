/* The formats from before W3C Trace Context: B3, Jaeger, X-Ray, OpenTracing. */
#include "agent/propagation.h"

#include <stdint.h>

#include "agent/propagation_text.h"

enum { TRACE_DIGITS = 32, TRACE_SHORT = 16, SPAN_DIGITS = 16, XRAY_TIME = 8 };

/* 0..15, or a value with high bits set. */
static unsigned nibble(char c)
{
    unsigned digit = (unsigned)(uint8_t)c - '0', letter = ((unsigned)(uint8_t)c | 0x20) - 'a';
    return digit < 10 ? digit : letter < 6 ? letter + 10 : 0x100;
}

/* Reads 1 to 2 * n digits, in any case, into n bytes whose first ones become zero where digits are missing. */
static bool id(struct oi_text digits, uint8_t *out, size_t n)
{
    if (digits.len == 0 || digits.len > 2 * n)
        return false;
    unsigned bad = 0;
    memset(out, 0, n);
    for (size_t i = 0; i < digits.len; i++) {
        unsigned value = nibble(digits.at[digits.len - 1 - i]);
        bad |= value;
        out[n - 1 - i / 2] |= (uint8_t)(i & 1 ? value << 4 : value);
    }
    return bad < 0x100;
}

static bool ids(struct oi_text trace, struct oi_text span, struct oi_context *out)
{
    return id(trace, out->trace_id, sizeof out->trace_id) && id(span, out->span_id, sizeof out->span_id) &&
           oi_context_valid(out);
}

static bool is(struct oi_text text, struct oi_text other)
{
    return oi_text_equal(text, other);
}

static bool accept(const struct oi_context *parsed, struct oi_context *out)
{
    memcpy(out->trace_id, parsed->trace_id, sizeof out->trace_id);
    memcpy(out->span_id, parsed->span_id, sizeof out->span_id);
    out->flags = parsed->flags;
    out->decision = parsed->decision;
    out->remote = true;
    return true;
}

static char *put(char *to, struct oi_text text)
{
    memcpy(to, text.at, text.len);
    return to + text.len;
}

static char *put_ids(char *to, const struct oi_context *context, char between)
{
    to = oi_hex_put(to, context->trace_id, sizeof context->trace_id);
    *to++ = between;
    return oi_hex_put(to, context->span_id, sizeof context->span_id);
}

/* --- B3 -------------------------------------------------------------------------------------------------------- */

/* The caller's word about sampling. `true` and `false` come from old tracers. */
static bool b3_state(struct oi_text state, struct oi_context *out)
{
    out->decision = OI_DECISION_FLAGS;
    if (is(state, OI_TEXT("0")) || is(state, OI_TEXT("false")) || is(state, OI_TEXT("False")))
        return true;
    out->flags = OI_FLAG_SAMPLED;
    if (is(state, OI_TEXT("d")))
        out->decision = OI_DECISION_DEBUG;
    return out->decision == OI_DECISION_DEBUG || is(state, OI_TEXT("1")) || is(state, OI_TEXT("true")) ||
           is(state, OI_TEXT("True"));
}

static bool b3_ids(struct oi_text trace, struct oi_text span, struct oi_context *out)
{
    return (trace.len == TRACE_DIGITS || trace.len == TRACE_SHORT) && span.len == SPAN_DIGITS && ids(trace, span, out);
}

/* A decision without a span. */
static bool b3_alone(struct oi_context *parsed, struct oi_context *out)
{
    if (parsed->decision == OI_DECISION_FLAGS)
        parsed->decision = parsed->flags & OI_FLAG_SAMPLED ? OI_DECISION_KEEP : OI_DECISION_DENY;
    parsed->flags = 0;
    return accept(parsed, out);
}

bool oi_b3_parse(struct oi_text value, struct oi_context *out)
{
    struct oi_context parsed = {.decision = OI_DECISION_DEFER};
    struct oi_text rest = oi_header_trim(value), fields[4], more;
    uint8_t parent[8];
    size_t count = 0;
    while (count < 4 && oi_header_item(&rest, '-', &fields[count]))
        count++;
    if (count == 0 || oi_header_item(&rest, '-', &more))
        return false;
    if (count == 1)
        return b3_state(fields[0], &parsed) && b3_alone(&parsed, out);
    if (!b3_ids(fields[0], fields[1], &parsed) || (count > 2 && !b3_state(fields[2], &parsed)))
        return false;
    if (count > 3 && (fields[3].len != SPAN_DIGITS || !id(fields[3], parent, sizeof parent)))
        return false;
    return accept(&parsed, out);
}

bool oi_b3_multi_parse(const struct oi_b3_multi *values, struct oi_context *out)
{
    struct oi_context parsed = {.decision = OI_DECISION_DEFER};
    struct oi_text sampled = oi_header_trim(values->sampled);
    if (sampled.len > 0 && !b3_state(sampled, &parsed))
        return false;
    if (is(oi_header_trim(values->flags), OI_TEXT("1"))) {
        parsed.flags = OI_FLAG_SAMPLED;
        parsed.decision = OI_DECISION_DEBUG;
    }
    if (!oi_text_present(values->trace_id) && !oi_text_present(values->span_id))
        return parsed.decision != OI_DECISION_DEFER && b3_alone(&parsed, out);
    return b3_ids(oi_header_trim(values->trace_id), oi_header_trim(values->span_id), &parsed) && accept(&parsed, out);
}

size_t oi_b3_format(const struct oi_context *context, char out[OI_HEADER_ROOM])
{
    char *to = put_ids(out, context, '-');
    if (context->decision == OI_DECISION_DEFER)
        return (size_t)(to - out);
    *to++ = '-';
    *to++ = context->decision == OI_DECISION_DEBUG ? 'd' : context->flags & OI_FLAG_SAMPLED ? '1' : '0';
    return (size_t)(to - out);
}

/* --- Jaeger ---------------------------------------------------------------------------------------------------- */

enum { JAEGER_SAMPLED = 1, JAEGER_DEBUG = 2 };

/* What stands before the next colon, which clients may have percent-encoded. False at the end. */
static bool jaeger_field(struct oi_text *rest, struct oi_text *field)
{
    struct oi_text whole = *rest;
    if (!whole.at)
        return false;
    for (size_t i = 0; i < whole.len; i++) {
        bool encoded =
            whole.len - i >= 3 && whole.at[i] == '%' && whole.at[i + 1] == '3' && (whole.at[i + 2] | 0x20) == 'a';
        size_t length = encoded ? 3 : 1;
        if (!encoded && whole.at[i] != ':')
            continue;
        *field = oi_text_of(whole.at, i);
        *rest = oi_text_of(whole.at + i + length, whole.len - i - length);
        return true;
    }
    *field = whole;
    *rest = (struct oi_text){NULL, 0};
    return true;
}

/* The debug bit means something beside the sampled one only. */
bool oi_jaeger_parse(struct oi_text value, struct oi_context *out)
{
    struct oi_context parsed = {.decision = OI_DECISION_FLAGS};
    struct oi_text rest = oi_header_trim(value), trace, span, parent, flags, more;
    uint8_t bits;
    if (!jaeger_field(&rest, &trace) || !jaeger_field(&rest, &span) || !jaeger_field(&rest, &parent) ||
        !jaeger_field(&rest, &flags) || jaeger_field(&rest, &more))
        return false;
    if (!ids(trace, span, &parsed) || !id(flags, &bits, 1))
        return false;
    if (bits & JAEGER_SAMPLED)
        parsed.flags = OI_FLAG_SAMPLED;
    if ((bits & JAEGER_SAMPLED) && (bits & JAEGER_DEBUG))
        parsed.decision = OI_DECISION_DEBUG;
    return accept(&parsed, out);
}

size_t oi_jaeger_format(const struct oi_context *context, char out[OI_HEADER_ROOM])
{
    char *to = put(put_ids(out, context, ':'), OI_TEXT(":0:"));
    *to++ = context->decision == OI_DECISION_DEBUG ? '3' : context->flags & OI_FLAG_SAMPLED ? '1' : '0';
    return (size_t)(to - out);
}

/* --- X-Ray ----------------------------------------------------------------------------------------------------- */

/* `1-{8 digits of time}-{24 digits}`: together a trace id. */
static bool xray_root(struct oi_text root, struct oi_context *out)
{
    size_t rest = 2 + XRAY_TIME;
    if (root.len != 3 + TRACE_DIGITS || root.at[0] != '1' || root.at[1] != '-' || root.at[rest] != '-')
        return false;
    return id(oi_text_of(root.at + 2, XRAY_TIME), out->trace_id, XRAY_TIME / 2) &&
           id(oi_text_of(root.at + rest + 1, TRACE_DIGITS - XRAY_TIME), out->trace_id + XRAY_TIME / 2,
              (TRACE_DIGITS - XRAY_TIME) / 2);
}

static bool xray_sampled(struct oi_text state, struct oi_context *out)
{
    out->flags = is(state, OI_TEXT("1")) ? OI_FLAG_SAMPLED : 0;
    out->decision = is(state, OI_TEXT("?")) ? OI_DECISION_DEFER : OI_DECISION_FLAGS;
    return out->flags || out->decision == OI_DECISION_DEFER || is(state, OI_TEXT("0"));
}

bool oi_xray_parse(struct oi_text value, struct oi_context *out)
{
    struct oi_context parsed = {.decision = OI_DECISION_FLAGS};
    struct oi_text rest = oi_header_trim(value), pair;
    while (oi_header_item(&rest, ';', &pair)) {
        pair = oi_header_trim(pair);
        const char *equals = pair.len > 0 ? memchr(pair.at, '=', pair.len) : NULL;
        if (!equals)
            return false;
        struct oi_text name = oi_text_of(pair.at, (size_t)(equals - pair.at));
        struct oi_text said = oi_text_of(equals + 1, pair.len - name.len - 1);
        if (is(name, OI_TEXT("Root")) && !xray_root(said, &parsed))
            return false;
        if (is(name, OI_TEXT("Parent")) &&
            (said.len != SPAN_DIGITS || !id(said, parsed.span_id, sizeof parsed.span_id)))
            return false;
        if (is(name, OI_TEXT("Sampled")) && !xray_sampled(said, &parsed))
            return false;
    }
    return oi_context_valid(&parsed) && accept(&parsed, out);
}

size_t oi_xray_format(const struct oi_context *context, char out[OI_HEADER_ROOM])
{
    char *to = put(out, OI_TEXT("Root=1-"));
    to = oi_hex_put(to, context->trace_id, XRAY_TIME / 2);
    *to++ = '-';
    to = oi_hex_put(to, context->trace_id + XRAY_TIME / 2, sizeof context->trace_id - XRAY_TIME / 2);
    to = oi_hex_put(put(to, OI_TEXT(";Parent=")), context->span_id, sizeof context->span_id);
    to = put(to, OI_TEXT(";Sampled="));
    *to++ = context->decision == OI_DECISION_DEFER ? '?' : context->flags & OI_FLAG_SAMPLED ? '1' : '0';
    return (size_t)(to - out);
}

/* --- OpenTracing ----------------------------------------------------------------------------------------------- */

bool oi_ottrace_parse(struct oi_text trace_id, struct oi_text span_id, struct oi_text sampled, struct oi_context *out)
{
    struct oi_context parsed = {.decision = OI_DECISION_FLAGS};
    if (!ids(oi_header_trim(trace_id), oi_header_trim(span_id), &parsed))
        return false;
    parsed.flags = is(oi_header_trim(sampled), OI_TEXT("true")) ? OI_FLAG_SAMPLED : 0;
    return accept(&parsed, out);
}
