/* agent/propagation_more.c, agent/propagator.c: the verdict tables of docs/propagation.md. Every value ends at a page
 * that may not be touched. */
#include <stdio.h>

#include "agent/propagator.h"
#include "tests/unit/chance.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define LOW "8448eb211c80319c"
#define PADDED "0000000000000000" LOW
#define SPAN "b7ad6b7169203331"
#define UPPER "0AF7651916CD43DD8448EB211C80319C"
#define ZERO16 "0000000000000000"

static struct oi_text text(const char *string)
{
    return string ? oi_text_of(guarded(string, strlen(string)), strlen(string)) : (struct oi_text){NULL, 0};
}

/* What a context says, as text: `trace span flags decision`, ids only if valid. */
static void describe(bool valid, const struct oi_context *context, char out[96])
{
    static const char *const decisions[] = {"", " debug", " defer", " keep", " deny"};
    char traceparent[OI_TRACEPARENT_LENGTH];
    if (!valid) {
        strcpy(out, "rejected");
        return;
    }
    oi_traceparent_format(context, traceparent);
    if (oi_context_valid(context))
        snprintf(out, 96, "%.32s %.16s %u%s", traceparent + 3, traceparent + 36, context->flags,
                 decisions[context->decision]);
    else
        snprintf(out, 96, "none%s", decisions[context->decision]);
}

#define REJECTED "rejected"
#define IS(trace, span, flags) trace " " span " " flags

/* An accepted one sets what it should, a rejected one nothing. */
static void check(const char *said, bool valid, const struct oi_context *context, const char *expected)
{
    struct oi_context untouched;
    char is[96];
    memset(&untouched, 0x5a, sizeof untouched);
    describe(valid, context, is);
    ck_assert_msg(strcmp(is, expected) == 0, "\"%s\": %s, not %s", said, is, expected);
    if (!valid)
        ck_assert_mem_eq(context, &untouched, sizeof untouched);
    else
        ck_assert(context->remote);
}

/* --- one header -------------------------------------------------------------------------------------------------- */

static const struct {
    bool (*parse)(struct oi_text, struct oi_context *);
    const char *value, *expected;
} singles[] = {
    /* B3 */
    {oi_b3_parse, TRACE "-" SPAN "-1", IS(TRACE, SPAN, "1")},
    {oi_b3_parse, TRACE "-" SPAN "-0", IS(TRACE, SPAN, "0")},
    {oi_b3_parse, TRACE "-" SPAN "-d", IS(TRACE, SPAN, "1 debug")},
    {oi_b3_parse, TRACE "-" SPAN "-true", IS(TRACE, SPAN, "1")},
    {oi_b3_parse, TRACE "-" SPAN "-false", IS(TRACE, SPAN, "0")},
    {oi_b3_parse, TRACE "-" SPAN, IS(TRACE, SPAN, "0 defer")},
    {oi_b3_parse, TRACE "-" SPAN "-1-05e3ac9a4f6e3b90", IS(TRACE, SPAN, "1")},
    {oi_b3_parse, TRACE "-" SPAN "-d-05e3ac9a4f6e3b90", IS(TRACE, SPAN, "1 debug")},
    {oi_b3_parse, LOW "-" SPAN "-1", IS(PADDED, SPAN, "1")},
    {oi_b3_parse, UPPER "-B7AD6B7169203331-1", IS(TRACE, SPAN, "1")},
    {oi_b3_parse, " \t" TRACE "-" SPAN "-1 ", IS(TRACE, SPAN, "1")},
    {oi_b3_parse, "0", "none deny"},
    {oi_b3_parse, "1", "none keep"},
    {oi_b3_parse, "d", "none debug"},
    {oi_b3_parse, "", REJECTED},
    {oi_b3_parse, "-", REJECTED},
    {oi_b3_parse, "2", REJECTED},
    {oi_b3_parse, "D", REJECTED},
    {oi_b3_parse, TRACE, REJECTED},
    {oi_b3_parse, TRACE "-", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "-", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "-2", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "-1-", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "-1-05e3ac9a4f6e3b9", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "-1-05e3ac9a4f6e3b9g", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "-1-05e3ac9a4f6e3b90-1", REJECTED},
    {oi_b3_parse, TRACE "0-" SPAN "-1", REJECTED},
    {oi_b3_parse, LOW "0-" SPAN "-1", REJECTED},
    {oi_b3_parse, "af7651916cd43dd8448eb211c80319c-" SPAN "-1", REJECTED},
    {oi_b3_parse, TRACE "-7ad6b7169203331-1", REJECTED},
    {oi_b3_parse, TRACE "-" SPAN "0-1", REJECTED},
    {oi_b3_parse, "0af7651916cd43dd8448eb211c80319g-" SPAN "-1", REJECTED},
    {oi_b3_parse, ZERO16 ZERO16 "-" SPAN "-1", REJECTED},
    {oi_b3_parse, ZERO16 "-" SPAN "-1", REJECTED},
    {oi_b3_parse, TRACE "-" ZERO16 "-1", REJECTED},
    /* Jaeger */
    {oi_jaeger_parse, TRACE ":" SPAN ":0:1", IS(TRACE, SPAN, "1")},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:0", IS(TRACE, SPAN, "0")},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:3", IS(TRACE, SPAN, "1 debug")},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:01", IS(TRACE, SPAN, "1")},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:03", IS(TRACE, SPAN, "1 debug")},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:2", IS(TRACE, SPAN, "0")},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:b", IS(TRACE, SPAN, "1 debug")},
    {oi_jaeger_parse, TRACE ":" SPAN ":05e3ac9a4f6e3b90:1", IS(TRACE, SPAN, "1")},
    {oi_jaeger_parse, TRACE ":" SPAN "::1", IS(TRACE, SPAN, "1")},
    {oi_jaeger_parse, "1:2:0:1", IS(ZERO16 "0000000000000001", "0000000000000002", "1")},
    {oi_jaeger_parse, "abc:DEF:0:1", IS(ZERO16 "0000000000000abc", "0000000000000def", "1")},
    {oi_jaeger_parse, TRACE "%3A" SPAN "%3a0%3A1", IS(TRACE, SPAN, "1")},
    {oi_jaeger_parse, " " TRACE ":" SPAN ":0:1\t", IS(TRACE, SPAN, "1")},
    {oi_jaeger_parse, "", REJECTED},
    {oi_jaeger_parse, ":::", REJECTED},
    {oi_jaeger_parse, "%3", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN ":0", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:1:", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:1:0", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:x", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN ":0:001", REJECTED},
    {oi_jaeger_parse, TRACE "0:" SPAN ":0:1", REJECTED},
    {oi_jaeger_parse, TRACE ":" SPAN "0:0:1", REJECTED},
    {oi_jaeger_parse, "0:" SPAN ":0:1", REJECTED},
    {oi_jaeger_parse, TRACE ":0:0:1", REJECTED},
    {oi_jaeger_parse, "g:1:0:1", REJECTED},
    /* X-Ray */
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1", IS(TRACE, SPAN, "1")},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=0", IS(TRACE, SPAN, "0")},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=?", IS(TRACE, SPAN, "0 defer")},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN, IS(TRACE, SPAN, "0")},
    {oi_xray_parse, "Sampled=1;Parent=" SPAN ";Root=1-0af76519-16cd43dd8448eb211c80319c", IS(TRACE, SPAN, "1")},
    {oi_xray_parse, " Root=1-0AF76519-16CD43DD8448EB211C80319C; Parent=" SPAN " ;Sampled=1 ", IS(TRACE, SPAN, "1")},
    {oi_xray_parse, "Self=1-2-3;Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1;Lineage=a:0",
     IS(TRACE, SPAN, "1")},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c", REJECTED},
    {oi_xray_parse, "Parent=" SPAN ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=2", REJECTED},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=", REJECTED},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled", REJECTED},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";", REJECTED},
    {oi_xray_parse, "Root=2-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-0af76519016cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-0af7651-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-0af7651g-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-00000000-000000000000000000000000;Parent=" SPAN ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" ZERO16 ";Sampled=1", REJECTED},
    {oi_xray_parse, "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad;Sampled=1", REJECTED},
    {oi_xray_parse, "root=1-0af76519-16cd43dd8448eb211c80319c;parent=" SPAN, REJECTED},
    {oi_xray_parse, "", REJECTED},
    {oi_xray_parse, "Root", REJECTED},
};

START_TEST(one_header)
{
    struct oi_context context;
    memset(&context, 0x5a, sizeof context);
    bool valid = singles[_i].parse(text(singles[_i].value), &context);
    check(singles[_i].value, valid, &context, singles[_i].expected);
}
END_TEST

/* --- several headers ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *trace, *span, *sampled, *flags, *expected;
} multis[] = {
    {TRACE, SPAN, "1", NULL, IS(TRACE, SPAN, "1")},
    {TRACE, SPAN, "0", NULL, IS(TRACE, SPAN, "0")},
    {TRACE, SPAN, "true", NULL, IS(TRACE, SPAN, "1")},
    {TRACE, SPAN, "True", NULL, IS(TRACE, SPAN, "1")},
    {TRACE, SPAN, "false", NULL, IS(TRACE, SPAN, "0")},
    {TRACE, SPAN, "d", NULL, IS(TRACE, SPAN, "1 debug")},
    {TRACE, SPAN, NULL, NULL, IS(TRACE, SPAN, "0 defer")},
    {TRACE, SPAN, "", NULL, IS(TRACE, SPAN, "0 defer")},
    {TRACE, SPAN, NULL, "1", IS(TRACE, SPAN, "1 debug")},
    {TRACE, SPAN, "0", "1", IS(TRACE, SPAN, "1 debug")},
    {TRACE, SPAN, "1", "0", IS(TRACE, SPAN, "1")},
    {LOW, SPAN, "1", NULL, IS(PADDED, SPAN, "1")},
    {" " UPPER, SPAN " ", " 1", NULL, IS(TRACE, SPAN, "1")},
    {NULL, NULL, "0", NULL, "none deny"},
    {NULL, NULL, "1", NULL, "none keep"},
    {NULL, NULL, NULL, "1", "none debug"},
    {NULL, NULL, NULL, NULL, REJECTED},
    {NULL, NULL, NULL, "0", REJECTED},
    {TRACE, NULL, "1", NULL, REJECTED},
    {NULL, SPAN, "1", NULL, REJECTED},
    {TRACE, SPAN, "2", NULL, REJECTED},
    {TRACE, "b7ad", "1", NULL, REJECTED},
    {ZERO16 ZERO16, SPAN, "1", NULL, REJECTED},
    {TRACE, ZERO16, "1", NULL, REJECTED},
    {"", "", "1", NULL, REJECTED},
};

START_TEST(b3_in_several_headers)
{
    struct oi_b3_multi values = {text(multis[_i].trace), text(multis[_i].span), text(multis[_i].sampled),
                                 text(multis[_i].flags)};
    struct oi_context context;
    memset(&context, 0x5a, sizeof context);
    bool valid = oi_b3_multi_parse(&values, &context);
    check(multis[_i].trace ? multis[_i].trace : "", valid, &context, multis[_i].expected);
}
END_TEST

static const struct {
    const char *trace, *span, *sampled, *expected;
} ottraces[] = {
    {LOW, SPAN, "true", IS(PADDED, SPAN, "1")},
    {LOW, SPAN, "false", IS(PADDED, SPAN, "0")},
    {LOW, SPAN, NULL, IS(PADDED, SPAN, "0")},
    {TRACE, SPAN, "true", IS(TRACE, SPAN, "1")},
    {"a", "b", "true", IS(ZERO16 "000000000000000a", "000000000000000b", "1")},
    {NULL, SPAN, "true", REJECTED},
    {LOW, NULL, "true", REJECTED},
    {"0", SPAN, "true", REJECTED},
    {LOW, "x", "true", REJECTED},
    {TRACE "0", SPAN, "true", REJECTED},
};

START_TEST(opentracing)
{
    struct oi_context context;
    memset(&context, 0x5a, sizeof context);
    bool valid =
        oi_ottrace_parse(text(ottraces[_i].trace), text(ottraces[_i].span), text(ottraces[_i].sampled), &context);
    check(ottraces[_i].trace ? ottraces[_i].trace : "", valid, &context, ottraces[_i].expected);
}
END_TEST

/* --- what is written -----------------------------------------------------------------------------------------------
 */

static const struct {
    const char *traceparent;
    enum oi_decision decision;
    const char *expected; /* what is written by all formats, but for traceparent */
} written[] = {
    {"00-" TRACE "-" SPAN "-03", OI_DECISION_FLAGS,
     "b3: " TRACE "-" SPAN "-1|X-B3-TraceId: " TRACE "|X-B3-SpanId: " SPAN "|X-B3-Sampled: 1|uber-trace-id: " TRACE
     ":" SPAN ":0:1|X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1|"},
    {"00-" TRACE "-" SPAN "-02", OI_DECISION_FLAGS,
     "b3: " TRACE "-" SPAN "-0|X-B3-TraceId: " TRACE "|X-B3-SpanId: " SPAN "|X-B3-Sampled: 0|uber-trace-id: " TRACE
     ":" SPAN ":0:0|X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=0|"},
    {"00-" TRACE "-" SPAN "-01", OI_DECISION_DEBUG,
     "b3: " TRACE "-" SPAN "-d|X-B3-TraceId: " TRACE "|X-B3-SpanId: " SPAN "|X-B3-Flags: 1|uber-trace-id: " TRACE
     ":" SPAN ":0:3|X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1|"},
    {"00-" TRACE "-" SPAN "-00", OI_DECISION_DEFER,
     "b3: " TRACE "-" SPAN "|X-B3-TraceId: " TRACE "|X-B3-SpanId: " SPAN "|uber-trace-id: " TRACE ":" SPAN
     ":0:0|X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=?|"},
};

START_TEST(each_format_writes)
{
    struct oi_propagators all;
    struct oi_context context = {0};
    char out[512];
    struct oi_buffer said = {.at = out, .size = sizeof out};
    oi_propagators_init(&all, "tracecontext,baggage,b3,b3multi,jaeger,xray,ottrace");
    ck_assert(oi_traceparent_parse(text(written[_i].traceparent), &context));
    context.decision = (uint8_t)written[_i].decision;
    int headers = 0;
    for (int i = 0; i < OI_HEADERS; i++) {
        char *room = guarded_copy(NULL, OI_HEADER_ROOM);
        if (!(all.writes & OI_HEADER_BIT(i)))
            continue;
        struct oi_text value = oi_header_value((enum oi_header)i, &context, room);
        headers += oi_text_present(value);
        if (i == OI_HEADER_TRACEPARENT || !oi_text_present(value))
            continue;
        oi_buffer_put(&said, oi_header_name((enum oi_header)i).at, oi_header_name((enum oi_header)i).len);
        oi_buffer_put(&said, ": ", 2);
        oi_buffer_put(&said, value.at, value.len);
        oi_buffer_char(&said, '|');
    }
    ck_assert_msg(oi_text_equal(oi_buffer_text(&said), oi_text_from(written[_i].expected)), "%.*s", (int)said.len, out);
    ck_assert_int_le(headers + 2, OI_HEADERS_WRITTEN); /* tracestate and baggage are not there */
}
END_TEST

/* --- several formats ------------------------------------------------------------------------------------------------
 */

#define OTHER "11111111111111112222222222222222"
#define B3_OTHER OTHER "-3333333333333333-0"

static const struct {
    const char *formats;
    const char *environment[6];
    const char *expected, *tracestate;
} carriers[] = {
    {"tracecontext", {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "TRACESTATE= a=1"}, IS(TRACE, SPAN, "1"), "a=1"},
    {"tracecontext", {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "TRACESTATE=A=1"}, IS(TRACE, SPAN, "1"), ""},
    {"tracecontext", {"TRACESTATE=a=1"}, REJECTED, ""},
    {"tracecontext", {"B3=" B3_OTHER}, REJECTED, ""},
    {"b3", {"TRACEPARENT=00-" TRACE "-" SPAN "-01"}, REJECTED, ""},
    {"none", {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "B3=" B3_OTHER}, REJECTED, ""},
    {"b3,none", {"B3=" B3_OTHER}, REJECTED, ""},
    {"baggage", {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "B3=" B3_OTHER}, REJECTED, ""},
    /* Of two, the one named later. */
    {"tracecontext,b3",
     {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "TRACESTATE=a=1", "B3=" B3_OTHER},
     IS(OTHER, "3333333333333333", "0"),
     ""},
    {"b3,tracecontext",
     {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "TRACESTATE=a=1", "B3=" B3_OTHER},
     IS(TRACE, SPAN, "1"),
     "a=1"},
    {"tracecontext,b3",
     {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "TRACESTATE=a=1", "B3=nonsense"},
     IS(TRACE, SPAN, "1"),
     "a=1"},
    {"b3,tracecontext",
     {"TRACEPARENT=nonsense", "TRACESTATE=a=1", "B3=" B3_OTHER},
     IS(OTHER, "3333333333333333", "0"),
     ""},
    /* Both name one span: what only the one can say stays. */
    {"tracecontext,b3",
     {"TRACEPARENT=00-" TRACE "-" SPAN "-03", "TRACESTATE=a=1", "B3=" TRACE "-" SPAN "-d"},
     IS(TRACE, SPAN, "3 debug"),
     "a=1"},
    /* A decision alone does not take a span away, and a span takes the decision away. */
    {"tracecontext,b3", {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "B3=0"}, IS(TRACE, SPAN, "1"), ""},
    {"b3,tracecontext", {"TRACEPARENT=00-" TRACE "-" SPAN "-01", "B3=0"}, IS(TRACE, SPAN, "1"), ""},
    {"tracecontext,b3", {"B3=0"}, "none deny", ""},
    /* Either B3 propagator reads both forms, the single one first. */
    {"b3multi", {"B3=" B3_OTHER}, IS(OTHER, "3333333333333333", "0"), ""},
    {"b3", {"X_B3_TRACEID=" TRACE, "X_B3_SPANID=" SPAN, "X_B3_SAMPLED=1"}, IS(TRACE, SPAN, "1"), ""},
    {"b3multi",
     {"X_B3_TRACEID=" TRACE, "X_B3_SPANID=" SPAN, "X_B3_FLAGS=1", "X_B3_PARENTSPANID=" ZERO16},
     IS(TRACE, SPAN, "1 debug"),
     ""},
    {"b3",
     {"X_B3_TRACEID=" TRACE, "X_B3_SPANID=" SPAN, "X_B3_SAMPLED=1", "B3=" B3_OTHER},
     IS(OTHER, "3333333333333333", "0"),
     ""},
    {"b3", {"X_B3_TRACEID=" TRACE, "X_B3_SPANID=" SPAN, "X_B3_SAMPLED=1", "B3=nonsense"}, IS(TRACE, SPAN, "1"), ""},
    {"jaeger", {"UBER_TRACE_ID=" TRACE ":" SPAN ":0:1"}, IS(TRACE, SPAN, "1"), ""},
    {"xray",
     {"X_AMZN_TRACE_ID=Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Sampled=1"},
     IS(TRACE, SPAN, "1"),
     ""},
    {"ottrace",
     {"OT_TRACER_TRACEID=" LOW, "OT_TRACER_SPANID=" SPAN, "OT_TRACER_SAMPLED=true"},
     IS(PADDED, SPAN, "1"),
     ""},
    /* The first of a name, and nothing that only looks like one. */
    {"b3", {"B3=" TRACE "-" SPAN "-1", "B3=" B3_OTHER}, IS(TRACE, SPAN, "1"), ""},
    {"b3", {"B3", "B3X=" B3_OTHER, "b3=" B3_OTHER, "XB3=" B3_OTHER, "="}, REJECTED, ""},
};

START_TEST(several_formats)
{
    struct oi_propagators propagators;
    struct oi_text values[OI_HEADERS];
    struct oi_context context;
    char state[OI_TRACESTATE_MAX], *environment[7] = {0};
    struct oi_buffer buffer = {.at = state, .size = sizeof state};
    size_t count = 0;
    for (; carriers[_i].environment[count]; count++)
        environment[count] = guarded_copy(carriers[_i].environment[count], strlen(carriers[_i].environment[count]) + 1);
    oi_propagators_init(&propagators, carriers[_i].formats);
    ck_assert_uint_eq(oi_headers_in_environment(environment, propagators.reads, values), count);
    bool found = oi_propagators_extract(&propagators, values, &buffer, &context);
    char is[96];
    describe(found, &context, is);
    ck_assert_str_eq(is, carriers[_i].expected);
    ck_assert(oi_text_equal(context.tracestate, oi_text_from(carriers[_i].tracestate)));
    if (!found)
        ck_assert(!oi_context_valid(&context) && context.decision == OI_DECISION_FLAGS);
}
END_TEST

START_TEST(names)
{
    for (int i = 0; i < OI_HEADERS; i++) {
        struct oi_text name = oi_header_name((enum oi_header)i), variable = oi_header_variable((enum oi_header)i);
        char upper[32] = "", entry[40];
        const char *value = NULL;
        ck_assert_uint_eq(name.len, variable.len);
        for (size_t c = 0; c < name.len; c++) {
            bool letter = (name.at[c] | 0x20) >= 'a' && (name.at[c] | 0x20) <= 'z';
            upper[c] = name.at[c] == '-' ? '_' : letter ? (char)(name.at[c] & ~0x20) : name.at[c];
        }
        ck_assert_str_eq(upper, variable.at);
        ck_assert_int_eq(oi_header_find(name), i);
        ck_assert_int_eq(oi_header_find(oi_text_of(name.at, name.len - 1)), -1);
        snprintf(entry, sizeof entry, "%s=x", variable.at);
        ck_assert_int_eq(oi_header_entry(entry, &value), i);
        ck_assert_str_eq(value, "x");
    }
    ck_assert_int_eq(oi_header_find(OI_TEXT("X-B3-TRACEID")), OI_HEADER_B3_TRACE);
}
END_TEST

/* Any bytes: no read past the end, and what is accepted is written and read again the same. */
START_TEST(any_bytes_are_safe)
{
    static const char alphabet[] = "0123456789abcdefABCDEFd1:-;=%3A?Root=1-Parent=Sampled= \t\x80";
    bool (*const parse[])(struct oi_text, struct oi_context *) = {oi_b3_parse, oi_jaeger_parse, oi_xray_parse};
    size_t (*const format[])(const struct oi_context *, char *) = {oi_b3_format, oi_jaeger_format, oi_xray_format};
    unsigned seed = 1;
    for (int round = 0; round < 30000; round++) {
        char bytes[128];
        size_t n = chance(&seed, sizeof bytes);
        chance_bytes(&seed, bytes, n, alphabet, sizeof alphabet - 1);
        struct oi_text value = oi_text_of(guarded(bytes, n), n);
        for (int f = 0; f < 3; f++) {
            struct oi_context first = {0}, second = {0};
            char room[OI_HEADER_ROOM];
            if (!parse[f](value, &first) || !oi_context_valid(&first))
                continue;
            ck_assert(parse[f](oi_text_of(room, format[f](&first, room)), &second));
            ck_assert_mem_eq(&first, &second, sizeof first);
        }
    }
}
END_TEST

#define LOOP(tests, test, rows) tcase_add_loop_test(tests, test, 0, sizeof(rows) / sizeof *(rows))

int main(void)
{
    TCase *tests = tcase_create("all");
    LOOP(tests, one_header, singles);
    LOOP(tests, b3_in_several_headers, multis);
    LOOP(tests, opentracing, ottraces);
    LOOP(tests, each_format_writes, written);
    LOOP(tests, several_formats, carriers);
    tcase_add_test(tests, names);
    tcase_add_test(tests, any_bytes_are_safe);
    return run_suite("propagator", tests);
}
