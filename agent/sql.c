#include "agent/sql.h"

#include "agent/sql_summary.h"
#include "agent/sql_token.h"
#include "agent/sql_word.h"

/* Where in `IN (1, 2, 3)` we are. */
enum list { NO_LIST, AFTER_IN, FIRST_ITEM, AFTER_ITEM, NEXT_ITEM };

/* What was known when the first string of uncertain end was met. */
struct mark {
    bool set;
    bool had_operation, had_table, had_schema, multiple;
    uint8_t summary; /* its length */
    size_t query;    /* likewise */
};

struct analysis {
    struct oi_sql *out;
    struct oi_sql_lexer lexer;
    struct oi_sql_summary summary;
    struct mark mark;
    const char
        *copied; /* the text is written up to here; what follows is copied as it is when something must be replaced */
    const char *literal;   /* where a literal of two tokens (DATE '…') began, or NULL */
    uint8_t previous;      /* enum oi_sql_kind of the token before */
    uint8_t previous_word; /* enum oi_sql_word, likewise */
    char previous_char;
    uint8_t list;   /* enum list */
    bool collapsed; /* items of the list have been left out */
};

/* Writes what has been passed over as it is. */
static void flush(struct analysis *a, const char *upto)
{
    oi_buffer_put(&a->out->query, a->copied, (size_t)(upto - a->copied));
    a->copied = upto;
}

/* A list turned out to hold more than literals: `IN (1, 2 + a)`. What was left out of it must not hang in the air. */
static void leave_list(struct analysis *a)
{
    if (a->list == AFTER_ITEM && a->collapsed)
        oi_buffer_put(&a->out->query, ", ?", 3);
    a->list = NO_LIST;
}

/* Remembers what was known before a string that may end elsewhere than it seems to. */
static void mark(struct analysis *a, const struct oi_sql_token *token)
{
    const struct oi_sql *out = a->out;
    if (a->mark.set || !(token->flags & OI_SQL_ESCAPED))
        return;
    a->mark = (struct mark){
        .set = true,
        .had_operation = out->operation.at,
        .had_table = out->table.at,
        .had_schema = out->schema.at,
        .multiple = out->multiple,
        .summary = (uint8_t)out->summary.len,
        .query = out->query.len,
    };
}

static void literal(struct analysis *a, const struct oi_sql_token *token)
{
    const char *from = a->literal ? a->literal : token->at;
    const char *to = token->at + token->len;
    bool continued = token->kind == OI_SQL_STRING && a->previous == OI_SQL_STRING; /* 'a' 'b' is one string */
    a->literal = NULL;
    if (!continued && a->list == NEXT_ITEM) {
        a->collapsed = true;
        a->list = AFTER_ITEM;
        continued = true;
    } else if (!continued && a->list == FIRST_ITEM) {
        a->list = AFTER_ITEM;
    } else if (!continued) {
        leave_list(a);
    }
    if (!continued)
        flush(a, from);
    mark(a, token);
    if (!continued)
        oi_buffer_char(&a->out->query, '?');
    a->copied = to;
}

/* Every token that is neither a literal nor a placeholder. */
static void follow_list(struct analysis *a, const struct oi_sql_token *token, enum oi_sql_word word)
{
    char c = token->kind == OI_SQL_PUNCTUATION ? *token->at : 0;
    if (word == OI_WORD_IN && a->previous_char != '.') {
        leave_list(a);
        a->list = AFTER_IN;
    } else if (a->list == AFTER_IN && c == '(') {
        a->list = FIRST_ITEM;
        a->collapsed = false;
    } else if (a->list == AFTER_ITEM && c == ',') {
        a->list = NEXT_ITEM;
    } else if (a->list == AFTER_ITEM && c == ')') {
        a->list = NO_LIST;
    } else if (a->list != NO_LIST) {
        leave_list(a);
    }
}

/* The reading cannot be trusted from this token on, nor from the first string whose end depends on the server's
 * settings: the rest is one ?. */
static void give_up(struct analysis *a, const struct oi_sql_token *token)
{
    struct oi_sql *out = a->out;
    if (!a->mark.set) {
        leave_list(a);
        flush(a, a->literal ? a->literal : token->at);
    } else {
        out->query.len = a->mark.query;
        out->summary.len = a->mark.summary;
        out->multiple = a->mark.multiple;
        if (!a->mark.had_operation)
            out->operation.at = NULL;
        if (!a->mark.had_table)
            out->table.at = NULL;
        if (!a->mark.had_schema)
            out->schema.at = NULL;
    }
    if (out->query.len == 0 || out->query.at[out->query.len - 1] != '?')
        oi_buffer_char(&out->query, '?');
    a->copied = a->lexer.end;
}

/* After DATE and its like: a string behind white space belongs to it. */
static bool string_follows(const struct oi_sql_lexer *lexer)
{
    const char *at = lexer->at;
    while (at < lexer->end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        at++;
    return at < lexer->end && *at == '\'';
}

/* A + or - before a number is a sign, unless there is something to add to or subtract from. */
static bool is_sign(const struct analysis *a, const struct oi_sql_token *token)
{
    const char *next = token->at + 1;
    if (*token->at != '-' && *token->at != '+')
        return false;
    if (next < a->lexer.end && *next == '.')
        next++;
    if (next == a->lexer.end || *next < '0' || *next > '9')
        return false;
    switch (a->previous) {
    case OI_SQL_PUNCTUATION:
        return a->previous_char != ')' && a->previous_char != '}';
    case OI_SQL_WORD:
        return oi_sql_word_before_value((enum oi_sql_word)a->previous_word);
    case OI_SQL_END: /* nothing before it */
        return true;
    default:
        return false;
    }
}

/* What a comment says is nobody's to know; where code stands in it, it is analysed. */
static void comment(struct analysis *a, const struct oi_sql_token *token)
{
    struct oi_buffer *query = &a->out->query;
    a->out->has_comment = true;
    leave_list(a);
    if (token->kind != OI_SQL_COMMENT)
        return;
    flush(a, token->at);
    if (*token->at == '/')
        oi_buffer_put(query, "/*?*/", 5);
    else if (*token->at == '#')
        oi_buffer_put(query, "#?", 2);
    else
        oi_buffer_put(query, "-- ?", 4);
    a->copied = token->at + token->len;
}

static void significant(struct analysis *a, struct oi_sql_token *token)
{
    enum oi_sql_word word = token->kind == OI_SQL_WORD ? oi_sql_word(token->at, token->len) : OI_WORD_NAME;
    if (token->kind == OI_SQL_PUNCTUATION && is_sign(a, token)) {
        const char *sign = token->at;
        oi_sql_next(&a->lexer, token);
        token->len += 1;
        token->at = sign;
        token->kind = OI_SQL_NUMBER;
    }
    bool name = oi_sql_summary_token(&a->summary, token, word);
    switch (token->kind) {
    case OI_SQL_STRING:
    case OI_SQL_NUMBER:
    case OI_SQL_PLACEHOLDER:
        literal(a, token);
        break;
    case OI_SQL_DIGITS_WORD:
        if (!name)
            literal(a, token);
        break;
    case OI_SQL_WORD:
        if (word == OI_WORD_BOOLEAN && !name && a->previous_char != '.') {
            literal(a, token);
            token->kind = OI_SQL_NUMBER; /* 1 = TRUE -1 */
            break;
        }
        if (word == OI_WORD_DATE && a->previous_char != '.' && string_follows(&a->lexer)) {
            a->literal = token->at;
            break;
        }
        follow_list(a, token, word);
        break;
    default:
        follow_list(a, token, word);
    }
    a->previous = token->kind;
    a->previous_word = (uint8_t)word;
    a->previous_char = token->kind == OI_SQL_PUNCTUATION ? *token->at : 0;
}

void oi_sql_analyze(struct oi_text sql, struct oi_sql *out)
{
    struct analysis a;
    a.out = out;
    a.lexer = oi_sql_lexer(sql);
    a.mark.set = false;
    a.copied = a.lexer.at;
    a.literal = NULL;
    a.previous = OI_SQL_END;
    a.previous_word = OI_WORD_NAME;
    a.previous_char = 0;
    a.list = NO_LIST;
    a.collapsed = false;
    oi_sql_summary_begin(&a.summary, out);
    out->query.len = out->summary.len = 0;
    out->query.truncated = out->summary.truncated = false;
    out->operation = out->table = out->schema = (struct oi_text){NULL, 0};
    out->has_comment = out->multiple = false;
    for (;;) {
        struct oi_sql_token token;
        oi_sql_next(&a.lexer, &token);
        if (token.flags & OI_SQL_DOUBTFUL) {
            give_up(&a, &token);
            break;
        }
        if (token.kind == OI_SQL_END)
            break;
        if (token.kind <= OI_SQL_HINT_CLOSE)
            comment(&a, &token);
        else
            significant(&a, &token);
    }
    flush(&a, a.lexer.end);
}
