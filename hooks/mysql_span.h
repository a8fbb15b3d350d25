/* What spans of MySQL's and MariaDB's clients have in common, whoever saw the call: their library's hooks, or the
 * wire's.
 *
 * A span may have to wait: of a statement that returns rows it is known when it is answered, and the rows come later.
 * Async-signal-safe; with the guard held.
 */
#ifndef OI_HOOKS_MYSQL_SPAN_H
#define OI_HOOKS_MYSQL_SPAN_H

#include <stdatomic.h>

#include "agent/db_span.h"

/* A short text of our own. */
struct oi_mysql_text {
    uint8_t len;
    bool known;
    char at[254];
};

/* Where a connection is, as whom and in which schema. */
struct oi_mysql_place {
    enum oi_db_system system;
    enum oi_transport transport;
    uint16_t port;
    struct oi_mysql_text host, user, schema;
    struct oi_db_connection_front front; /* written as spans are */
    struct oi_db_connection described;   /* the same for the agent, made anew for each of them: the stack is small */
};

/* A span that waits for its result. */
struct oi_mysql_pending {
    _Atomic(struct oi_record *) record; /* NULL: none waits */
    uint64_t start_mono_ns;
    int64_t affected; /* sums over the results read so far; -1: none had such a count */
    int64_t returned;
    bool started; /* by a _start function, and not over yet */
};

/* A text cut at the bound; NULL or empty: unknown. */
void oi_mysql_keep(struct oi_mysql_text *text, const char *value);
void oi_mysql_keep_text(struct oi_mysql_text *text, struct oi_text value);

/* Looks whether a statement, if it succeeds, changes the schema of those that follow: `USE x`. Else `schema` stays. */
void oi_mysql_named_schema(struct oi_mysql_text *schema, const char *text, size_t length);

static inline bool oi_mysql_waits(const struct oi_mysql_pending *pending)
{
    return atomic_load_explicit(&pending->record, memory_order_relaxed) != NULL;
}

static inline struct oi_sql_call oi_mysql_text_call(const char *text, size_t length)
{
    return (struct oi_sql_call){.text = {text, length}, .rows_affected = -1, .rows_returned = -1};
}

static inline struct oi_sql_call oi_mysql_named_call(struct oi_text name)
{
    return (struct oi_sql_call){.name = name, .rows_affected = -1, .rows_returned = -1};
}

/* How a call failed, as a number and in words. */
struct oi_mysql_failure {
    struct oi_db_error error;
    char digits[12];
};
void oi_mysql_failure(struct oi_mysql_failure *failure, unsigned int code, struct oi_text message);

/* One of the client's own errors: no server has sent it. */
bool oi_mysql_client_error(unsigned int code);

/* The record of a call at that place. `failure` NULL: it has not failed, or it is not known yet. */
struct oi_record *oi_mysql_place_record(const struct oi_span *span, const struct oi_scope *scope,
                                        struct oi_mysql_place *place, const struct oi_sql_call *call,
                                        const struct oi_mysql_failure *failure);

/* Empties `pending` for a call that has just begun. */
void oi_mysql_pending_start(struct oi_mysql_pending *pending, const struct oi_span *span);

/* The waiting record, now the caller's; NULL: none. */
struct oi_record *oi_mysql_take(struct oi_mysql_pending *pending);

/* Lets it wait (`more`), or completes and submits it. */
void oi_mysql_put(struct oi_mysql_pending *pending, struct oi_record *record, bool more);

/* Completes and submits what waits, if anything. */
void oi_mysql_settle(struct oi_mysql_pending *pending);

/* What became known of a taken record: it lasted until now; rows were counted (the library's -1: not known). */
void oi_mysql_lasted(const struct oi_mysql_pending *pending, struct oi_record *record);
static inline void oi_mysql_count(int64_t *sum, unsigned long long rows)
{
    if (rows != (unsigned long long)-1)
        *sum = (*sum < 0 ? 0 : *sum) + (int64_t)rows;
}

#endif
