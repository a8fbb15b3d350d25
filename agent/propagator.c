#include "agent/propagator.h"

#include "agent/config_rows.h"
#include "agent/propagation_text.h"
#include "agent/url.h"

enum format { TRACECONTEXT, BAGGAGE, B3, B3MULTI, JAEGER, XRAY, OTTRACE, FORMATS };

#define BIT OI_HEADER_BIT

enum {
    W3C = BIT(OI_HEADER_TRACEPARENT) | BIT(OI_HEADER_TRACESTATE),
    MULTI = BIT(OI_HEADER_B3_TRACE) | BIT(OI_HEADER_B3_SPAN) | BIT(OI_HEADER_B3_SAMPLED) | BIT(OI_HEADER_B3_FLAGS),
    /* Either propagator reads both forms. */
    ANY_B3 = BIT(OI_HEADER_B3) | MULTI | BIT(OI_HEADER_B3_PARENT),
    OT = BIT(OI_HEADER_OT_TRACE) | BIT(OI_HEADER_OT_SPAN) | BIT(OI_HEADER_OT_SAMPLED),
    NO_LEADS = BIT(OI_HEADER_TRACESTATE) | BIT(OI_HEADER_BAGGAGE),
};

static const struct {
    struct oi_text name;
    uint16_t reads, writes;
} formats[FORMATS] = {
    [TRACECONTEXT] = {OI_TEXT("tracecontext"), W3C, W3C},
    [BAGGAGE] = {OI_TEXT("baggage"), BIT(OI_HEADER_BAGGAGE), BIT(OI_HEADER_BAGGAGE)},
    [B3] = {OI_TEXT("b3"), ANY_B3, BIT(OI_HEADER_B3)},
    [B3MULTI] = {OI_TEXT("b3multi"), ANY_B3, MULTI},
    [JAEGER] = {OI_TEXT("jaeger"), BIT(OI_HEADER_JAEGER), BIT(OI_HEADER_JAEGER)},
    [XRAY] = {OI_TEXT("xray"), BIT(OI_HEADER_XRAY), BIT(OI_HEADER_XRAY)},
    [OTTRACE] = {OI_TEXT("ottrace"), OT, 0},
};

static const struct {
    struct oi_text name, variable;
} headers[OI_HEADERS] = {
    [OI_HEADER_TRACEPARENT] = {OI_TEXT("traceparent"), OI_TEXT("TRACEPARENT")},
    [OI_HEADER_TRACESTATE] = {OI_TEXT("tracestate"), OI_TEXT("TRACESTATE")},
    [OI_HEADER_BAGGAGE] = {OI_TEXT("baggage"), OI_TEXT("BAGGAGE")},
    [OI_HEADER_B3] = {OI_TEXT("b3"), OI_TEXT("B3")},
    [OI_HEADER_B3_TRACE] = {OI_TEXT("X-B3-TraceId"), OI_TEXT("X_B3_TRACEID")},
    [OI_HEADER_B3_SPAN] = {OI_TEXT("X-B3-SpanId"), OI_TEXT("X_B3_SPANID")},
    [OI_HEADER_B3_SAMPLED] = {OI_TEXT("X-B3-Sampled"), OI_TEXT("X_B3_SAMPLED")},
    [OI_HEADER_B3_FLAGS] = {OI_TEXT("X-B3-Flags"), OI_TEXT("X_B3_FLAGS")},
    [OI_HEADER_B3_PARENT] = {OI_TEXT("X-B3-ParentSpanId"), OI_TEXT("X_B3_PARENTSPANID")},
    [OI_HEADER_JAEGER] = {OI_TEXT("uber-trace-id"), OI_TEXT("UBER_TRACE_ID")},
    [OI_HEADER_XRAY] = {OI_TEXT("X-Amzn-Trace-Id"), OI_TEXT("X_AMZN_TRACE_ID")},
    [OI_HEADER_OT_TRACE] = {OI_TEXT("ot-tracer-traceid"), OI_TEXT("OT_TRACER_TRACEID")},
    [OI_HEADER_OT_SPAN] = {OI_TEXT("ot-tracer-spanid"), OI_TEXT("OT_TRACER_SPANID")},
    [OI_HEADER_OT_SAMPLED] = {OI_TEXT("ot-tracer-sampled"), OI_TEXT("OT_TRACER_SAMPLED")},
};

void oi_propagators_init(struct oi_propagators *propagators, const char *list)
{
    struct oi_text rest = oi_text_from(list), item;
    unsigned known = 0;
    *propagators = (struct oi_propagators){0};
    if (oi_list_has_text(rest, OI_TEXT("none")))
        return;
    while (oi_list_next(&rest, ',', &item))
        for (unsigned i = 0; i < FORMATS; i++) {
            if ((known & 1u << i) || !oi_text_same(item, formats[i].name))
                continue;
            known |= 1u << i;
            propagators->order[propagators->count++] = (uint8_t)i;
            propagators->reads |= formats[i].reads;
            propagators->writes |= formats[i].writes;
        }
    propagators->leads = (uint16_t)(propagators->reads & ~(unsigned)NO_LEADS);
}

struct oi_text oi_header_name(enum oi_header header)
{
    return headers[header].name;
}

int oi_header_find(struct oi_text name)
{
    for (int i = 0; i < OI_HEADERS; i++)
        if (oi_text_equal_nocase(name, headers[i].name))
            return i;
    return -1;
}

struct oi_text oi_header_variable(enum oi_header header)
{
    return headers[header].variable;
}

int oi_header_entry(const char *entry, const char **value)
{
    for (int i = 0; i < OI_HEADERS; i++) {
        struct oi_text variable = headers[i].variable;
        if (entry[0] != variable.at[0] || strncmp(entry, variable.at, variable.len) != 0 || entry[variable.len] != '=')
            continue;
        *value = entry + variable.len + 1;
        return i;
    }
    return -1;
}

size_t oi_headers_in_environment(char *const environment[], uint16_t wanted, struct oi_text values[OI_HEADERS])
{
    size_t count = 0;
    for (int i = 0; i < OI_HEADERS; i++)
        values[i] = (struct oi_text){NULL, 0};
    for (; environment[count]; count++) {
        const char *value;
        int header = oi_header_entry(environment[count], &value);
        if (header >= 0 && (wanted & BIT(header)) && !oi_text_present(values[header]))
            values[header] = oi_text_from(value);
    }
    return count;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

static bool parse_b3(const struct oi_text values[OI_HEADERS], struct oi_context *out)
{
    const struct oi_b3_multi multi = {values[OI_HEADER_B3_TRACE], values[OI_HEADER_B3_SPAN],
                                      values[OI_HEADER_B3_SAMPLED], values[OI_HEADER_B3_FLAGS]};
    return (oi_text_present(values[OI_HEADER_B3]) && oi_b3_parse(values[OI_HEADER_B3], out)) ||
           oi_b3_multi_parse(&multi, out);
}

static bool parse(enum format format, const struct oi_text values[OI_HEADERS], struct oi_context *out)
{
    switch (format) {
    case TRACECONTEXT:
        return oi_traceparent_parse(values[OI_HEADER_TRACEPARENT], out);
    case B3:
    case B3MULTI:
        return parse_b3(values, out);
    case JAEGER:
        return oi_jaeger_parse(values[OI_HEADER_JAEGER], out);
    case XRAY:
        return oi_xray_parse(values[OI_HEADER_XRAY], out);
    case OTTRACE:
        return oi_ottrace_parse(values[OI_HEADER_OT_TRACE], values[OI_HEADER_OT_SPAN], values[OI_HEADER_OT_SAMPLED],
                                out);
    case BAGGAGE:
    case FORMATS:
        break;
    }
    return false;
}

static bool same_span(const struct oi_context *a, const struct oi_context *b)
{
    return memcmp(a->trace_id, b->trace_id, sizeof a->trace_id) == 0 &&
           memcmp(a->span_id, b->span_id, sizeof a->span_id) == 0;
}

/* A later format replaces what an earlier one said. Where both name one span, what only traceparent can say of it
 * stays: its random flag, and (since `traced` stays true) its tracestate. */
static void take(struct oi_context *out, struct oi_context *found, bool *traced, bool is_traceparent)
{
    bool same = oi_context_valid(found) && same_span(out, found);
    if (!oi_context_valid(found) && oi_context_valid(out))
        return; /* a decision alone says nothing of a span that is known */
    if (same && *traced)
        found->flags |= out->flags & OI_FLAG_RANDOM;
    *traced = is_traceparent || (same && *traced);
    *out = *found;
}

bool oi_propagators_extract(const struct oi_propagators *propagators, const struct oi_text values[OI_HEADERS],
                            struct oi_buffer *tracestate, struct oi_context *out)
{
    bool traced = false; /* *out is the span that traceparent names */
    *out = (struct oi_context){0};
    for (size_t i = 0; i < propagators->count; i++) {
        struct oi_context found = {0};
        if (parse((enum format)propagators->order[i], values, &found))
            take(out, &found, &traced, propagators->order[i] == TRACECONTEXT);
    }
    if (traced && oi_text_present(values[OI_HEADER_TRACESTATE]) &&
        oi_tracestate_parse(values[OI_HEADER_TRACESTATE], tracestate))
        out->tracestate = oi_buffer_text(tracestate);
    return oi_context_valid(out) || out->decision != OI_DECISION_FLAGS;
}

/* --- writing --------------------------------------------------------------------------------------------------- */

static struct oi_text in_room(char *room, const char *end)
{
    return oi_text_of(room, (size_t)(end - room));
}

static struct oi_text nonempty(struct oi_text text)
{
    return text.len > 0 ? text : (struct oi_text){NULL, 0};
}

struct oi_text oi_header_value(enum oi_header header, const struct oi_context *context, char room[OI_HEADER_ROOM])
{
    const struct oi_text none = {NULL, 0};
    switch (header) {
    case OI_HEADER_TRACEPARENT:
        oi_traceparent_format(context, room);
        return oi_text_of(room, OI_TRACEPARENT_LENGTH);
    case OI_HEADER_TRACESTATE:
        return nonempty(context->tracestate);
    case OI_HEADER_BAGGAGE:
        return nonempty(context->baggage);
    case OI_HEADER_B3:
        return oi_text_of(room, oi_b3_format(context, room));
    case OI_HEADER_B3_TRACE:
        return in_room(room, oi_hex_put(room, context->trace_id, sizeof context->trace_id));
    case OI_HEADER_B3_SPAN:
        return in_room(room, oi_hex_put(room, context->span_id, sizeof context->span_id));
    case OI_HEADER_B3_SAMPLED: /* debug implies it */
        if (context->decision == OI_DECISION_DEBUG || context->decision == OI_DECISION_DEFER)
            return none;
        return context->flags & OI_FLAG_SAMPLED ? OI_TEXT("1") : OI_TEXT("0");
    case OI_HEADER_B3_FLAGS:
        return context->decision == OI_DECISION_DEBUG ? OI_TEXT("1") : none;
    case OI_HEADER_JAEGER:
        return oi_text_of(room, oi_jaeger_format(context, room));
    case OI_HEADER_XRAY:
        return oi_text_of(room, oi_xray_format(context, room));
    default:
        return none;
    }
}
