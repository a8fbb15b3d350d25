/* agent/propagation.c: the verdict tables of docs/propagation.md. Every value ends at a page that may not be touched.
 */
#include <stdio.h>

#include "agent/propagation.h"
#include "tests/unit/chance.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static struct oi_text text(const char *string)
{
    return oi_text_of(guarded(string, strlen(string)), strlen(string));
}

/* --- traceparent --------------------------------------------------------------------------------------------- */

static const struct {
    const char *value;
    int flags; /* -1: rejected */
} traceparents[] = {
    {"00-" TRACE "-" SPAN "-01", 0x01},
    {"00-" TRACE "-" SPAN "-00", 0x00},
    {"00-" TRACE "-" SPAN "-03", 0x03},
    {"00-" TRACE "-" SPAN "-ff", 0xff},
    {" \t00-" TRACE "-" SPAN "-01\t ", 0x01},
    {"cc-" TRACE "-" SPAN "-01", 0x01},
    {"01-" TRACE "-" SPAN "-01-what-ever", 0x01},
    {"fe-" TRACE "-" SPAN "-01-", 0x01},
    {"cc-" TRACE "-" SPAN "-01.x", -1},
    {"00-" TRACE "-" SPAN "-01-", -1},
    {"00-" TRACE "-" SPAN "-01-x", -1},
    {"00-" TRACE "-" SPAN "-01,00-" TRACE "-" SPAN "-01", -1},
    {"ff-" TRACE "-" SPAN "-01", -1},
    {"0F-" TRACE "-" SPAN "-01", -1},
    {"00-0AF7651916cd43dd8448eb211c80319c-" SPAN "-01", -1},
    {"00-" TRACE "-B7ad6b7169203331-01", -1},
    {"00-" TRACE "-" SPAN "-0A", -1},
    {"00-00000000000000000000000000000000-" SPAN "-01", -1},
    {"00-" TRACE "-0000000000000000-01", -1},
    {"00-" TRACE "-" SPAN "-0", -1},
    {"00-" TRACE "-" SPAN, -1},
    {"00-" TRACE "-" SPAN "-0g", -1},
    {"00-" TRACE "-" SPAN "-0\x80", -1},
    {"00_" TRACE "-" SPAN "-01", -1},
    {"00-" TRACE "_" SPAN "-01", -1},
    {"00-" TRACE "-" SPAN "_01", -1},
    {".0-" TRACE "-" SPAN "-01", -1},
    {"00-" TRACE "1-" SPAN "-01", -1},
    {"00-" TRACE "-" SPAN "\v-01", -1},
    {"", -1},
    {" ", -1},
    {"00", -1},
};

START_TEST(traceparent_verdicts)
{
    struct oi_context context, before;
    memset(&context, 0x5a, sizeof context);
    before = context;
    bool valid = oi_traceparent_parse(text(traceparents[_i].value), &context);
    ck_assert_msg(valid == (traceparents[_i].flags >= 0), "%s", traceparents[_i].value);
    if (!valid) {
        ck_assert_mem_eq(&context, &before, sizeof context);
        return;
    }
    ck_assert_int_eq(context.flags, traceparents[_i].flags);
    ck_assert(context.remote);
    char out[OI_TRACEPARENT_LENGTH], expected[OI_TRACEPARENT_LENGTH + 1];
    oi_traceparent_format(&context, out);
    snprintf(expected, sizeof expected, "00-" TRACE "-" SPAN "-%02x", (unsigned)traceparents[_i].flags);
    ck_assert_mem_eq(out, expected, sizeof out);
}
END_TEST

/* Every byte in every place: accepted exactly where the format allows it. */
START_TEST(traceparent_takes_no_other_byte)
{
    static const char good[] = "00-" TRACE "-" SPAN "-01";
    for (int at = 0; at < OI_TRACEPARENT_LENGTH; at++) {
        char value[OI_TRACEPARENT_LENGTH];
        memcpy(value, good, sizeof value);
        for (int byte = 0; byte < 256; byte++) {
            value[at] = (char)byte;
            struct oi_context context;
            bool dash = at == 2 || at == 35 || at == 52;
            bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
            bool valid = oi_traceparent_parse(oi_text_of(value, sizeof value), &context);
            ck_assert_int_eq(valid, dash ? byte == '-' : hex);
        }
    }
}
END_TEST

/* --- tracestate ---------------------------------------------------------------------------------------------- */

#define A10 "aaaaaaaaaa"
#define A13 A10 "aaa"
#define A14 A10 "aaaa"
#define A50 A10 A10 A10 A10 A10
#define A240 A50 A50 A50 A50 A10 A10 A10 A10
#define A256 A240 A10 "aaaaaa"
#define MEMBERS8(p) p "0=1," p "1=1," p "2=1," p "3=1," p "4=1," p "5=1," p "6=1," p "7=1,"
#define MEMBERS32 MEMBERS8("a") MEMBERS8("b") MEMBERS8("c") MEMBERS8("d")

static const struct {
    const char *value;
    const char *out; /* NULL: rejected as a whole */
} tracestates[] = {
    {"foo=1", "foo=1"},
    {"foo=1,bar=2", "foo=1,bar=2"},
    {" foo=1 ,\tbar=2\t", "foo=1,bar=2"},
    {"foo=1,,bar=2,", "foo=1,bar=2"},
    {"", ""},
    {" , ,", ""},
    {"ot=th:c;rv:0123456789abcd,congo=t61rcWkgMzE", "ot=th:c;rv:0123456789abcd,congo=t61rcWkgMzE"},
    {"foo= 1", "foo= 1"},
    {"foo=a b", "foo=a b"},
    {"foo=\"x\\;y~!", "foo=\"x\\;y~!"},
    {"a0_-*/=1", "a0_-*/=1"},
    {"fw529a3039@dt=FfffF", "fw529a3039@dt=FfffF"},
    {"0tenant@sys=1", "0tenant@sys=1"},
    {"0foo=1", NULL}, /* Level 2 takes it, Level 1 does not */
    {A256 "=1", A256 "=1"},
    {A256 "a=1", NULL},
    {A240 "a@sys=1", A240 "a@sys=1"},
    {A240 "aa@sys=1", NULL},
    {"t@" A14 "=1", "t@" A14 "=1"},
    {"t@" A14 "a=1", NULL},
    {"t@0" A13 "=1", NULL},
    {"foo =1", NULL},
    {"FOO=1", NULL},
    {"foo.bar=1", NULL},
    {"foo@=1", NULL},
    {"@foo=1", NULL},
    {"foo@@bar=1", NULL},
    {"foo=bar=baz", NULL},
    {"foo=", NULL},
    {"foo= ", NULL},
    {"foo", NULL},
    {"=1", NULL},
    {"foo=1,bar", NULL},
    {"foo=\x01", NULL},
    {"foo=1\t2", NULL},
    {"foo=\x7f", NULL},
    {"foo=\xc3\xa9", NULL},
    {"foo=1,foo=1", NULL},
    {"foo=1,bar=2,foo=3", NULL},
    {"foo=" A256, "foo=" A256},
    {"foo=" A256 "a", NULL},
    {MEMBERS32, MEMBERS8("a") MEMBERS8("b") MEMBERS8("c") "d0=1,d1=1,d2=1,d3=1,d4=1,d5=1,d6=1,d7=1"},
    {MEMBERS32 ",,", MEMBERS8("a") MEMBERS8("b") MEMBERS8("c") "d0=1,d1=1,d2=1,d3=1,d4=1,d5=1,d6=1,d7=1"},
    {MEMBERS32 "e=1", NULL},
};

static void check_out(const struct oi_buffer *out, const char *expected)
{
    ck_assert_msg(out->len == strlen(expected) && memcmp(out->at, expected, out->len) == 0, "\"%.*s\" is not \"%s\"",
                  (int)out->len, out->at, expected);
}

START_TEST(tracestate_verdicts)
{
    struct oi_buffer out = {guarded_copy(NULL, 600), 600, 0, false};
    bool valid = oi_tracestate_parse(text(tracestates[_i].value), &out);
    ck_assert_msg(valid == (tracestates[_i].out != NULL), "%s", tracestates[_i].value);
    check_out(&out, tracestates[_i].out ? tracestates[_i].out : "");
    ck_assert(!out.truncated);
}
END_TEST

static const struct {
    size_t size;
    const char *value, *out;
} tight[] = {
    {11, "foo=1,bar=2", "foo=1,bar=2"},
    {10, "foo=1,bar=2", "foo=1"},
    {5, "foo=1,bar=2", "foo=1"},
    {4, "foo=1,bar=2", ""},
    {0, "foo=1", ""},
    {8, "big=" A240 ",a=1,b=2", "a=1,b=2"}, /* the long one goes first, wherever it stands */
    {6, "big=" A240 ",a=1,b=2", "a=1"},
    {512, "one=" A240 ",two=" A240 ",c=3", "one=" A240 ",two=" A240 ",c=3"},
    {492, "one=" A240 ",two=" A240 ",c=3", "one=" A240 ",c=3"},
    {130, "k=" A50 A50 A10 A10 "aaaaaa,b=1", "k=" A50 A50 A10 A10 "aaaaaa"}, /* 128 characters are not long */
};

START_TEST(tracestate_sheds_whole_members)
{
    struct oi_buffer out = {guarded_copy(NULL, tight[_i].size), tight[_i].size, 0, false};
    ck_assert(oi_tracestate_parse(text(tight[_i].value), &out));
    check_out(&out, tight[_i].out);
    ck_assert_int_eq(out.truncated, strlen(tight[_i].out) < strlen(tight[_i].value));
}
END_TEST

/* --- baggage ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *value;
    size_t kept;
    const char *out;
} baggages[] = {
    {"a=1", 1, "a=1"},
    {"a=1,b=2", 2, "a=1,b=2"},
    {"a = 1 ; p = 2 , b\t=\t2", 2, "a=1;p=2,b=2"},
    {"a=1;p=1;q", 1, "a=1;p=1;q"},
    {"a=x+y", 1, "a=x+y"},
    {"a=", 1, "a="},
    {"a=b=c", 1, "a=b=c"},
    {"a=x%20y%2Cz", 1, "a=x%20y%2Cz"},
    {"a=%zz", 1, "a=%zz"},
    {"a=1,a=2", 1, "a=2"},
    {"a=1,b=2,a=3", 2, "b=2,a=3"},
    {"a=\"x\",b=1", 1, "b=1"},
    {"a=x y,b=1", 1, "b=1"},
    {"a=x\\y,b=1", 1, "b=1"},
    {"a=\xc3\xa9,b=1", 1, "b=1"},
    {"a,b=1", 1, "b=1"},
    {"=1,b=1", 1, "b=1"},
    {"k y=1,b=1", 1, "b=1"},
    {"k(y=1,b=1", 1, "b=1"},
    {"a=1;=2,b=1", 1, "b=1"},
    {"a=1;p=x y,b=1", 1, "b=1"},
    {"a=1;;p,b=1;", 2, "a=1;p,b=1"},
    {";p=1,b=1", 1, "b=1"},
    {",,a=1,,", 1, "a=1"},
    {"!#$%&'*+-.^_`|~9aZ=!#$%&'()*+-./:<=>?@[]^_`{|}~", 1, "!#$%&'*+-.^_`|~9aZ=!#$%&'()*+-./:<=>?@[]^_`{|}~"},
    {"", 0, ""},
    {" ", 0, ""},
    {",", 0, ""},
};

START_TEST(baggage_verdicts)
{
    struct oi_buffer out = {guarded_copy(NULL, 8192), 8192, 0, false};
    ck_assert_uint_eq(oi_baggage_parse(text(baggages[_i].value), &out), baggages[_i].kept);
    check_out(&out, baggages[_i].out);
    ck_assert(!out.truncated);
}
END_TEST

START_TEST(baggage_limits)
{
    static char value[OI_BAGGAGE_MAX + 2];
    size_t at = 0;
    for (int i = 0; i < 200; i++)
        at += (size_t)sprintf(value + at, "%sk%d=%d", i ? "," : "", i, i);
    struct oi_buffer out = {guarded_copy(NULL, 8192), 8192, 0, false};
    ck_assert_uint_eq(oi_baggage_parse(text(value), &out), 180);
    ck_assert(out.len > 8 && memcmp(out.at + out.len - 8, "k179=179", 8) == 0);

    memset(value, 'x', 4099);
    memcpy(value, "a=", 2);
    strcpy(value + 4096, ",b=1");
    out.len = 0;
    ck_assert_uint_eq(oi_baggage_parse(text(value), &out), 2); /* 4096 bytes */
    memset(value, 'x', 4099);
    memcpy(value, "a=", 2);
    strcpy(value + 4097, ",b=1");
    out.len = 0;
    ck_assert_uint_eq(oi_baggage_parse(text(value), &out), 1); /* 4097 bytes */
    check_out(&out, "b=1");

    memset(value, ',', sizeof value);
    memcpy(value, "a=1", 3);
    out.len = 0;
    ck_assert_uint_eq(oi_baggage_parse(oi_text_of(guarded(value, 8192), 8192), &out), 1);
    out.len = 0;
    ck_assert_uint_eq(oi_baggage_parse(oi_text_of(guarded(value, 8193), 8193), &out), 0);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(baggage_sheds_whole_members)
{
    struct oi_buffer out = {guarded_copy(NULL, 7), 7, 0, false};
    ck_assert_uint_eq(oi_baggage_parse(text("a=1,bb=22,c=3"), &out), 2);
    check_out(&out, "a=1,c=3");
    ck_assert(out.truncated);
}
END_TEST

/* Any bytes: no read past the end, no write past the room, and what is written is accepted again unchanged. */
START_TEST(any_bytes_are_safe)
{
    static const char alphabet[] = "ab=,; @-%\t0A\"\\\x80\x01";
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        char bytes[64];
        size_t n = chance(&seed, sizeof bytes);
        chance_bytes(&seed, bytes, n, alphabet, sizeof alphabet - 1);
        struct oi_text value = oi_text_of(guarded(bytes, n), n);
        char first[64], second[64];
        struct oi_buffer out = {first, sizeof first, 0, false}, again = {second, sizeof second, 0, false};
        size_t kept = oi_baggage_parse(value, &out);
        ck_assert_uint_eq(oi_baggage_parse(oi_buffer_text(&out), &again), kept);
        ck_assert(oi_text_equal(oi_buffer_text(&out), oi_buffer_text(&again)));
        out.len = again.len = 0;
        if (oi_tracestate_parse(value, &out)) {
            ck_assert(oi_tracestate_parse(oi_buffer_text(&out), &again));
            ck_assert(oi_text_equal(oi_buffer_text(&out), oi_buffer_text(&again)));
        } else {
            ck_assert_uint_eq(out.len, 0);
        }
        struct oi_context context;
        oi_traceparent_parse(value, &context);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, traceparent_verdicts, 0, sizeof traceparents / sizeof *traceparents);
    tcase_add_test(tests, traceparent_takes_no_other_byte);
    tcase_add_loop_test(tests, tracestate_verdicts, 0, sizeof tracestates / sizeof *tracestates);
    tcase_add_loop_test(tests, tracestate_sheds_whole_members, 0, sizeof tight / sizeof *tight);
    tcase_add_loop_test(tests, baggage_verdicts, 0, sizeof baggages / sizeof *baggages);
    tcase_add_test(tests, baggage_limits);
    tcase_add_test(tests, baggage_sheds_whole_members);
    tcase_add_test(tests, any_bytes_are_safe);
    return run_suite("propagation", tests);
}
