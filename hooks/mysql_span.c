#include "hooks/mysql_span.h"

#include "agent/futex.h"
#include "agent/sql.h"

/* Numbers of the client's own errors (errmsg.h of both libraries, and those of its files, which are below 1000); all
 * others are the server's. */
bool oi_mysql_client_error(unsigned int code)
{
    return code < 1000 || (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);
}

void oi_mysql_failure(struct oi_mysql_failure *failure, unsigned int code, struct oi_text message)
{
    if (code == 0) { /* failed, and the library does not say how: mysql_select_db without a name */
        failure->error = (struct oi_db_error){.code = OI_TEXT("_OTHER"), .message = message};
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
        .message = message,
    };
}

void oi_mysql_keep_text(struct oi_mysql_text *text, struct oi_text value)
{
    size_t length = value.len < sizeof text->at ? value.len : sizeof text->at;
    text->known = length > 0;
    text->len = (uint8_t)length;
    if (text->known)
        memcpy(text->at, value.at, length);
}

void oi_mysql_keep(struct oi_mysql_text *text, const char *value)
{
    oi_mysql_keep_text(text, (struct oi_text){value, value ? strnlen(value, sizeof text->at) : 0});
}

void oi_mysql_named_schema(struct oi_mysql_text *schema, const char *text, size_t length)
{
    while (length > 0 && (*text == ' ' || (*text >= '\t' && *text <= '\r')))
        text++, length--;
    if (length == 0 || !memchr("uU/-#", *text, 5))
        return;
    struct oi_sql sql = {.query = {NULL, 0, 0, false}};
    oi_sql_analyze((struct oi_text){text, length}, &sql);
    if (!oi_text_present(sql.schema) || sql.schema.len == 0 || sql.schema.len > sizeof schema->at)
        return;
    memcpy(schema->at, sql.schema.at, sql.schema.len);
    schema->len = (uint8_t)sql.schema.len;
    schema->known = true;
}

static struct oi_text text_of(const struct oi_mysql_text *text)
{
    return text->known ? (struct oi_text){text->at, text->len} : (struct oi_text){NULL, 0};
}

struct oi_record *oi_mysql_place_record(const struct oi_span *span, const struct oi_scope *scope,
                                        struct oi_mysql_place *place, const struct oi_sql_call *call,
                                        const struct oi_mysql_failure *failure)
{
    static const struct oi_db_connection unknown = {.system = OI_DB_MYSQL, .database_index = -1};
    const struct oi_db_error *error = failure ? &failure->error : NULL;
    if (!place)
        return oi_db_sql_record(span, scope, &unknown, call, error);
    struct oi_db_connection *described = &place->described;
    described->system = place->system;
    described->transport = place->transport;
    described->host = text_of(&place->host);
    described->port = place->port;
    described->user = text_of(&place->user);
    described->name = text_of(&place->schema);
    described->front = &place->front;
    described->database_index = -1;
    return oi_db_sql_record(span, scope, described, call, error);
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
