#include "agent/futex.h"
#include "hooks/libmariadb.h"

static const struct oi_scope scope = {"otel-instrument.libmariadb", OI_AREA_DATABASE};

/* Numbers of the client's own errors (errmsg.h of both libraries, and those of its files, which are below 1000); all
 * others are the server's. */
bool oi_mysql_client_error(unsigned int code)
{
    return code < 1000 || (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);
}

void oi_mysql_failure(struct oi_mysql_failure *failure, unsigned int code, const char *message)
{
    if (code == 0) { /* failed, and the library does not say how: mysql_select_db without a name */
        failure->error = (struct oi_db_error){.code = OI_TEXT("_OTHER"), .message = oi_text_from(message)};
        return;
    }
    size_t at = sizeof failure->digits;
    unsigned int rest = code;
    do {
        failure->digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    failure->error = (struct oi_db_error){
        .code = {failure->digits + at, sizeof failure->digits - at},
        .from_server = !oi_mysql_client_error(code),
        .message = oi_text_from(message),
    };
}

static struct oi_text text_of(const struct oi_mysql_text *text)
{
    return text->known ? (struct oi_text){text->at, text->len} : (struct oi_text){NULL, 0};
}

struct oi_record *oi_mysql_record(const struct oi_span *span, struct oi_mysql_connection *connection,
                                  const struct oi_sql_call *call, const struct oi_mysql_failure *failure)
{
    struct oi_db_connection described = {.system = OI_DB_MYSQL, .database_index = -1};
    if (connection) {
        described.system = connection->system;
        described.transport = connection->transport;
        described.host = text_of(&connection->host);
        described.port = connection->port;
        described.user = text_of(&connection->user);
        described.name = text_of(&connection->schema);
        described.front = &connection->front;
    }
    return oi_db_sql_record(span, &scope, &described, call, failure ? &failure->error : NULL);
}

void oi_mysql_pending_start(struct oi_mysql_pending *pending, const struct oi_span *span)
{
    pending->start_mono_ns = span->start_mono_ns;
    pending->affected = -1;
    pending->returned = -1;
    pending->started = false;
}

struct oi_record *oi_mysql_take(struct oi_mysql_pending *pending)
{
    /* The end of the program takes too, from another thread. */
    return oi_mysql_waits(pending) ? atomic_exchange(&pending->record, NULL) : NULL;
}

void oi_mysql_put(struct oi_mysql_pending *pending, struct oi_record *record, bool more)
{
    if (more) {
        atomic_store_explicit(&pending->record, record, memory_order_release);
        return;
    }
    oi_db_sql_rows(record, pending->affected, pending->returned);
    oi_record_submit(record);
}

void oi_mysql_settle(struct oi_mysql_pending *pending)
{
    struct oi_record *record = oi_mysql_take(pending);
    if (record && pending->started) /* given up before it was over */
        oi_mysql_lasted(pending, record);
    pending->started = false;
    if (record)
        oi_mysql_put(pending, record, false);
}

void oi_mysql_lasted(const struct oi_mysql_pending *pending, struct oi_record *record)
{
    record->end_unix_ns = record->start_unix_ns + (oi_mono_ns() - pending->start_mono_ns);
}
