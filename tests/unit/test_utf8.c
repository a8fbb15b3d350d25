/* Where UTF-8 text may be cut. */
#include <stdlib.h>

#include "agent/utf8.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

#define E_ACUTE "\xc3\xa9"
#define EURO "\xe2\x82\xac"
#define SMILE "\xf0\x9f\x98\x80"

static const struct {
    const char *text;
    size_t valid;
} valid_rows[] = {
    {"", 0},
    {"a", 1},
    {"abcdefgh", 8},
    {"abcdefghi", 9},
    {E_ACUTE, 2},
    {EURO, 3},
    {SMILE, 4},
    {"abcdefg" E_ACUTE "abcdefgh" EURO SMILE "x", 25},
    {"abc\x80", 3}, /* a continuation on its own */
    {"abc\xff"
     "def",
     3},             /* never a byte of UTF-8 */
    {"\xc0\x80", 0}, /* overlong NUL */
    {"\xc1\xbf", 0}, /* overlong */
    {"\xc2", 0},     /* cut short */
    {"\xc2"
     "a",
     0},                     /* followed by something else */
    {"\xe0\x80\x80", 0},     /* overlong */
    {"\xe0\x9f\xbf", 0},     /* overlong */
    {"\xe0\xa0\x80", 3},     /* U+0800 */
    {"\xed\x9f\xbf", 3},     /* U+D7FF */
    {"\xed\xa0\x80", 0},     /* a surrogate */
    {"\xee\x80\x80", 3},     /* U+E000 */
    {"\xef\xbf\xbf", 3},     /* U+FFFF */
    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
    {"\xf0\x90\x80\x80", 4}, /* U+10000 */
    {"\xf4\x8f\xbf\xbf", 4}, /* U+10FFFF */
    {"\xf4\x90\x80\x80", 0}, /* beyond */
    {"\xf5\x80\x80\x80", 0}, /* beyond */
    {"a\xe2\x82", 1},        /* cut short */
    {"a\xf0\x9f\x98", 1},    /* cut short */
    {"12345678\x80", 8},     /* found behind a step of eight */
};

START_TEST(test_valid_prefix)
{
    size_t length = strlen(valid_rows[_i].text);
    ck_assert_uint_eq(oi_utf8_valid_prefix(guarded(valid_rows[_i].text, length), length), valid_rows[_i].valid);
}
END_TEST

static const struct {
    const char *text;
    size_t max, kept;
} byte_rows[] = {
    {"", 0, 0},
    {"abc", 3, 3},
    {"abc", 9, 3},
    {"abc", 2, 2},
    {"abc", 0, 0},
    {"a" E_ACUTE, 2, 1},
    {"a" E_ACUTE, 3, 3},
    {E_ACUTE E_ACUTE, 3, 2},
    {E_ACUTE, 1, 0},
    {EURO "x", 1, 0},
    {EURO "x", 2, 0},
    {EURO "x", 3, 3},
    {"ab" SMILE "c", 3, 2},
    {"ab" SMILE "c", 4, 2},
    {"ab" SMILE "c", 5, 2},
    {"ab" SMILE "c", 6, 6},
    {"ab\x80\x80\x80\x80", 5, 5}, /* not UTF-8: nothing to keep together */
    {"ab\xe2\x82", 3, 3},         /* likewise, its own end is missing */
    {"\x80\x80", 1, 1},
};

START_TEST(test_cut_bytes)
{
    size_t length = strlen(byte_rows[_i].text);
    ck_assert_uint_eq(oi_utf8_cut_bytes(guarded(byte_rows[_i].text, length), length, byte_rows[_i].max),
                      byte_rows[_i].kept);
}
END_TEST

static const struct {
    const char *text;
    size_t max, kept;
} character_rows[] = {
    {"", 0, 0},
    {"abc", 0, 0},
    {"abc", 2, 2},
    {"abc", 3, 3},
    {"abc", 99, 3},
    {E_ACUTE E_ACUTE E_ACUTE, 2, 4},
    {"a" EURO SMILE "b", 1, 1},
    {"a" EURO SMILE "b", 2, 4},
    {"a" EURO SMILE "b", 3, 8},
    {"a" EURO SMILE "b", 4, 9},
    {"abcdefghijkl" E_ACUTE "m", 13, 14},
    {"abcdefghijkl" E_ACUTE "m", 12, 12},
    {"\x80\x80" E_ACUTE "a", 3, 4}, /* bytes that are no characters count as one each */
    {"\xe2\x82", 1, 1},
};

START_TEST(test_cut_characters)
{
    size_t length = strlen(character_rows[_i].text);
    ck_assert_uint_eq(oi_utf8_cut_chars(guarded(character_rows[_i].text, length), length, character_rows[_i].max),
                      character_rows[_i].kept);
}
END_TEST

/* Cutting valid text leaves valid text, at every place. */
START_TEST(test_cuts_are_valid)
{
    const char text[] = "a" E_ACUTE "bcdefghij" EURO SMILE E_ACUTE "klmnopqrstuvw" SMILE "x";
    for (size_t max = 0; max <= sizeof text - 1; max++) {
        const char *at = guarded(text, sizeof text - 1);
        size_t bytes = oi_utf8_cut_bytes(at, sizeof text - 1, max);
        ck_assert(bytes <= max && max - bytes <= 3);
        ck_assert_uint_eq(oi_utf8_valid_prefix(text, bytes), bytes);
        size_t characters = oi_utf8_cut_chars(at, sizeof text - 1, max);
        ck_assert_uint_eq(oi_utf8_valid_prefix(text, characters), characters);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, test_valid_prefix, 0, sizeof valid_rows / sizeof *valid_rows);
    tcase_add_loop_test(tests, test_cut_bytes, 0, sizeof byte_rows / sizeof *byte_rows);
    tcase_add_loop_test(tests, test_cut_characters, 0, sizeof character_rows / sizeof *character_rows);
    tcase_add_test(tests, test_cuts_are_valid);
    return run_suite("utf8", tests);
}
