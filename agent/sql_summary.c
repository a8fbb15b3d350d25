#include "agent/sql_summary.h"

/* What may come next at a level of parentheses. */
enum state {
    NOTHING,
    START,   /* an operation: after WITH, EXPLAIN */
    NAMES,   /* a table of a list */
    LISTED,  /* behind one: a comma or JOIN announces another */
    ONE,     /* one name */
    OBJECT,  /* what kind of object is created or dropped */
    SCHEMA,  /* the schema of USE */
    LOADING, /* the INTO of LOAD DATA */
    INDEXED, /* the ON of CREATE INDEX */
    STATE_MASK = 15,
    QUERY = 16, /* SELECT or DELETE stood at this level: FROM is not EXTRACT's or TRIM's */
};

static uint8_t *level(struct oi_sql_summary *summary)
{
    static uint8_t too_deep; /* NOTHING, never written */
    return summary->depth < OI_SQL_LEVELS ? &summary->level[summary->depth] : &too_deep;
}

static enum state state(struct oi_sql_summary *summary)
{
    return (enum state)(*level(summary) & STATE_MASK);
}

static void set_state(struct oi_sql_summary *summary, enum state next)
{
    if (summary->depth < OI_SQL_LEVELS)
        *level(summary) = (uint8_t)((*level(summary) & QUERY) | next);
}

/* Adds a token to the summary; `joint` is put before it. A token that does not fit whole ends the summary. */
static void add(struct oi_sql_summary *summary, struct oi_text text, char joint)
{
    struct oi_buffer *out = &summary->out->summary;
    size_t limit = out->size < OI_SQL_SUMMARY_MAX ? out->size : OI_SQL_SUMMARY_MAX;
    size_t need = text.len + (out->len > 0);
    if (out->size == 0 || summary->full)
        return;
    if (need > limit - out->len) {
        summary->full = out->truncated = true;
        if (joint == '.') /* a qualified name goes as a whole */
            out->len = summary->name_start;
        return;
    }
    if (joint != '.')
        summary->name_start = (uint8_t)out->len;
    if (out->len > 0)
        oi_buffer_char(out, joint);
    oi_buffer_put(out, text.at, text.len);
}

static struct oi_text unquoted(const struct oi_sql_token *token)
{
    size_t quote = token->kind == OI_SQL_QUOTED;
    return oi_text_of(token->at + quote, token->len - 2 * quote);
}

/* A name, or the next part of a qualified one. */
static void name(struct oi_sql_summary *summary, const struct oi_sql_token *token, bool first_part)
{
    struct oi_sql *out = summary->out;
    if (!summary->quiet)
        add(summary, oi_text_of(token->at, token->len), first_part ? ' ' : '.');
    if (first_part && out->table.at)
        summary->not_table = true;
    if (!summary->not_table)
        out->table = unquoted(token);
    summary->part = true;
}

static void expect_name(struct oi_sql_summary *summary, enum state next, bool is_table)
{
    set_state(summary, next);
    summary->not_table = !is_table;
    summary->quiet = false;
}

/* At a name where one was expected. */
static bool take_name(struct oi_sql_summary *summary, const struct oi_sql_token *token)
{
    switch (state(summary)) {
    case NAMES:
        summary->not_table = false; /* it was about one name; the next of the list starts anew */
        name(summary, token, true);
        set_state(summary, LISTED);
        return true;
    case ONE:
        name(summary, token, true);
        set_state(summary, summary->object == OI_WORD_INDEX && !summary->quiet ? INDEXED : NOTHING);
        summary->body = summary->object == OI_WORD_ROUTINE && summary->operation == OI_WORD_CREATE;
        return true;
    case SCHEMA:
        summary->out->schema = unquoted(token);
        set_state(summary, NOTHING);
        return true;
    default:
        return false;
    }
}

static void add_word(struct oi_sql_summary *summary, const struct oi_sql_token *token)
{
    add(summary, oi_text_of(token->at, token->len), ' ');
}

static void select_query(struct oi_sql_summary *summary, const struct oi_sql_token *token)
{
    add_word(summary, token);
    set_state(summary, NOTHING);
    if (summary->depth < OI_SQL_LEVELS)
        *level(summary) |= QUERY;
}

/* At the word that starts a statement, or one after WITH or EXPLAIN. False: it starts none that is known. */
static bool start(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word)
{
    if (word != OI_WORD_WITH)
        summary->operation = (uint8_t)word;
    switch (word) {
    case OI_WORD_WITH:
        set_state(summary, START);
        return true;
    case OI_WORD_SELECT:
    case OI_WORD_DELETE:
        select_query(summary, token);
        return true;
    case OI_WORD_EXPLAIN:
        set_state(summary, START);
        break;
    case OI_WORD_INSERT:
    case OI_WORD_TABLE:
        expect_name(summary, ONE, true);
        break;
    case OI_WORD_CALL:
        expect_name(summary, ONE, false);
        break;
    case OI_WORD_UPDATE:
        expect_name(summary, NAMES, true);
        break;
    case OI_WORD_USE:
        set_state(summary, SCHEMA);
        break;
    case OI_WORD_LOAD:
        set_state(summary, LOADING);
        break;
    case OI_WORD_CREATE:
    case OI_WORD_DROP:
    case OI_WORD_TRUNCATE:
        set_state(summary, OBJECT);
        break;
    default:
        return false;
    }
    add_word(summary, token);
    return true;
}

/* After CREATE, ALTER, DROP and their like: the kind of object, then its name. */
static void object(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word)
{
    enum state names = summary->operation == OI_WORD_CREATE ? ONE : NAMES;
    switch (word) {
    case OI_WORD_TABLE:
    case OI_WORD_VIEW:
        expect_name(summary, names, true);
        break;
    case OI_WORD_INDEX:
    case OI_WORD_ROUTINE:
    case OI_WORD_SPACE:
        expect_name(summary, ONE, false);
        break;
    case OI_WORD_ACCOUNT:
        set_state(summary, NOTHING);
        break;
    case OI_WORD_NAME:
        if (summary->operation == OI_WORD_TRUNCATE) {
            expect_name(summary, ONE, true);
            take_name(summary, token);
        }
        return;
    default:
        return;
    }
    summary->object = (uint8_t)word;
    add_word(summary, token);
}

/* A keyword inside a statement. */
static void keyword(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word)
{
    enum state now = state(summary);
    switch (word) {
    case OI_WORD_SELECT:
        select_query(summary, token);
        break;
    case OI_WORD_FROM:
        if (*level(summary) & QUERY)
            expect_name(summary, NAMES, true);
        break;
    case OI_WORD_JOIN:
        if (now == LISTED)
            expect_name(summary, NAMES, true);
        break;
    case OI_WORD_INTO:
        if (now == LOADING)
            expect_name(summary, ONE, true);
        else if (now == LISTED)
            set_state(summary, NOTHING);
        break;
    case OI_WORD_CLAUSE:
        if (now == NAMES || now == LISTED || now == ONE)
            set_state(summary, NOTHING);
        break;
    case OI_WORD_ON:
        if (now == INDEXED) {
            expect_name(summary, ONE, true);
            summary->quiet = true;
        }
        break;
    case OI_WORD_DATA:
        if (now == LOADING)
            add_word(summary, token);
        break;
    default:
        break;
    }
}

static bool is_operation_text(const struct oi_sql_token *token)
{
    for (size_t i = 0; i < token->len; i++) {
        unsigned letter = ((unsigned char)token->at[i] | 0x20u) - 'a';
        if (letter >= 26 && token->at[i] != '_')
            return false;
    }
    return true;
}

/* The first word of a statement. */
static void first_word(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word)
{
    bool sound = is_operation_text(token);
    summary->first = false;
    if (!summary->settled && sound)
        summary->out->operation = oi_text_of(token->at, token->len);
    summary->settled = true;
    if (!start(summary, token, word) && sound)
        add_word(summary, token);
}

static bool word_token(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word)
{
    if (summary->first) {
        first_word(summary, token, word);
        return false;
    }
    enum state now = state(summary);
    if (now == OBJECT && word != OI_WORD_SELECT) {
        object(summary, token, word);
        return summary->part;
    }
    if (now >= NAMES && !oi_sql_word_reserved(word) && take_name(summary, token))
        return true;
    if (now != START || !start(summary, token, word))
        keyword(summary, token, word);
    return false;
}

static void punctuation(struct oi_sql_summary *summary, char c)
{
    enum state now = state(summary);
    switch (c) {
    case '(':
        if (now == NAMES)
            set_state(summary, LISTED);
        summary->depth++;
        if (summary->depth < OI_SQL_LEVELS)
            *level(summary) = now == NAMES ? NAMES : NOTHING;
        break;
    case ')':
        if (summary->depth > 0)
            summary->depth--;
        break;
    case ',':
        if (now == LISTED)
            set_state(summary, NAMES);
        break;
    case ';':
        summary->ended = true;
        summary->first = true;
        summary->depth = 0;
        summary->level[0] = NOTHING;
        summary->object = OI_WORD_NAME;
        break;
    default:
        break;
    }
}

void oi_sql_summary_begin(struct oi_sql_summary *summary, struct oi_sql *out)
{
    /* The levels are set when they are entered. */
    summary->out = out;
    summary->depth = 0;
    summary->level[0] = NOTHING;
    summary->operation = summary->object = OI_WORD_NAME;
    summary->first = true;
    summary->settled = summary->ended = summary->body = summary->part = false;
    summary->dot = summary->dot_of_part = summary->quiet = summary->not_table = summary->full = false;
}

bool oi_sql_summary_token(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word)
{
    bool after_part = summary->part, after_dot = summary->dot, after_dot_of_part = summary->dot_of_part;
    bool a_name = token->kind == OI_SQL_WORD || token->kind == OI_SQL_QUOTED || token->kind == OI_SQL_DIGITS_WORD;
    bool taken = false;
    summary->part = summary->dot = summary->dot_of_part = false;
    /* The routine's own name may have another part. */
    if (summary->body && !after_part && !after_dot_of_part)
        return false;
    if (summary->ended && !(token->kind == OI_SQL_PUNCTUATION && *token->at == ';')) {
        summary->ended = false;
        summary->out->multiple = summary->settled;
    }
    if (token->kind == OI_SQL_PUNCTUATION && *token->at == '.') {
        summary->dot = true;
        summary->dot_of_part = after_part;
    } else if (after_dot_of_part && a_name) {
        name(summary, token, false);
        taken = true;
    } else if (summary->body) {
        return false;
    } else if (token->kind == OI_SQL_WORD) {
        taken = !after_dot && word_token(summary, token, word);
    } else if (a_name && !summary->first) {
        if (state(summary) == OBJECT && summary->operation == OI_WORD_TRUNCATE)
            expect_name(summary, ONE, true);
        taken = take_name(summary, token);
    } else if (token->kind == OI_SQL_PUNCTUATION) {
        punctuation(summary, *token->at);
    }
    if (summary->first && token->kind != OI_SQL_PUNCTUATION) {
        summary->first = false;
        summary->settled = true;
    }
    return taken;
}
