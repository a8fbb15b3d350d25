/* Prepared statements. */
#include "agent/pool.h"
#include "hooks/mysql_session.h"

enum { STATEMENTS = 4096 };

static struct oi_pool known = {
    .slot_size = (sizeof(struct oi_mysql_known) + 63) / 64 * 64, .count = STATEMENTS, .modest = true};

struct oi_mysql_known *oi_mysql_known_take(void)
{
    struct oi_mysql_known *statement = oi_pool_take(&known);
    if (!statement)
        return NULL;
    memset(statement, 0, offsetof(struct oi_mysql_known, text));
    return statement;
}

void oi_mysql_known_give(struct oi_mysql_known *statement, bool deliver)
{
    if (deliver)
        oi_mysql_settle(&statement->pending);
    else
        oi_record_free(oi_mysql_take(&statement->pending));
    oi_pool_give(&known, statement);
}

static struct oi_mysql_known **statement_place(struct oi_mysql_session *session, uint32_t number)
{
    struct oi_mysql_known **place = &session->statements[number % OI_MYSQL_BUCKETS];
    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

struct oi_mysql_known *oi_mysql_known_of(struct oi_mysql_session *session, uint32_t number)
{
    return number == OI_MYSQL_LAST_STATEMENT ? session->last_prepared : *statement_place(session, number);
}

void oi_mysql_known_add(struct oi_mysql_session *session, struct oi_mysql_known *statement)
{
    struct oi_mysql_known **place = statement_place(session, statement->number), *before = *place;
    if (before) {
        *place = before->next;
        oi_mysql_known_give(before, true);
    }
    statement->next = session->statements[statement->number % OI_MYSQL_BUCKETS];
    session->statements[statement->number % OI_MYSQL_BUCKETS] = statement;
}

void oi_mysql_known_close(struct oi_mysql_session *session, uint32_t number)
{
    struct oi_mysql_known **place = statement_place(session, number), *statement = *place;
    if (!statement)
        return;
    *place = statement->next;
    if (session->last_prepared == statement)
        session->last_prepared = NULL;
    oi_mysql_known_give(statement, true);
}

void oi_mysql_known_forget(struct oi_mysql_session *session, bool deliver)
{
    for (size_t i = 0; i < OI_MYSQL_BUCKETS; i++)
        while (session->statements[i]) {
            struct oi_mysql_known *statement = session->statements[i];
            session->statements[i] = statement->next;
            oi_mysql_known_give(statement, deliver);
        }
    session->last_prepared = NULL;
}
