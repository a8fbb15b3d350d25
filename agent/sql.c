#include "agent/sql.h"

#include "agent/sql_summary.h"
#include "agent/sql_token.h"
#include "agent/sql_word.h"

/* Where in `IN (1, 2, 3)` we are. */
enum list { NO_LIST, AFTER_IN, FIRST_ITEM, AFTER_ITEM, NEXT_ITEM };

struct analysis {
    struct oi_sql *out;
    struct oi_sql_lexer lexer;
    struct oi_sql_summary summary;
    const char
        *copied; /* the text is written up to here; what follows is copied as it is when something must be replaced */
    const char *literal;   /* where a literal of two tokens (DATE '…') began, or NULL */
    uint8_t previous;      /* enum oi_sql_kind of the token before */
    uint8_t previous_word; /* enum oi_sql_word, likewise */
    char previous_char;
    uint8_t list;   /* enum list */
    bool collapsed; /* items of the list have been left out */
    bool settled;   /* other readings have been tried */
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

/* How the rest of the text falls into tokens under a reading, as a number; 0: it makes no sense. */
static __attribute__((noinline)) uint64_t fingerprint(struct oi_sql_lexer lexer, const char *from, uint8_t reading)
{
    struct oi_sql_token token;
    uint64_t print = 1;
    lexer.at = from;
    lexer.reading = reading;
    do {
        oi_sql_next(&lexer, &token);
        if (token.flags & OI_SQL_DOUBTFUL)
            return 0;
        print = (print ^ ((uint64_t)(token.at - from) << 8 | token.kind)) * 0x9e3779b97f4a7c15u;
        print = (print ^ print >> 32) * 0xd6e8feb86659fd93u;
    } while (token.kind != OI_SQL_END);
    return print | 1;
}

/* At a token whose end depends on the server's settings. What we take for code from here on may be a string to the
 * server, unless our reading is possible and no other is. */
static bool ambiguous(const struct oi_sql_lexer *lexer, const struct oi_sql_token *token)
{
    static const uint8_t readings[] = {
        OI_SQL_PLAIN_SINGLE | OI_SQL_PLAIN_DOUBLE,
        OI_SQL_PLAIN_DOUBLE,
        OI_SQL_MULTIBYTE,
        OI_SQL_MULTIBYTE | OI_SQL_PLAIN_DOUBLE,
    };
    uint64_t ours = fingerprint(*lexer, token->at, 0);
    for (size_t i = 0; ours != 0 && i < sizeof readings; i++) {
        uint64_t other = fingerprint(*lexer, token->at, readings[i]);
        if (other != 0 && other != ours)
            return true;
    }
    return ours == 0;
}

/* The text cannot be trusted from this token on: the rest is one ?. */
static void give_up(struct analysis *a, const struct oi_sql_token *token)
{
    leave_list(a);
    flush(a, a->literal ? a->literal : token->at);
    oi_buffer_char(&a->out->query, '?');
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
    a.settled = false;
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
        if (token.flags) {
            bool doubtful = token.flags & OI_SQL_DOUBTFUL;
            if (!doubtful && !a.settled)
                doubtful = ambiguous(&a.lexer, &token);
            a.settled = true;
            if (doubtful) {
                give_up(&a, &token);
                break;
            }
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
