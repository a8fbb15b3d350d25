/* A database client call, whoever saw it (a library hook or the wire), as a span in the old and the new attribute set.
 *
 * Semantic conventions: database/database-spans.md, mysql.md, mariadb.md, redis.md (v1.44.0); the old set is that of
 * the Python agent (schema 1.11.0). Which sets are written follows OTEL_SEMCONV_STABILITY_OPT_IN. Async-signal-safe, no
 * allocation; call with the guard held.
 */
#ifndef OI_AGENT_DB_SPAN_H
#define OI_AGENT_DB_SPAN_H

#include "agent/record.h"
#include "agent/redact.h"
#include "agent/span.h"

enum oi_db_system { OI_DB_MYSQL, OI_DB_MARIADB, OI_DB_REDIS };
enum oi_transport { OI_TRANSPORT_UNKNOWN, OI_TRANSPORT_TCP, OI_TRANSPORT_UNIX };

/* What the attributes of a connection came to last time, beside the connection they are of; zeroed at first. They are
 * made anew whenever what they are made of has changed, so nobody need say so. */
struct oi_db_connection_front {
    enum oi_db_system system;
    enum oi_transport transport;
    uint16_t port, peer_port;
    bool has_peer;
    int database_index;
    uint16_t host_length, user_length, name_length;
    char texts[256]; /* host, user, name */
    struct oi_record_front attributes;
};

/* What is known of a connection. Absent texts and a zero port are left out. */
struct oi_db_connection {
    enum oi_db_system system;
    enum oi_transport transport;
    struct oi_text host;         /* as the program named it; for TRANSPORT_UNIX the socket's path */
    uint16_t port;               /* 0: unknown or not applicable */
    struct oi_text peer_address; /* numeric address, where known */
    uint16_t peer_port;
    struct oi_text user;                  /* old set only */
    struct oi_text name;                  /* SQL: current schema */
    int database_index;                   /* Redis; -1: unknown */
    struct oi_db_connection_front *front; /* NULL: none */
};

/* How a call failed; `code` absent: it did not. */
struct oi_db_error {
    struct oi_text
        code;         /* vendor code as text: `1146`, `WRONGTYPE`; or a client-side identifier such as ECONNREFUSED */
    bool from_server; /* the code came from the server: db.response.status_code in the new set */
    struct oi_text message; /* description of the status */
};

/* One SQL call. */
struct oi_sql_call {
    struct oi_text text;   /* statement text as given; absent for calls that have none */
    bool prepared;         /* an execution of a prepared statement */
    struct oi_text name;   /* for calls without text: `COMMIT`, `ROLLBACK`, `connect`; the span's name and operation */
    int64_t rows_affected; /* -1: unknown or not applicable */
    int64_t rows_returned; /* likewise */
    uint32_t batch_size;   /* 2 or more: a batch */
};

/* Ends `span` as one SQL call and submits it. */
void oi_db_sql_submit(const struct oi_span *span, const struct oi_scope *scope,
                      const struct oi_db_connection *connection, const struct oi_sql_call *call,
                      const struct oi_db_error *error);

/* The same in steps, for a call whose result is read later (rows follow the statement): the record is the caller's
 * until oi_record_submit. `rows` and `error` add to a record what became known meanwhile. NULL: not recorded; all
 * accept NULL. */
struct oi_record *oi_db_sql_record(const struct oi_span *span, const struct oi_scope *scope,
                                   const struct oi_db_connection *connection, const struct oi_sql_call *call,
                                   const struct oi_db_error *error);
void oi_db_sql_rows(struct oi_record *record, int64_t rows_affected, int64_t rows_returned);
void oi_db_sql_error(struct oi_record *record, const struct oi_db_error *error);

/* The value of one parameter of an SQL statement. */
enum oi_sql_parameter_kind {
    OI_SQL_PARAMETER_UNKNOWN,
    OI_SQL_PARAMETER_NULL,
    OI_SQL_PARAMETER_NUMBER,
    OI_SQL_PARAMETER_TEXT
};
enum { OI_SQL_PARAMETERS_MAX = 32, OI_SQL_PARAMETER_TEXT_MAX = 255, OI_SQL_PARAMETER_SCRATCH = 48 };
struct oi_sql_parameter {
    enum oi_sql_parameter_kind kind;
    struct oi_text text; /* of NUMBER and TEXT; into `scratch`, or memory that stays for this call */
};

/* Adds the first `count` parameters (at most OI_SQL_PARAMETERS_MAX), each told by `at`; texts are cut at
 * OI_SQL_PARAMETER_TEXT_MAX bytes. Not for batches. Only where OTEL_NATIVE_DB_PARAMETERS asks for it. */
typedef struct oi_sql_parameter oi_sql_parameter_at(const void *user, size_t i, char *scratch);
void oi_db_sql_parameters(struct oi_record *record, size_t count, oi_sql_parameter_at *at, const void *user);

/* Ends `span` as one Redis command, or as one pipeline of `count` commands (count >= 2), and submits it. A command
 * without arguments known (count == 1, args.count == 0) uses `fallback_name` (`connect`). */
struct oi_redis_call {
    const struct oi_redis_args *commands;
    size_t count;
    size_t total;    /* commands of the pipeline in all, of which `count` were remembered; 0: count */
    size_t together; /* of one command that has a span of its own: how many went out with it; 0: not known */
    struct oi_text fallback_name;
};
void oi_db_redis_submit(const struct oi_span *span, const struct oi_scope *scope,
                        const struct oi_db_connection *connection, const struct oi_redis_call *call,
                        const struct oi_db_error *error);

#endif
