/* Regular expressions, with the verdicts of Python's re.fullmatch and re.search. */
#include "agent/pattern.h"

#include <regex.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/unit/guard.h"
#include "tests/unit/run.h"

#define TEXT(string) oi_text_of(guarded(string, strlen(string)), strlen(string))

static const struct {
    const char *expression;
    const char *text;
    bool whole, part;
} rows[] = {
#include "tests/unit/pattern_rows.h"
};

static struct oi_patterns compiled(const char *list, bool fold)
{
    static uint32_t room[4096];
    struct oi_patterns patterns;
    struct oi_buffer buffer = {.at = (char *)room, .size = sizeof room};
    oi_patterns_compile(&patterns, list, fold, &buffer);
    return patterns;
}

START_TEST(matches_as_in_python)
{
    ck_assert_msg(oi_pattern_valid(TEXT(rows[_i].expression)), "%s", rows[_i].expression);
    struct oi_patterns patterns = compiled(rows[_i].expression, true);
    ck_assert_uint_eq(patterns.count, 1);
    ck_assert_msg(oi_patterns_match(&patterns, TEXT(rows[_i].text)) == rows[_i].whole, "match %s %s",
                  rows[_i].expression, rows[_i].text);
    ck_assert_msg(oi_patterns_search(&patterns, TEXT(rows[_i].text)) == rows[_i].part, "search %s %s",
                  rows[_i].expression, rows[_i].text);
}
END_TEST

static const char *const invalid[] = {
    "*",
    "+a",
    "?",
    "a**",
    "a+*",
    "a??+",
    "(",
    ")",
    "a)",
    "(a",
    "(a))",
    "[",
    "[]",
    "[^]",
    "[a",
    "[z-a]",
    "\\",
    "a\\",
    "[a\\",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?P<n>a)",
    "(?i)a",
    "\\1",
    "\\k",
    "\\x41",
    "\xc3\xa9",
    "[\xc3\xa9]",
    "a{2}{3}*",
    "a{300}",
    "(ab){128}",
    "((((((((((((((((((a))))))))))))))))))",
    "[[:digits:]]",
    "[[::]]",
    "[[:digit:]",
    "[a][a][a][a][a][a][a][a][a][a][a][a][a][a][a][a][a]",
};

START_TEST(what_is_not_understood_is_left_out)
{
    char list[600];
    ck_assert_msg(!oi_pattern_valid(TEXT(invalid[_i])), "%s", invalid[_i]);
    snprintf(list, sizeof list, "first, %s ,last", invalid[_i]);
    struct oi_patterns patterns = compiled(list, true);
    ck_assert_uint_eq(patterns.count, 2);
    ck_assert(oi_patterns_match(&patterns, TEXT("first")) && oi_patterns_match(&patterns, TEXT("last")));
    ck_assert(!oi_patterns_match(&patterns, TEXT(invalid[_i])));
}
END_TEST

static const char *const posix[] = {
    "[[:alpha:]]",   "[[:digit:]]",
    "[[:alnum:]]",   "[[:upper:]]",
    "[[:lower:]]",   "[[:xdigit:]]",
    "[[:space:]]",   "[[:blank:]]",
    "[[:punct:]]",   "[[:print:]]",
    "[[:graph:]]",   "[[:cntrl:]]",
    "[^[:alnum:]_]", "[x[:digit:].[:blank:]-]",
    "[]a]",          "[^]a]",
};

/* As libc's, for each character. */
START_TEST(classes_are_those_of_posix)
{
    regex_t regex;
    ck_assert_int_eq(regcomp(&regex, posix[_i], REG_EXTENDED | REG_NOSUB), 0);
    struct oi_patterns patterns = compiled(posix[_i], false);
    ck_assert_uint_eq(patterns.count, 1);
    for (int c = 1; c < 128; c++) {
        char text[] = {(char)c, 0};
        ck_assert_msg(oi_patterns_match(&patterns, TEXT(text)) == (regexec(&regex, text, 0, NULL, 0) == 0), "%d", c);
    }
    regfree(&regex);
}
END_TEST

START_TEST(a_list_matches_where_one_of_it_does)
{
    struct oi_patterns patterns = compiled(" x-[a-c]+ ,, ETag,content-.*,", true);
    ck_assert_uint_eq(patterns.count, 3);
    ck_assert(oi_patterns_match(&patterns, TEXT("X-AbC")));
    ck_assert(oi_patterns_match(&patterns, TEXT("etag")));
    ck_assert(oi_patterns_match(&patterns, TEXT("Content-")));
    ck_assert(!oi_patterns_match(&patterns, TEXT("etag2")));
    ck_assert(!oi_patterns_match(&patterns, TEXT("")));
    patterns = compiled(NULL, true);
    ck_assert(!oi_patterns_match(&patterns, TEXT("a")) && !oi_patterns_search(&patterns, TEXT("")));
}
END_TEST

START_TEST(case_counts_where_it_shall)
{
    struct oi_patterns patterns = compiled("/Health[A-C]$", false);
    ck_assert(oi_patterns_search(&patterns, TEXT("http://h/HealthA")));
    ck_assert(!oi_patterns_search(&patterns, TEXT("http://h/healthA")));
    ck_assert(!oi_patterns_search(&patterns, TEXT("http://h/Healtha")));
}
END_TEST

/* Expressions that take others years. */
START_TEST(no_expression_takes_long)
{
    static char text[20001];
    memset(text, 'a', sizeof text - 1);
    struct oi_patterns patterns = compiled("(a*)*b,(a|a)*b,(a|aa)+$b,(.*)(.*)(.*)(.*)b,(a?){60}a{60}b", true);
    ck_assert_uint_eq(patterns.count, 5);
    ck_assert(!oi_patterns_match(&patterns, TEXT(text)));
    ck_assert(!oi_patterns_search(&patterns, TEXT(text)));
}
END_TEST

START_TEST(without_room_items_are_left_out)
{
    uint32_t room[7];
    struct oi_patterns patterns;
    struct oi_buffer buffer = {.at = (char *)room, .size = sizeof room};
    oi_patterns_compile(&patterns, "abcdefgh,abc,x", true, &buffer);
    ck_assert_uint_eq(patterns.count, 1);
    ck_assert(oi_patterns_match(&patterns, TEXT("abc")) && !oi_patterns_match(&patterns, TEXT("x")));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, matches_as_in_python, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, what_is_not_understood_is_left_out, 0, sizeof invalid / sizeof *invalid);
    tcase_add_loop_test(tests, classes_are_those_of_posix, 0, sizeof posix / sizeof *posix);
    tcase_add_test(tests, a_list_matches_where_one_of_it_does);
    tcase_add_test(tests, case_counts_where_it_shall);
    tcase_add_test(tests, no_expression_takes_long);
    tcase_add_test(tests, without_room_items_are_left_out);
    return run_suite("pattern", tests);
}
