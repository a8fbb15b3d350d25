/* What SQL and Redis spans share. Only for agent/db_span.c and agent/db_span_redis.c. */
#ifndef OI_AGENT_DB_SPAN_COMMON_H
#define OI_AGENT_DB_SPAN_COMMON_H

#include "agent/agent.h"
#include "agent/db_span.h"

static inline bool oi_db_old(void)
{
    return oi_agent.semconv_database & OI_SEMCONV_OLD;
}

static inline bool oi_db_new(void)
{
    return oi_agent.semconv_database & OI_SEMCONV_NEW;
}

/* System, host, port, db.connection_string. */
void oi_db_put_connection(struct oi_record *record, const struct oi_db_connection *connection);

/* Status, error.type, db.response.status_code; nothing without a code. */
void oi_db_put_error(struct oi_record *record, const struct oi_db_error *error);

/* db.system.name, by which MariaDB is mariadb. */
struct oi_text oi_db_system_name(enum oi_db_system system);

void oi_db_put_number(struct oi_buffer *out, uint64_t number);

#endif
