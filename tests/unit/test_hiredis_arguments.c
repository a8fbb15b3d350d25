/* hooks/hiredis_arguments.c reads commands as hiredis itself formats them: each case is given to both, and what the
 * real library put on the wire is compared with what we remember. */
#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hooks/hiredis_arguments.h"
#include "tests/unit/chance.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static struct oi_hiredis_commands commands;

static void clear(void)
{
    memset(&commands, 0x5a, sizeof commands);
    oi_hiredis_commands_clear(&commands);
}

/* The arguments in protocol bytes, one a line, as we are expected to remember them. */
static const char *expected_from(const char *bytes, size_t len)
{
    static char out[65536];
    size_t used = 0;
    char *at;
    long count = strtol(bytes + 1, &at, 10);
    ck_assert(bytes[0] == '*');
    at += 2;
    for (long i = 0; i < count; i++) {
        ck_assert(*at == '$');
        size_t n = strtoul(at + 1, &at, 10);
        at += 2;
        if (n > OI_HIREDIS_ARGUMENT_MAX)
            used += (size_t)sprintf(out + used, "?\n");
        else
            used += (size_t)sprintf(out + used, "%.*s\n", (int)n, at);
        at += n + 2;
    }
    ck_assert_uint_eq((size_t)(at - bytes), len);
    out[used] = '\0';
    return out;
}

static const char *remembered(const struct oi_redis_args *command)
{
    static char out[65536];
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < command->count; i++)
        used += (size_t)sprintf(out + used, "%.*s\n", (int)command->at[i].len, command->at[i].at);
    return out;
}

static void compare(const char *format, ...)
{
    va_list values;
    char *bytes = NULL;
    va_start(values, format);
    int len = redisvFormatCommand(&bytes, format, values);
    va_end(values);
    for (int borrow = 0; borrow < 2; borrow++) {
        clear();
        va_start(values, format);
        oi_hiredis_add_format(&commands, borrow, guarded(format, strlen(format) + 1), values);
        va_end(values);
        ck_assert_uint_eq(commands.total, 1);
        ck_assert_uint_eq(commands.remembered, 1);
        if (len < 0)
            continue;
        ck_assert_msg(strcmp(remembered(&commands.commands[0]), expected_from(bytes, (size_t)len)) == 0,
                      "\"%s\" (borrow %d): ours \"%s\" real \"%s\"", format, borrow, remembered(&commands.commands[0]),
                      expected_from(bytes, (size_t)len));
        ck_assert_uint_eq(commands.commands[0].total, commands.commands[0].count);
    }
    if (len >= 0)
        redisFreeCommand(bytes);
}

START_TEST(formats)
{
    static char large[1000];
    memset(large, 'v', sizeof large - 1);
    compare("PING");
    compare("  PING  ");
    compare("GET %s", "user:1");
    compare("SET %s %s", "user:1", "value");
    compare("SET user:%s:name %s", "1", "value");
    compare("SET user:%s:%s:x%s %s", "1", "2", "", "value");
    compare("SET %s%s%s %s", "a", "b", "c", "d");
    compare("SET %s ", "");
    compare("SET %s%s %s", "", "", "");
    compare("SET %s%s", "", "x");
    compare("SET key %b", "a\tb", (size_t)3);
    compare("SET %b%b %b", "abc", (size_t)2, "def", (size_t)3, "", (size_t)0);
    compare("SET key 100%%");
    compare("SET key%%%s %%", "x");
    compare("SET key %");
    compare("SET key%");
    compare("%s", "a b");
    compare("SET %s %s", "key with space", "value with space");
    compare("GET %s", large);
    compare("GET x%s", large);
    compare("GET %s%s", large, "x");
    compare("SELECT %d", 3);
    compare("GET user:%d", 42);
    compare("GET user:%d:%u", -42, 4000000000u);
    compare("GET %lld %llu", LLONG_MIN, ULLONG_MAX);
    compare("GET %ld %lu", LONG_MIN, ULONG_MAX);
    compare("GET %hd %hhd %hu %hhu", 70000, 300, 70000, 300);
    compare("GET %i %o %x %X", INT_MIN, 8u, 255u, 255u);
    compare("GET %5 d");
    compare("GET %c", 'x');
    compare("GET %ll", 1);
    compare("GET %hs", "x");
    compare("GET %z", 1);
    compare("GET %000000000000000000000005dx", 7); /* too long for hiredis's own buffer */
    compare("GET %.10000000000000f %s", 1.0, "x");
    compare("GET %300d", 7);
    compare("\tGET\nkey");
}
END_TEST

/* Every combination of flags, width, precision and size. */
START_TEST(integers)
{
    static const char *const sizes[] = {"hh", "h", "", "l", "ll"};
    static const char *const widths[] = {"", "1", "7", "23"};
    static const char *const precisions[] = {"", ".", ".0", ".1", ".6", ".22"};
    static const char conversions[] = "diouxX";
    static const long long numbers[] = {0, 1, -1, 8, 255, -129, 65536, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN};
    for (int flags = 0; flags < 32; flags++)
        for (size_t w = 0; w < 4; w++)
            for (size_t p = 0; p < 6; p++)
                for (size_t s = 0; s < 5; s++)
                    for (const char *c = conversions; *c; c++) {
                        char format[64];
                        snprintf(format, sizeof format, "GET k%%%s%s%s%s%s%s%s%s%cx", flags & 1 ? "#" : "",
                                 flags & 2 ? "0" : "", flags & 4 ? "-" : "", flags & 8 ? " " : "",
                                 flags & 16 ? "+" : "", widths[w], precisions[p], sizes[s], *c);
                        long long number = numbers[(size_t)(flags + *c) % (sizeof numbers / sizeof *numbers)];
                        if (s == 4)
                            compare(format, number);
                        else if (s == 3)
                            compare(format, (long)number);
                        else
                            compare(format, (int)number);
                    }
}
END_TEST

static void add_format(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    oi_hiredis_add_format(&commands, true, format, values);
    va_end(values);
}

/* Real numbers become ?; what surrounds them stays. */
START_TEST(real_numbers_are_values)
{
    clear();
    add_format("GEOADD %s:%d x%fy %s", "g", 1, 1.5, "member");
    ck_assert_str_eq(remembered(&commands.commands[0]), "GEOADD\ng:1\nx?y\nmember\n");
    clear();
    add_format("SET k %10.3e %g", 1.5, 2.5);
    ck_assert_str_eq(remembered(&commands.commands[0]), "SET\nk\n?\n?\n");
}
END_TEST

/* Formats of random pieces; the values are chosen to go with them. */
START_TEST(random_formats)
{
    static const char *const pieces[] = {"%s", "%b", "%%", " ", "  ", "GET", "user:", "y", "%d", "%y", "%5y", "\t"};
    unsigned seed = 7;
    for (int round = 0; round < 5000; round++) {
        char format[128] = "";
        for (int i = 0; i < 8; i++)
            strcat(format, pieces[chance(&seed, sizeof pieces / sizeof *pieces)]);
        /* The values must go with the format: those that mix %s, %b and %d are left out. */
        bool s = strstr(format, "%s"), b = strstr(format, "%b");
        if (s && !b && !strstr(format, "%d"))
            compare(format, "a", "", "c d", "e", "f", "g", "h", "i");
        else if (b && !s && !strstr(format, "%d"))
            compare(format, "ab", (size_t)1, "", (size_t)0, "c d", (size_t)3, "e", (size_t)1, "f", (size_t)1, "g",
                    (size_t)1, "h", (size_t)1, "i", (size_t)1);
        else if (!b && !s)
            compare(format, 1, -2, 3, 4, 5, 6, 7, 8);
    }
}
END_TEST

START_TEST(argv_and_bytes)
{
    static char large[1000];
    memset(large, 'v', sizeof large - 1);
    const char *argv[] = {"SET", "k\0y", "", large, "x y"};
    const size_t lens[] = {3, 3, 0, 999, 3};
    for (int borrow = 0; borrow < 2; borrow++) {
        clear();
        oi_hiredis_add_argv(&commands, borrow, 5, argv, lens);
        ck_assert_uint_eq(commands.commands[0].count, 5);
        ck_assert_uint_eq(commands.commands[0].at[1].len, 3);
        ck_assert_mem_eq(commands.commands[0].at[1].at, "k\0y", 3);
        ck_assert_uint_eq(commands.commands[0].at[2].len, 0);
        ck_assert(oi_text_equal(commands.commands[0].at[3], OI_TEXT("?")));
        ck_assert_int_eq(commands.commands[0].at[0].at == argv[0], borrow);
        clear();
        oi_hiredis_add_argv(&commands, borrow, 5, argv, NULL);
        ck_assert_str_eq(remembered(&commands.commands[0]), "SET\nk\n\n?\nx y\n");
    }
    char *bytes;
    int len = (int)redisFormatCommandArgv(&bytes, 5, argv, lens);
    clear();
    oi_hiredis_add_bytes(&commands, oi_text_of(guarded(bytes, (size_t)len), (size_t)len));
    ck_assert_uint_eq(commands.total, 1);
    ck_assert_str_eq(remembered(&commands.commands[0]), expected_from(bytes, (size_t)len));
    /* cut anywhere: never read past the end, one command without a name */
    for (int n = 1; n < len; n++) {
        clear();
        oi_hiredis_add_bytes(&commands, oi_text_of(guarded(bytes, (size_t)n), (size_t)n));
        ck_assert_uint_eq(commands.total, 1);
        ck_assert_uint_eq(commands.remembered, 1);
        ck_assert_uint_eq(commands.commands[0].count, 0);
        ck_assert_uint_eq(commands.text_used, 0);
    }
    redisFreeCommand(bytes);
}
END_TEST

static const struct {
    const char *bytes;
    unsigned total;
    const char *first;
} streams[] = {
    {"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 2, "PING\n"},
    {"*0\r\n*1\r\n$4\r\nPING\r\n", 1, "PING\n"},
    {"PING\r\n", 1, ""},
    {"*1\r\n$4\r\nPING\r\nPING\r\n", 2, "PING\n"},
    {"*-1\r\n", 1, ""},
    {"*1\r\n$-1\r\n", 1, ""},
    {"*1\r\n$99999999999\r\n", 1, ""},
    {"*99999999999\r\n$1\r\nx\r\n", 1, ""},
    {"*", 1, ""},
    {"", 0, NULL},
};

START_TEST(streams_of_bytes)
{
    clear();
    oi_hiredis_add_bytes(&commands,
                         oi_text_of(guarded(streams[_i].bytes, strlen(streams[_i].bytes)), strlen(streams[_i].bytes)));
    ck_assert_uint_eq(commands.total, streams[_i].total);
    if (streams[_i].first)
        ck_assert_str_eq(remembered(&commands.commands[0]), streams[_i].first);
}
END_TEST

/* A long pipeline keeps its first commands and counts the rest. */
START_TEST(bounds)
{
    clear();
    for (int i = 0; i < 10000; i++)
        add_format("SET key:%d %s", i, "value");
    ck_assert_uint_eq(commands.total, 10000);
    ck_assert_uint_le(commands.remembered, OI_HIREDIS_COMMANDS);
    ck_assert_uint_le(commands.argument_count, OI_HIREDIS_ARGUMENTS);
    ck_assert_uint_le(commands.text_used, OI_HIREDIS_TEXT);
    ck_assert_str_eq(remembered(&commands.commands[9]), "SET\nkey:9\nvalue\n");
    const char *argv[500];
    for (int i = 0; i < 500; i++)
        argv[i] = i ? "x" : "MSET";
    clear();
    oi_hiredis_add_argv(&commands, true, 500, argv, NULL);
    ck_assert_uint_eq(commands.commands[0].count, OI_HIREDIS_ARGUMENTS);
    ck_assert_uint_eq(commands.commands[0].total, 500);
    add_format("GET k");
    ck_assert_uint_eq(commands.total, 2);
    ck_assert_uint_eq(commands.remembered, 1);
}
END_TEST

static const struct {
    const char *command;
    enum oi_redis_effect kind;
    int database;
} effects[] = {
    {"SELECT 3", OI_EFFECT_SELECT, 3},   {"select 0", OI_EFFECT_SELECT, 0},
    {"SELECT", OI_EFFECT_SELECT, -1},    {"SELECT x", OI_EFFECT_SELECT, -1},
    {"SELECT -1", OI_EFFECT_SELECT, -1}, {"SELECT 9999999999", OI_EFFECT_SELECT, -1},
    {"RESET", OI_EFFECT_RESET, -1},      {"EXEC", OI_EFFECT_EXEC, -1},
    {"discard", OI_EFFECT_DISCARD, -1},  {"GET SELECT", OI_EFFECT_NONE, -1},
    {"SELECTX 3", OI_EFFECT_NONE, -1},
};

START_TEST(database_effects)
{
    clear();
    add_format("PING");
    const char *argv[4];
    char words[64], *save = NULL;
    int argc = 0;
    strcpy(words, effects[_i].command);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    oi_hiredis_add_argv(&commands, false, argc, argv, NULL);
    ck_assert_uint_eq(commands.effect_count, effects[_i].kind != OI_EFFECT_NONE);
    if (effects[_i].kind == OI_EFFECT_NONE)
        return;
    ck_assert_uint_eq(commands.effects[0].position, 1);
    ck_assert_uint_eq(commands.effects[0].kind, effects[_i].kind);
    ck_assert_int_eq(commands.effects[0].database, effects[_i].database);
}
END_TEST

START_TEST(select_by_format)
{
    clear();
    add_format("SELECT %d", 12);
    add_format("SELECT %s%s", "1", "3");
    ck_assert_int_eq(commands.effects[0].database, 12);
    ck_assert_int_eq(commands.effects[1].database, 13);
    for (int i = 0; i < OI_HIREDIS_EFFECTS; i++)
        add_format("SELECT %d", i);
    ck_assert_uint_eq(commands.effect_count, OI_HIREDIS_EFFECTS);
    ck_assert(commands.effects_lost);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, formats);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, real_numbers_are_values);
    tcase_add_test(tests, random_formats);
    tcase_add_test(tests, argv_and_bytes);
    tcase_add_loop_test(tests, streams_of_bytes, 0, sizeof streams / sizeof *streams);
    tcase_add_test(tests, bounds);
    tcase_add_loop_test(tests, database_effects, 0, sizeof effects / sizeof *effects);
    tcase_add_test(tests, select_by_format);
    tcase_set_timeout(tests, 60);
    return run_suite("hiredis_arguments", tests);
}
