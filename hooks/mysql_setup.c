#include "hooks/mysql_setup.h"

#include <string.h>
#include <strings.h>

#include "agent/sql_token.h"

static bool is_word(const struct oi_sql_token *token, const char *word)
{
    return token->kind == OI_SQL_WORD && token->len == strlen(word) && strncasecmp(token->at, word, token->len) == 0;
}

static bool is_sign(const struct oi_sql_token *token, char sign)
{
    return token->kind == OI_SQL_PUNCTUATION && token->at[0] == sign;
}

/* The next token that is no comment; false: it cannot be read for certain. */
static bool next(struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    do
        oi_sql_next(lexer, token);
    while (token->kind == OI_SQL_COMMENT);
    return !(token->flags & OI_SQL_DOUBTFUL) && token->kind != OI_SQL_HINT_OPEN;
}

static bool begins(const struct oi_sql_token *token, const char *start)
{
    return token->len >= strlen(start) && strncasecmp(token->at, start, strlen(start)) == 0;
}

/* What is set is no affair of this session's alone, or the program's own variable. */
static bool is_wider(const struct oi_sql_token *target)
{
    static const char *const words[] = {"GLOBAL", "PERSIST", "PERSIST_ONLY", "PASSWORD", "STATEMENT", "DEFAULT"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(target, words[i]))
            return true;
    if (target->kind != OI_SQL_VARIABLE)
        return is_sign(target, '@');
    return !begins(target, "@@") || begins(target, "@@global") || begins(target, "@@persist");
}

/* Behind SET, up to the statement's end. */
static bool sets(struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    bool target = true;
    int depth = 0;
    while (next(lexer, token) && token->kind != OI_SQL_END && !is_sign(token, ';')) {
        if ((target && is_wider(token)) || is_word(token, "FROM") || is_word(token, "INTO"))
            return false;
        depth += is_sign(token, '(') - is_sign(token, ')');
        target = depth == 0 && is_sign(token, ',');
    }
    return token->kind == OI_SQL_END || is_sign(token, ';');
}

/* Behind SELECT: variables of the server, with other names perhaps. */
static bool asks(struct oi_sql_lexer *lexer, struct oi_sql_token *token)
{
    bool first = true;
    while (next(lexer, token) && token->kind != OI_SQL_END && !is_sign(token, ';')) {
        if (first && !begins(token, "@@"))
            return false;
        first = false;
        if (is_word(token, "FROM") || is_word(token, "INTO") || is_sign(token, '('))
            return false;
    }
    return !first && (token->kind == OI_SQL_END || is_sign(token, ';'));
}

bool oi_mysql_sets_up(struct oi_text sql)
{
    struct oi_sql_lexer lexer = oi_sql_lexer(sql);
    struct oi_sql_token token;
    bool any = false;
    while (next(&lexer, &token)) {
        if (token.kind == OI_SQL_END)
            return any;
        any = is_word(&token, "SET") ? sets(&lexer, &token) : is_word(&token, "SELECT") && asks(&lexer, &token);
        if (!any || token.kind == OI_SQL_END)
            return any;
    }
    return false;
}
