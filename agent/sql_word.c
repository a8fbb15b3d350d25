#include "agent/sql_word.h"

#include <stdint.h>

struct row {
    char word[14];
    uint8_t length;
    uint8_t group;
};

enum { ROWS = 13 };
#define W(word, group)                                                                                                 \
    {                                                                                                                  \
        word, sizeof word - 1, OI_WORD_##group                                                                         \
    }

/* By first letter; a row of length 0 ends a letter. */
static const struct row words[26][ROWS] = {
    ['a' - 'a'] = {W("and", OPERATOR), W("as", OPERATOR), W("all", OPERATOR), W("alter", CREATE), W("analyze", DROP)},
    ['b' - 'a'] = {W("by", OPERATOR), W("between", OPERATOR)},
    ['c' - 'a'] = {W("case", OPERATOR), W("call", CALL), W("create", CREATE), W("cross", OPERATOR), W("check", DROP),
                   W("checksum", DROP), W("concurrent", SKIP)},
    ['d' - 'a'] = {W("date", DATE), W("delete", DELETE), W("desc", EXPLAIN), W("drop", DROP), W("distinct", OPERATOR),
                   W("default", OPERATOR), W("div", OPERATOR), W("delayed", SKIP), W("database", SPACE),
                   W("describe", EXPLAIN), W("data", DATA)},
    ['e' - 'a'] = {W("else", OPERATOR), W("exists", SKIP), W("explain", EXPLAIN), W("except", CLAUSE),
                   W("event", ROUTINE)},
    ['f' - 'a'] = {W("from", FROM), W("for", CLAUSE), W("false", BOOLEAN), W("fetch", CLAUSE), W("function", ROUTINE)},
    ['g' - 'a'] = {W("group", CLAUSE)},
    ['h' - 'a'] = {W("having", CLAUSE), W("high_priority", SKIP)},
    ['i' - 'a'] = {W("in", IN), W("is", OPERATOR), W("into", INTO), W("insert", INSERT), W("inner", OPERATOR),
                   W("if", SKIP), W("ignore", SKIP), W("interval", OPERATOR), W("index", INDEX),
                   W("intersect", CLAUSE)},
    ['j' - 'a'] = {W("join", JOIN)},
    ['k' - 'a'] = {W("key", OPERATOR)},
    ['l' - 'a'] = {W("left", OPERATOR), W("like", OPERATOR), W("limit", CLAUSE), W("low_priority", SKIP),
                   W("load", LOAD), W("lateral", SKIP), W("lock", CLAUSE)},
    ['m' - 'a'] = {W("mod", OPERATOR)},
    ['n' - 'a'] = {W("not", SKIP), W("natural", OPERATOR)},
    ['o' - 'a'] = {W("or", OPERATOR), W("on", ON), W("order", CLAUSE), W("outer", OPERATOR), W("optimize", DROP)},
    ['p' - 'a'] = {W("partition", OPERATOR), W("procedure", ROUTINE)},
    ['r' - 'a'] = {W("right", OPERATOR), W("replace", INSERT), W("rename", DROP), W("regexp", OPERATOR),
                   W("rlike", OPERATOR), W("return", OPERATOR), W("repair", DROP), W("role", ACCOUNT)},
    ['s' - 'a'] = {W("select", SELECT), W("set", CLAUSE), W("straight_join", JOIN), W("schema", SPACE),
                   W("sequence", VIEW), W("server", SPACE)},
    ['t' - 'a'] = {W("then", OPERATOR), W("true", BOOLEAN), W("table", TABLE), W("time", DATE), W("timestamp", DATE),
                   W("trigger", ROUTINE), W("truncate", TRUNCATE), W("tablespace", SPACE)},
    ['u' - 'a'] = {W("update", UPDATE), W("union", CLAUSE), W("use", USE), W("using", OPERATOR), W("user", ACCOUNT)},
    ['v' - 'a'] = {W("values", CLAUSE), W("view", VIEW)},
    ['w' - 'a'] = {W("where", CLAUSE), W("when", OPERATOR), W("with", WITH), W("window", CLAUSE)},
    ['x' - 'a'] = {W("xor", OPERATOR), W("xml", DATA)},
};

enum oi_sql_word oi_sql_word(const char *at, size_t len)
{
    unsigned letter = ((unsigned char)at[0] | 0x20u) - 'a';
    if (letter >= 26 || len < 2 || len > 13)
        return OI_WORD_NAME;
    for (const struct row *row = words[letter]; row->length; row++) {
        if (row->length != len)
            continue;
        /* Names hold no byte that bit 0x20 would turn into a letter but letters themselves. */
        size_t i = 1;
        while (i < len && (at[i] == row->word[i] || (at[i] | 0x20) == row->word[i]))
            i++;
        if (i == len)
            return (enum oi_sql_word)row->group;
    }
    return OI_WORD_NAME;
}
