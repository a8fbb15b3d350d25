/* What a statement does to which tables, from its tokens: operation, first table, db.query.summary.
 *
 * Semantic conventions: database/database-spans.md#generating-a-summary-of-the-query. A small state for each level of
 * parentheses, no grammar: it knows where a table may be named, not what is correct. Pure.
 */
#ifndef OI_AGENT_SQL_SUMMARY_H
#define OI_AGENT_SQL_SUMMARY_H

#include "agent/sql.h"
#include "agent/sql_token.h"
#include "agent/sql_word.h"

enum { OI_SQL_LEVELS = 24, OI_SQL_SUMMARY_MAX = 255 };

struct oi_sql_summary {
    struct oi_sql *out; /* summary, operation, table, schema, multiple are set there */
    uint32_t depth;     /* of parentheses; deeper than OI_SQL_LEVELS no tables are looked for */
    uint8_t level[OI_SQL_LEVELS];
    uint8_t name_start; /* length of the summary before the last name */
    uint8_t operation;  /* enum oi_sql_word of the statement's operation, for CREATE and DROP */
    uint8_t object;     /* enum oi_sql_word of the object it is about */
    bool first;         /* nothing of the statement seen but opening parentheses */
    bool settled;       /* the text's operation is known, or known to be none */
    bool ended;         /* a statement and a semicolon were seen */
    bool body;          /* inside a CREATE PROCEDURE: its statements are not this text's */
    bool part;          /* the token before was (a part of) a table's name */
    bool dot;           /* the token before was a point */
    bool dot_of_part;   /* … after a part of a table's name */
    bool quiet;         /* this name is not for the summary */
    bool not_table;     /* this name is not a table's */
    bool full;          /* the summary has no room for the next token */
};

void oi_sql_summary_begin(struct oi_sql_summary *summary, struct oi_sql *out);

/* Takes the next token; comments and white space left out. `word` is its group if it is a word. True: the token was
 * taken as a name. */
bool oi_sql_summary_token(struct oi_sql_summary *summary, const struct oi_sql_token *token, enum oi_sql_word word);

#endif
