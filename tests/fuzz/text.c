/* Fuzz target for everything that reads foreign text: SQL, URLs, Redis commands, server messages.
 *
 * The first byte chooses. Raw inputs look for reads and writes out of bounds; composed ones are statements put together
 * from pieces in which s3cret stands in literals only, once as MySQL reads by default and once under
 * NO_BACKSLASH_ESCAPES: it must never be seen. Build and run: make fuzz, then tests/fuzz/text -max_total_time=60
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/redact.h"
#include "agent/sql.h"

#define SECRET "s3cret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pieces that are code in either reading; a space goes between pieces. */
static const char *const code[] = {
    "SELECT",   "FROM t", "WHERE a =",   ",",      "(",  ")",        "IN (",     "/* it's */",
    "/* \" */", "-- x\n", "# y\n",       "1",      "-5", "DATE",     "`n m`",    "@v",
    "=",        "JOIN u", "INSERT INTO", "VALUES", ";",  "/*! x */", "/*+ y */", "/**/",
};

static const char *const by_default[] = {
    "'" SECRET "'",    "\"" SECRET "\"",      "'a''" SECRET "'", "'a\\'" SECRET "'",
    "'\\\\'",          "\"a\\\"" SECRET "\"", "N'" SECRET "'",   "'" SECRET "\\\\'",
    "X'" SECRET "'",   "_utf8'" SECRET "'",   "'\"" SECRET "'",  "'-- " SECRET "'",
    "'/* " SECRET "'", "'" SECRET "\\\n'",    "'`" SECRET "'",   "\"'" SECRET "\"",
};

static const char *const without_escapes[] = {
    "'" SECRET "'",     "\"" SECRET "\"",    "'a''" SECRET "'",  "'" SECRET "\\'",  "'\\'",
    "\"" SECRET "\\\"", "'\\" SECRET "'",    "'" SECRET "\\\\'", "'\\\\\\'",        "'\"" SECRET "'",
    "'-- " SECRET "'",  "'" SECRET "\\''x'", "'\\''" SECRET "'", "\"'" SECRET "\"", "'a\\" SECRET "\\'",
};

static void must_not_show(struct oi_text text, const char *sql, size_t length)
{
    if (text.len >= sizeof SECRET - 1 && memmem(text.at, text.len, SECRET, sizeof SECRET - 1)) {
        fprintf(stderr, "%.*s\nshows %.*s\n", (int)length, sql, (int)text.len, text.at);
        abort();
    }
}

static void analyze(const char *sql, size_t length, bool secret)
{
    char *query = malloc(length + 16), summary[255];
    char *copy = malloc(length + 1);
    memcpy(copy, sql, length);
    struct oi_sql out = {.query = {.at = query, .size = length + 16},
                         .summary = {.at = summary, .size = sizeof summary}};
    /* The sanitizer sees a read past the end of an allocation: give it one that ends with the text. */
    copy = realloc(copy, length ? length : 1);
    oi_sql_analyze(oi_text_of(copy, length), &out);
    if (out.query.len > out.query.size || out.summary.len > 255)
        abort();
    if (secret) {
        must_not_show(oi_text_of(query, out.query.len), sql, length);
        must_not_show(oi_text_of(summary, out.summary.len), sql, length);
        must_not_show(out.table, sql, length);
        must_not_show(out.operation, sql, length);
        must_not_show(out.schema, sql, length);
    }
    free(copy);
    free(query);
}

static void compose(const uint8_t *data, size_t size, const char *const *literals, size_t count)
{
    char sql[8192];
    size_t length = 0, codes = sizeof code / sizeof *code;
    for (size_t i = 0; i < size && length < sizeof sql - 64; i++) {
        const char *piece = data[i] < 128 ? code[data[i] % codes] : literals[data[i] % count];
        length += (size_t)snprintf(sql + length, sizeof sql - length, "%s ", piece);
    }
    analyze(sql, length, true);
}

static void redact(char what, const char *at, size_t length)
{
    char *space = malloc(4 * length + 64);
    struct oi_buffer out = {.at = space, .size = 4 * length + 64};
    struct oi_text args[16], text = oi_text_of(at, length);
    size_t count = 0;
    switch (what) {
    case 3:
        oi_redact_url(text, "mine, other", &out);
        break;
    case 4:
        oi_redact_message(text, &out);
        break;
    default:
        for (size_t from = 0; count < 16 && from <= length; count++) {
            const char *end = from < length ? memchr(at + from, ' ', length - from) : NULL;
            size_t len = end ? (size_t)(end - at) - from : length - from;
            args[count] = oi_text_of(at + from, len);
            from += len + 1;
        }
        oi_redact_redis((struct oi_redis_args){.at = args, .count = count}, true, &out);
    }
    if (out.len > out.size)
        abort();
    free(space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char what = (char)(data[0] % 6);
    const char *at = (const char *)data + 1;
    if (what == 0)
        analyze(at, size - 1, false);
    else if (what == 1)
        compose(data + 1, size - 1, by_default, sizeof by_default / sizeof *by_default);
    else if (what == 2)
        compose(data + 1, size - 1, without_escapes, sizeof without_escapes / sizeof *without_escapes);
    else
        redact(what, at, size - 1);
    return 0;
}
