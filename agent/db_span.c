#include "agent/db_span.h"

#include "agent/db_span_common.h"
#include "agent/sql.h"

/* Room beyond the statement's own length: a ? may stand for a literal shorter than it, an empty comment becomes longer.
 */
enum { QUERY_SLACK = 16 };

/* The statement's text, in the record. Fills in what else the analysis tells; the text is absent if it is not wanted.
 */
static struct oi_text query_text(struct oi_record *record, const struct oi_sql_call *call, struct oi_sql *sql)
{
    enum oi_statement_mode mode = (enum oi_statement_mode)oi_agent.config.db_statement;
    sql->query = (struct oi_buffer){0};
    if (mode == OI_STATEMENT_SANITIZED)
        sql->query = oi_record_text_begin(record, call->text.len + QUERY_SLACK);
    oi_sql_analyze(call->text, sql);
    if (mode == OI_STATEMENT_OFF)
        return (struct oi_text){NULL, 0};
    if (mode == OI_STATEMENT_SANITIZED)
        return oi_record_text_end(record, &sql->query);
    struct oi_buffer raw = oi_record_text_begin(record, call->text.len);
    oi_buffer_put(&raw, call->text.at, call->text.len);
    return oi_record_text_end(record, &raw);
}

/* Text of the span's own that serves as name and attribute both. */
static struct oi_text keep_summary(struct oi_record *record, const struct oi_sql_call *call, struct oi_text summary)
{
    bool batch = call->batch_size > 1;
    if (summary.len == 0)
        return (struct oi_text){NULL, 0};
    struct oi_buffer out = oi_record_text_begin(record, summary.len + 6);
    oi_buffer_put(&out, "BATCH ", batch ? 6 : 0);
    oi_buffer_put(&out, summary.at, summary.len);
    return oi_record_text_end(record, &out);
}

static struct oi_text first_present(struct oi_text a, struct oi_text b, struct oi_text c)
{
    if (oi_text_present(a) && a.len > 0)
        return a;
    return oi_text_present(b) && b.len > 0 ? b : c;
}

static void put_statement(struct oi_record *record, const struct oi_db_connection *connection,
                          const struct oi_sql_call *call)
{
    char summary_bytes[255];
    bool wants_summary = oi_db_new();
    struct oi_sql sql = {.summary = {.at = summary_bytes, .size = wants_summary ? sizeof summary_bytes : 0}};
    struct oi_text query = query_text(record, call, &sql);
    if (oi_db_old()) {
        oi_record_str_owned(record, "db.statement", query);
        oi_record_str(record, "db.operation", sql.operation);
        oi_record_str(record, "db.sql.table", sql.table);
    }
    if (!wants_summary) {
        oi_record_name(record, first_present(sql.operation, connection->name, OI_TEXT("mysql")));
        return;
    }
    struct oi_text summary = keep_summary(record, call, oi_buffer_text(&sql.summary));
    oi_record_str_owned(record, "db.query.text", query);
    oi_record_str_owned(record, "db.query.summary", summary);
    if (oi_text_present(summary))
        oi_record_name_owned(record, summary);
    else
        oi_record_name(record,
                       first_present(connection->name, connection->host, oi_db_system_name(connection->system)));
}

/* A call of the library that has no text: its name is no guess from one. */
static void put_operation(struct oi_record *record, const struct oi_sql_call *call)
{
    oi_record_name(record, call->name);
    if (oi_db_old())
        oi_record_str(record, "db.operation", call->name);
    if (oi_db_new())
        oi_record_str(record, "db.operation.name", call->name);
}

void oi_db_sql_rows(struct oi_record *record, int64_t rows_affected, int64_t rows_returned)
{
    if (!record)
        return;
    /* As mysql_affected_rows, which counts the rows of a result too. */
    int64_t rows = rows_affected >= 0 ? rows_affected : rows_returned;
    if (oi_db_old() && rows >= 0)
        oi_record_int(record, "db.rows_affected", rows);
    if (oi_db_new() && rows_returned >= 0)
        oi_record_int(record, "db.response.returned_rows", rows_returned);
}

void oi_db_sql_error(struct oi_record *record, const struct oi_db_error *error)
{
    oi_db_put_error(record, error);
}

struct oi_record *oi_db_sql_record(const struct oi_span *span, const struct oi_scope *scope,
                                   const struct oi_db_connection *connection, const struct oi_sql_call *call,
                                   const struct oi_db_error *error)
{
    struct oi_record *record = oi_span_end(span, scope, OI_KIND_CLIENT);
    if (!record)
        return NULL;
    oi_db_put_connection(record, connection);
    if (oi_text_present(call->text))
        put_statement(record, connection, call);
    else
        put_operation(record, call);
    if (call->batch_size > 1 && oi_db_new())
        oi_record_int(record, "db.operation.batch.size", call->batch_size);
    oi_db_sql_rows(record, call->rows_affected, call->rows_returned);
    oi_db_put_error(record, error);
    return record;
}

void oi_db_sql_submit(const struct oi_span *span, const struct oi_scope *scope,
                      const struct oi_db_connection *connection, const struct oi_sql_call *call,
                      const struct oi_db_error *error)
{
    oi_record_submit(oi_db_sql_record(span, scope, connection, call, error));
}
