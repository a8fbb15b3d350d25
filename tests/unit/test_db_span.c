/* Database spans: whole ones, in both attribute sets. */
#include "tests/unit/span_text.h"

#include "agent/db_span.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct oi_db_connection mysql = {
    .system = OI_DB_MYSQL,
    .transport = OI_TRANSPORT_TCP,
    .host = {"db.example", 10},
    .port = 3306,
    .user = {"app", 3},
    .name = {"shop", 4},
    .database_index = -1,
};

static struct oi_sql_call sql(const char *text)
{
    return (struct oi_sql_call){.text = oi_text_from(text), .rows_affected = -1, .rows_returned = -1};
}

static void submit(struct oi_db_connection connection, struct oi_sql_call call, struct oi_db_error error)
{
    spans = 0;
    oi_db_sql_submit(&sampled_span, &test_scope, &connection, &call, &error);
    ck_assert_int_eq(spans, 1);
}

static const struct oi_db_error none;

#define OLD_CONNECTION                                                                                                 \
    "db.system=\"mysql\"\nnet.peer.name=\"db.example\"\nnet.peer.port=3306\ndb.name=\"shop\"\ndb.user=\"app\"\n"       \
    "db.connection_string=\"mysql://app@db.example:3306/shop\"\n"
#define NEW_CONNECTION "db.system.name=\"mysql\"\nserver.address=\"db.example\"\ndb.namespace=\"shop\"\n"

START_TEST(test_sql_old)
{
    submit(mysql, sql("select name from users where id = 5"), none);
    ck_span("select\nCLIENT unset\n" OLD_CONNECTION
            "db.statement=\"select name from users where id = ?\"\ndb.operation=\"select\"\ndb.sql.table=\"users\"\n");
}
END_TEST

START_TEST(test_sql_new)
{
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    submit(mysql, sql("select name from users where id = 5"), none);
    ck_span("select users\nCLIENT unset\n" NEW_CONNECTION
            "db.query.text=\"select name from users where id = ?\"\ndb.query.summary=\"select users\"\n");
}
END_TEST

START_TEST(test_sql_both)
{
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    submit(mysql, sql("SELECT 1"), none);
    ck_span("SELECT\nCLIENT unset\n" OLD_CONNECTION NEW_CONNECTION
            "db.statement=\"SELECT ?\"\ndb.operation=\"SELECT\"\n"
            "db.query.text=\"SELECT ?\"\ndb.query.summary=\"SELECT\"\n");
}
END_TEST

START_TEST(test_mariadb)
{
    struct oi_db_connection connection = mysql;
    connection.system = OI_DB_MARIADB;
    connection.port = 3307;
    connection.name.at = NULL;
    connection.user.at = NULL;
    connection.name.len = connection.user.len = 0;
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    submit(connection, sql("SELECT 1"), none);
    ck_span("SELECT\nCLIENT unset\n"
            "db.system=\"mysql\"\nnet.peer.name=\"db.example\"\nnet.peer.port=3307\n"
            "db.connection_string=\"mysql://db.example:3307\"\n"
            "db.system.name=\"mariadb\"\nserver.address=\"db.example\"\nserver.port=3307\n"
            "db.statement=\"SELECT ?\"\ndb.operation=\"SELECT\"\n"
            "db.query.text=\"SELECT ?\"\ndb.query.summary=\"SELECT\"\n");
}
END_TEST

START_TEST(test_unix_socket)
{
    struct oi_db_connection connection = mysql;
    connection.transport = OI_TRANSPORT_UNIX;
    connection.host = OI_TEXT("/run/my sql.sock");
    connection.user = OI_TEXT("a@b:c/d");
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    submit(connection, sql("SELECT 1"), none);
    ck_span("SELECT\nCLIENT unset\n"
            "db.system=\"mysql\"\nnet.peer.name=\"/run/my sql.sock\"\ndb.name=\"shop\"\ndb.user=\"a@b:c/d\"\n"
            "db.connection_string=\"mysql://a%40b%3Ac%2Fd@/shop?unix_socket=/run/my%20sql.sock\"\n"
            "db.system.name=\"mysql\"\nserver.address=\"/run/my sql.sock\"\ndb.namespace=\"shop\"\n"
            "db.statement=\"SELECT ?\"\ndb.operation=\"SELECT\"\n"
            "db.query.text=\"SELECT ?\"\ndb.query.summary=\"SELECT\"\n");
}
END_TEST

static const struct {
    struct oi_db_connection connection;
    const char *expected; /* NULL: no attribute */
} connection_strings[] = {
    {{.system = OI_DB_MYSQL, .transport = OI_TRANSPORT_TCP, .host = {"::1", 3}, .port = 3306, .database_index = -1},
     "mysql://[::1]:3306"},
    {{.system = OI_DB_MYSQL, .host = {"h", 1}, .name = {"d", 1}, .database_index = -1}, "mysql://h/d"},
    {{.system = OI_DB_MYSQL, .port = 3306, .database_index = -1}, NULL},
    {{.system = OI_DB_MYSQL, .transport = OI_TRANSPORT_UNIX, .host = {"/s", 2}, .database_index = -1},
     "mysql:///?unix_socket=/s"},
    {{.system = OI_DB_REDIS, .transport = OI_TRANSPORT_TCP, .host = {"h", 1}, .port = 6379, .database_index = 2},
     "redis://h:6379/2"},
    {{.system = OI_DB_REDIS, .transport = OI_TRANSPORT_TCP, .host = {"h", 1}, .port = 6379, .database_index = -1},
     "redis://h:6379"},
    {{.system = OI_DB_REDIS, .transport = OI_TRANSPORT_UNIX, .host = {"/s?", 3}, .database_index = 0},
     "unix:///s%3F?db=0"},
    {{.system = OI_DB_REDIS, .transport = OI_TRANSPORT_UNIX, .host = {"/s", 2}, .database_index = -1}, "unix:///s"},
};

START_TEST(test_connection_string)
{
    char line[256];
    submit(connection_strings[_i].connection, sql("SELECT 1"), none);
    if (connection_strings[_i].expected) {
        snprintf(line, sizeof line, "\ndb.connection_string=\"%s\"\n", connection_strings[_i].expected);
        ck_assert_msg(strstr(span_text, line), "no %s in\n%s", line, span_text);
    } else {
        ck_assert(!strstr(span_text, "db.connection_string"));
    }
}
END_TEST

START_TEST(test_statement_raw)
{
    oi_agent.config.db_statement = OI_STATEMENT_RAW;
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    submit(mysql, sql("SELECT 's3cret' FROM t"), none);
    ck_span("SELECT t\nCLIENT unset\n" OLD_CONNECTION NEW_CONNECTION
            "db.statement=\"SELECT 's3cret' FROM t\"\ndb.operation=\"SELECT\"\ndb.sql.table=\"t\"\n"
            "db.query.text=\"SELECT 's3cret' FROM t\"\ndb.query.summary=\"SELECT t\"\n");
}
END_TEST

START_TEST(test_statement_off)
{
    oi_agent.config.db_statement = OI_STATEMENT_OFF;
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    submit(mysql, sql("SELECT 's3cret' FROM t"), none);
    ck_span("SELECT t\nCLIENT unset\n" OLD_CONNECTION NEW_CONNECTION
            "db.operation=\"SELECT\"\ndb.sql.table=\"t\"\ndb.query.summary=\"SELECT t\"\n");
}
END_TEST

START_TEST(test_rows)
{
    struct oi_sql_call call = sql("SELECT a FROM t");
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    call.rows_returned = 0;
    submit(mysql, call, none);
    ck_assert(strstr(span_text, "\ndb.rows_affected=0\ndb.response.returned_rows=0\n"));
    call = sql("UPDATE t SET a = 1");
    call.rows_affected = 7;
    submit(mysql, call, none);
    ck_assert(strstr(span_text, "\ndb.rows_affected=7\n"));
    ck_assert(!strstr(span_text, "returned_rows"));
}
END_TEST

/* Rows and errors that come after the record was made. */
START_TEST(test_later)
{
    struct oi_sql_call call = sql("SELECT a FROM t");
    struct oi_db_error error = {.code = OI_TEXT("2013"), .message = OI_TEXT("Lost connection")};
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    struct oi_record *record = oi_db_sql_record(&sampled_span, &test_scope, &mysql, &call, NULL);
    oi_db_sql_rows(record, -1, 3);
    oi_db_sql_error(record, &error);
    oi_record_submit(record);
    ck_span("SELECT t\nCLIENT ERROR Lost connection\n" NEW_CONNECTION
            "db.query.text=\"SELECT a FROM t\"\ndb.query.summary=\"SELECT t\"\n"
            "db.response.returned_rows=3\nerror.type=\"2013\"\n");
    oi_db_sql_rows(NULL, 1, 1);
    oi_db_sql_error(NULL, &error);
}
END_TEST

START_TEST(test_server_error)
{
    struct oi_db_error error = {
        .code = OI_TEXT("1146"), .from_server = true, .message = OI_TEXT("Table 'shop.nosuch' doesn't exist")};
    submit(mysql, sql("SELECT a FROM nosuch"), error);
    ck_span("SELECT\nCLIENT ERROR Table 'shop.nosuch' doesn't exist\n" OLD_CONNECTION
            "db.statement=\"SELECT a FROM nosuch\"\ndb.operation=\"SELECT\"\ndb.sql.table=\"nosuch\"\n");
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    submit(mysql, sql("SELECT a FROM nosuch"), error);
    ck_span("SELECT nosuch\nCLIENT ERROR Table 'shop.nosuch' doesn't exist\n" NEW_CONNECTION
            "db.query.text=\"SELECT a FROM nosuch\"\ndb.query.summary=\"SELECT nosuch\"\n"
            "db.response.status_code=\"1146\"\nerror.type=\"1146\"\n");
}
END_TEST

START_TEST(test_error_quotes_no_value)
{
    struct oi_db_error error = {
        .code = OI_TEXT("1062"), .from_server = true, .message = OI_TEXT("Duplicate entry 's3cret' for key 'email'")};
    submit(mysql, sql("INSERT INTO t VALUES ('s3cret')"), error);
    ck_assert(strstr(span_text, "\nCLIENT ERROR Duplicate entry '?' for key 'email'\n"));
    ck_assert(!strstr(span_text, "s3cret"));
    oi_agent.config.db_statement = OI_STATEMENT_RAW;
    submit(mysql, sql("INSERT INTO t VALUES ('s3cret')"), error);
    ck_assert(strstr(span_text, "\nCLIENT ERROR Duplicate entry 's3cret' for key 'email'\n"));
}
END_TEST

START_TEST(test_call_without_text)
{
    struct oi_sql_call call = {.name = OI_TEXT("COMMIT"), .rows_affected = -1, .rows_returned = -1};
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    submit(mysql, call, none);
    ck_span("COMMIT\nCLIENT unset\n" OLD_CONNECTION NEW_CONNECTION
            "db.operation=\"COMMIT\"\ndb.operation.name=\"COMMIT\"\n");
}
END_TEST

START_TEST(test_failed_connect)
{
    struct oi_sql_call call = {.name = OI_TEXT("connect"), .rows_affected = -1, .rows_returned = -1};
    struct oi_db_error error = {.code = OI_TEXT("2002"),
                                .message = OI_TEXT("Can't connect to server on 'db.example' (115)")};
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    submit(mysql, call, error);
    ck_span("connect\nCLIENT ERROR Can't connect to server on 'db.example' (115)\n" NEW_CONNECTION
            "db.operation.name=\"connect\"\nerror.type=\"2002\"\n");
}
END_TEST

/* No operation in the text: what is known of the connection names the span. */
START_TEST(test_text_without_operation)
{
    struct oi_db_connection bare = {.system = OI_DB_MARIADB, .database_index = -1};
    submit(mysql, sql(""), none);
    ck_span("shop\nCLIENT unset\n" OLD_CONNECTION "db.statement=\"\"\n");
    submit(bare, sql("  "), none);
    ck_span("mysql\nCLIENT unset\ndb.system=\"mysql\"\ndb.statement=\"  \"\n");
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    submit(mysql, sql("'s3cret'"), none);
    ck_span("shop\nCLIENT unset\n" NEW_CONNECTION "db.query.text=\"?\"\n");
    submit(bare, sql("  "), none);
    ck_span("mariadb\nCLIENT unset\ndb.system.name=\"mariadb\"\ndb.query.text=\"  \"\n");
}
END_TEST

START_TEST(test_batch)
{
    struct oi_sql_call call = sql("INSERT INTO t VALUES (?)");
    call.batch_size = 3;
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    submit(mysql, call, none);
    ck_span(
        "BATCH INSERT t\nCLIENT unset\n" NEW_CONNECTION
        "db.query.text=\"INSERT INTO t VALUES (?)\"\ndb.query.summary=\"BATCH INSERT t\"\ndb.operation.batch.size=3\n");
    call.batch_size = 1;
    submit(mysql, call, none);
    ck_span("INSERT t\nCLIENT unset\n" NEW_CONNECTION
            "db.query.text=\"INSERT INTO t VALUES (?)\"\ndb.query.summary=\"INSERT t\"\n");
}
END_TEST

/* Longer than a record, longer than any stack buffer. */
START_TEST(test_long_statement)
{
    static char text[20000], expected[20000];
    strcpy(text, "SELECT a FROM t WHERE b = 's3cret'");
    strcpy(expected, "db.statement=\"SELECT a FROM t WHERE b = ?");
    for (int i = 0; i < 900; i++) {
        sprintf(text + strlen(text), " OR c = %d", i);
        strcat(expected, " OR c = ?");
    }
    strcat(expected, "\"\n");
    submit(mysql,
           (struct oi_sql_call){
               .text = oi_text_of(guarded(text, strlen(text)), strlen(text)), .rows_affected = -1, .rows_returned = -1},
           none);
    ck_assert_msg(strstr(span_text, expected), "%s", span_text);
}
END_TEST

/* --- Redis -------------------------------------------------------------------------------------------------------- */

static const struct oi_db_connection redis = {
    .system = OI_DB_REDIS,
    .transport = OI_TRANSPORT_TCP,
    .host = {"cache", 5},
    .port = 6380,
    .peer_address = {"10.0.0.7", 8},
    .peer_port = 6380,
    .database_index = 2,
};

#define OLD_REDIS                                                                                                      \
    "db.system=\"redis\"\nnet.peer.name=\"cache\"\nnet.peer.port=6380\nnet.transport=\"ip_tcp\"\n"                     \
    "db.redis.database_index=2\ndb.connection_string=\"redis://cache:6380/2\"\n"
#define NEW_REDIS                                                                                                      \
    "db.system.name=\"redis\"\nserver.address=\"cache\"\nserver.port=6380\nnetwork.transport=\"tcp\"\n"                \
    "network.peer.address=\"10.0.0.7\"\nnetwork.peer.port=6380\ndb.namespace=\"2\"\n"

static struct oi_text words[64];

/* Commands separated by |, arguments by one space. */
static void redis_submit_on(const struct oi_db_connection *connection, const char *line, size_t total,
                            struct oi_db_error error)
{
    static struct oi_redis_args commands[8];
    struct oi_redis_call call = {.commands = commands, .total = total, .fallback_name = OI_TEXT("connect")};
    size_t used = 0;
    while (*line) {
        struct oi_redis_args *command = &commands[call.count++];
        *command = (struct oi_redis_args){.at = &words[used]};
        while (*line && *line != '|') {
            size_t length = strcspn(line, " |");
            words[used++] = oi_text_of(guarded(line, length), length);
            command->count++;
            line += length;
            line += *line == ' ';
        }
        line += *line == '|';
    }
    spans = 0;
    oi_db_redis_submit(&sampled_span, &test_scope, connection, &call, &error);
    ck_assert_int_eq(spans, 1);
}

static void redis_submit(const char *line)
{
    redis_submit_on(&redis, line, 0, none);
}

START_TEST(test_redis_old)
{
    redis_submit("SET user:1 s3cret");
    ck_span("SET\nCLIENT unset\n" OLD_REDIS "db.statement=\"SET ? ?\"\ndb.redis.args_length=3\ndb.operation=\"SET\"\n");
}
END_TEST

START_TEST(test_redis_new)
{
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    redis_submit("SET user:1 s3cret");
    ck_span("SET\nCLIENT unset\n" NEW_REDIS
            "db.query.text=\"SET user:1 ?\"\ndb.redis.args_length=3\ndb.operation.name=\"SET\"\n");
}
END_TEST

START_TEST(test_redis_both)
{
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    redis_submit("get session:abc");
    ck_span("get\nCLIENT unset\n" OLD_REDIS NEW_REDIS "db.statement=\"get ?\"\ndb.query.text=\"get session:?\"\n"
            "db.redis.args_length=2\ndb.operation=\"get\"\ndb.operation.name=\"get\"\n");
}
END_TEST

START_TEST(test_redis_unix_socket)
{
    struct oi_db_connection connection = {
        .system = OI_DB_REDIS, .transport = OI_TRANSPORT_UNIX, .host = OI_TEXT("/run/r.sock"), .database_index = 0};
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    redis_submit_on(&connection, "PING", 0, none);
    ck_span("PING\nCLIENT unset\n"
            "db.system=\"redis\"\nnet.peer.name=\"/run/r.sock\"\nnet.transport=\"other\"\ndb.redis.database_index=0\n"
            "db.connection_string=\"unix:///run/r.sock?db=0\"\n"
            "db.system.name=\"redis\"\nserver.address=\"/run/r.sock\"\nnetwork.transport=\"unix\"\ndb.namespace=\"0\"\n"
            "db.statement=\"PING\"\ndb.query.text=\"PING\"\ndb.redis.args_length=1\ndb.operation=\"PING\"\n"
            "db.operation.name=\"PING\"\n");
}
END_TEST

START_TEST(test_redis_default_port)
{
    struct oi_db_connection connection = redis;
    connection.port = 6379;
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    redis_submit_on(&connection, "PING", 0, none);
    ck_assert(strstr(span_text, "\nnet.peer.port=6379\n"));
    ck_assert(!strstr(span_text, "server.port"));
}
END_TEST

START_TEST(test_redis_pipeline_old)
{
    redis_submit("SET a s3cret|INCRBY b 5");
    ck_span("SET INCRBY\nCLIENT unset\n" OLD_REDIS
            "db.statement=\"SET ? ?\nINCRBY ? ?\"\ndb.redis.pipeline_length=2\n");
}
END_TEST

START_TEST(test_redis_pipeline_new)
{
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    redis_submit("SET a s3cret|INCRBY b 5");
    ck_span("PIPELINE\nCLIENT unset\n" NEW_REDIS "db.query.text=\"SET a ?\nINCRBY b ?\"\ndb.redis.pipeline_length=2\n"
            "db.operation.name=\"PIPELINE\"\ndb.operation.batch.size=2\n");
    redis_submit("GET a|get b");
    ck_span("PIPELINE GET\nCLIENT unset\n" NEW_REDIS "db.query.text=\"GET a\nget b\"\ndb.redis.pipeline_length=2\n"
            "db.operation.name=\"PIPELINE GET\"\ndb.operation.batch.size=2\n");
}
END_TEST

/* Of a thousand commands two were remembered. */
START_TEST(test_redis_long_pipeline)
{
    redis_submit_on(&redis, "GET a|GET b", 1000, none);
    ck_span("GET GET\nCLIENT unset\n" OLD_REDIS "db.statement=\"GET ?\nGET ?\"\ndb.redis.pipeline_length=1000\n");
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    redis_submit_on(&redis, "GET a|GET b", 1000, none);
    ck_span("PIPELINE\nCLIENT unset\n" NEW_REDIS "db.query.text=\"GET a\nGET b\"\ndb.redis.pipeline_length=1000\n"
            "db.operation.name=\"PIPELINE\"\ndb.operation.batch.size=1000\n");
}
END_TEST

START_TEST(test_redis_pipeline_name_is_bounded)
{
    static struct oi_redis_args commands[1000];
    struct oi_text get[] = {OI_TEXT("GET"), OI_TEXT("a")};
    struct oi_redis_call call = {.commands = commands, .count = 1000};
    for (size_t i = 0; i < 1000; i++)
        commands[i] = (struct oi_redis_args){.at = get, .count = 2};
    oi_db_redis_submit(&sampled_span, &test_scope, &redis, &call, NULL);
    size_t length = strcspn(span_text, "\n");
    ck_assert(length <= 255 && memcmp(span_text + length - 8, " GET ...", 8) == 0);
    ck_assert(strstr(span_text, "db.redis.pipeline_length=1000\n"));
}
END_TEST

START_TEST(test_redis_error)
{
    struct oi_db_error error = {.code = OI_TEXT("WRONGTYPE"),
                                .from_server = true,
                                .message =
                                    OI_TEXT("WRONGTYPE Operation against a key holding the wrong kind of value")};
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    redis_submit_on(&redis, "LPUSH a s3cret", 0, error);
    ck_span("LPUSH\nCLIENT ERROR WRONGTYPE Operation against a key holding the wrong kind of value\n" NEW_REDIS
            "db.query.text=\"LPUSH a ?\"\ndb.redis.args_length=3\ndb.operation.name=\"LPUSH\"\n"
            "db.response.status_code=\"WRONGTYPE\"\nerror.type=\"WRONGTYPE\"\n");
}
END_TEST

START_TEST(test_redis_connect)
{
    struct oi_db_error error = {.code = OI_TEXT("ECONNREFUSED"), .message = OI_TEXT("Connection refused")};
    struct oi_redis_args nothing = {0};
    struct oi_redis_call call = {.commands = &nothing, .count = 1, .fallback_name = OI_TEXT("connect")};
    oi_agent.semconv_database = OI_SEMCONV_DUP;
    oi_db_redis_submit(&sampled_span, &test_scope, &redis, &call, &error);
    ck_span("connect\nCLIENT ERROR Connection refused\n" OLD_REDIS NEW_REDIS
            "db.operation=\"connect\"\ndb.operation.name=\"connect\"\nerror.type=\"ECONNREFUSED\"\n");
}
END_TEST

START_TEST(test_redis_search)
{
    redis_submit("FT.SEARCH idx s3cret");
    ck_span("redis.search\nCLIENT unset\n" OLD_REDIS
            "db.statement=\"FT.SEARCH ? ?\"\ndb.redis.args_length=3\ndb.operation=\"FT.SEARCH\"\n");
    redis_submit("ft.create idx SCHEMA");
    ck_assert(strncmp(span_text, "redis.create_index\n", 19) == 0);
}
END_TEST

START_TEST(test_redis_procedure)
{
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    redis_submit("FCALL charge 1 k s3cret");
    ck_span("FCALL\nCLIENT unset\n" NEW_REDIS
            "db.query.text=\"FCALL charge 1 k ?\"\ndb.redis.args_length=5\ndb.operation.name=\"FCALL\"\n"
            "db.stored_procedure.name=\"charge\"\n");
}
END_TEST

START_TEST(test_redis_statement_off)
{
    oi_agent.config.db_statement = OI_STATEMENT_OFF;
    redis_submit("SET a s3cret");
    ck_span("SET\nCLIENT unset\n" OLD_REDIS "db.redis.args_length=3\ndb.operation=\"SET\"\n");
    oi_agent.config.db_statement = OI_STATEMENT_RAW; /* is about SQL: Redis values are never written */
    redis_submit("SET a s3cret");
    ck_assert(!strstr(span_text, "s3cret"));
}
END_TEST

/* A name that cannot be one may be a value in the wrong place. */
START_TEST(test_redis_odd_command)
{
    redis_submit("s3cret! a");
    ck_span("redis\nCLIENT unset\n" OLD_REDIS "db.statement=\"? ?\"\ndb.redis.args_length=2\n");
}
END_TEST

/* A key longer than was guessed, a value longer than a record. */
START_TEST(test_redis_long_arguments)
{
    static char key[700], value[100000];
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = i % 4 == 3 ? ':' : 'k';
    struct oi_text args[] = {OI_TEXT("SET"), {key, sizeof key}, {value, sizeof value}};
    struct oi_redis_args command = {.at = args, .count = 3};
    struct oi_redis_call call = {.commands = &command, .count = 1};
    char expected[800];
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    oi_db_redis_submit(&sampled_span, &test_scope, &redis, &call, NULL);
    snprintf(expected, sizeof expected, "db.query.text=\"SET %.700s ?\"\n", key);
    ck_assert_msg(strstr(span_text, expected), "%s", span_text);
}
END_TEST

START_TEST(test_unsampled)
{
    struct oi_span span = {.flags = 0};
    struct oi_sql_call call = sql("SELECT 1");
    spans = 0;
    oi_db_sql_submit(&span, &test_scope, &mysql, &call, NULL);
    ck_assert_int_eq(spans, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, span_text_setup, NULL);
    tcase_add_test(tests, test_sql_old);
    tcase_add_test(tests, test_sql_new);
    tcase_add_test(tests, test_sql_both);
    tcase_add_test(tests, test_mariadb);
    tcase_add_test(tests, test_unix_socket);
    tcase_add_loop_test(tests, test_connection_string, 0, sizeof connection_strings / sizeof *connection_strings);
    tcase_add_test(tests, test_statement_raw);
    tcase_add_test(tests, test_statement_off);
    tcase_add_test(tests, test_rows);
    tcase_add_test(tests, test_later);
    tcase_add_test(tests, test_server_error);
    tcase_add_test(tests, test_error_quotes_no_value);
    tcase_add_test(tests, test_call_without_text);
    tcase_add_test(tests, test_failed_connect);
    tcase_add_test(tests, test_text_without_operation);
    tcase_add_test(tests, test_batch);
    tcase_add_test(tests, test_long_statement);
    tcase_add_test(tests, test_redis_old);
    tcase_add_test(tests, test_redis_new);
    tcase_add_test(tests, test_redis_both);
    tcase_add_test(tests, test_redis_unix_socket);
    tcase_add_test(tests, test_redis_default_port);
    tcase_add_test(tests, test_redis_pipeline_old);
    tcase_add_test(tests, test_redis_pipeline_new);
    tcase_add_test(tests, test_redis_long_pipeline);
    tcase_add_test(tests, test_redis_pipeline_name_is_bounded);
    tcase_add_test(tests, test_redis_error);
    tcase_add_test(tests, test_redis_connect);
    tcase_add_test(tests, test_redis_search);
    tcase_add_test(tests, test_redis_procedure);
    tcase_add_test(tests, test_redis_statement_off);
    tcase_add_test(tests, test_redis_odd_command);
    tcase_add_test(tests, test_redis_long_arguments);
    tcase_add_test(tests, test_unsampled);
    return run_suite("db_span", tests);
}
