#include "hooks/libmariadb.h"

static const struct oi_scope scope = {"otel-instrument.libmariadb", OI_AREA_DATABASE};

struct oi_record *oi_mysql_record(const struct oi_span *span, struct oi_mysql_connection *connection,
                                  const struct oi_sql_call *call, const struct oi_mysql_failure *failure)
{
    return oi_mysql_place_record(span, &scope, connection ? &connection->place : NULL, call, failure);
}
