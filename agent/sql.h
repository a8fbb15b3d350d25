/* SQL text analysis for MySQL and MariaDB: sanitized text, operation, table, summary.
 *
 * Semantic conventions: database/database-spans.md#sanitization-of-dbquerytext and
 * #generating-a-summary-of-the-query. One pass of a tokenizer over the text, time bounded by its length, never reads
 * past it, no allocation, no recursion. Pure; async-signal-safe. At most 512 bytes of stack.
 */
#ifndef OI_AGENT_SQL_H
#define OI_AGENT_SQL_H

#include "agent/text.h"

struct oi_sql {
    struct oi_buffer query;   /* out: every literal replaced by ?, IN lists collapsed to (?), white space as it was */
    struct oi_buffer summary; /* out: `SELECT users orders`, at most 255 bytes, no token cut */
    struct oi_text operation; /* first keyword, in the text's own case, pointing into the input: `SELECT`, `insert` */
    struct oi_text table;     /* the first table named, without quotes, pointing into the input; absent: none found */
    struct oi_text schema;    /* for USE x: x; else absent */
    bool has_comment;         /* the text holds a comment outside literals */
    bool multiple;            /* more than one statement */
};

/* Analyses `sql`. The caller sets query.at/size and summary.at/size (size 0: not wanted). */
void oi_sql_analyze(struct oi_text sql, struct oi_sql *out);

#endif
