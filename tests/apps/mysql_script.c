// build: pkg:libmariadb
/* A client that does what its arguments say, one call of the library an argument, and prints what came back:
 *
 *   mysql_script init connect=127.0.0.1,app,secret,shop,3306,- query='SELECT 1' store fetch free close
 *
 * `name=value` passes a value, lists are divided by commas, `-` is NULL. `on=N` goes on with connection and statement
 * N.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANDLES = 4, PARAMETERS = 8, COLUMNS = 8, WIDTH = 64 };

static struct handle {
    MYSQL *mysql;
    MYSQL_RES *result;
    MYSQL_STMT *stmt;
} handles[HANDLES], *on = handles;

/* Divides a list in place; `-` is NULL. */
static int divide(char *list, char **items, int most)
{
    int count = 0;
    for (char *item = list; item && count < most; count++) {
        items[count] = item;
        item = strchr(item, ',');
        if (item)
            *item++ = '\0';
        if (strcmp(items[count], "-") == 0)
            items[count] = NULL;
    }
    return count;
}

static void outcome(const char *what, int result)
{
    printf("%s: %d", what, result);
    if (on->mysql && mysql_errno(on->mysql))
        printf(" %u %s %s", mysql_errno(on->mysql), mysql_sqlstate(on->mysql), mysql_error(on->mysql));
    putchar('\n');
}

static void stmt_outcome(const char *what, int result)
{
    printf("%s: %d", what, result);
    if (mysql_stmt_errno(on->stmt))
        printf(" %u %s", mysql_stmt_errno(on->stmt), mysql_stmt_error(on->stmt));
    putchar('\n');
}

static void connect_to(char *value, unsigned long flags)
{
    char *part[6] = {NULL};
    divide(value, part, 6);
    MYSQL *made = mysql_real_connect(on->mysql, part[0], part[1], part[2], part[3],
                                     part[4] ? (unsigned int)atoi(part[4]) : 0, part[5], flags);
    outcome("connect", made == on->mysql);
}

static void fetch(long most)
{
    MYSQL_ROW row = NULL;
    while (on->result && most-- > 0 && (row = mysql_fetch_row(on->result))) {
        unsigned long *lengths = mysql_fetch_lengths(on->result);
        printf("row:");
        for (unsigned int i = 0; i < mysql_num_fields(on->result); i++)
            printf(" %.*s", (int)(lengths[i] > 40 ? 40 : lengths[i]), row[i] ? row[i] : "NULL");
        putchar('\n');
    }
    outcome("fetch", row != NULL);
}

static void bind(char *value)
{
    static MYSQL_BIND binds[PARAMETERS];
    static char *items[PARAMETERS];
    static char kept[256];
    memset(binds, 0, sizeof binds);
    snprintf(kept, sizeof kept, "%s", value);
    int count = divide(kept, items, PARAMETERS);
    for (int i = 0; i < count; i++) {
        binds[i].buffer_type = items[i] ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
        binds[i].buffer = items[i];
        binds[i].buffer_length = items[i] ? strlen(items[i]) : 0;
    }
    stmt_outcome("bind", mysql_stmt_bind_param(on->stmt, binds));
}

static MYSQL_BIND typed_bind(enum enum_field_types type, void *value, int is_unsigned)
{
    MYSQL_BIND bind;
    memset(&bind, 0, sizeof bind);
    bind.buffer_type = type;
    bind.buffer = value;
    bind.is_unsigned = (my_bool)is_unsigned;
    return bind;
}

/* Twelve parameters, each of another type. */
static void bind_typed(void)
{
    static signed char tiny = -1;
    static unsigned short small = 65535;
    static int whole = -5;
    static unsigned long long huge = -1ULL;
    static float half = 0.5F;
    static double real = -2.25, beyond = 1e300;
    static MYSQL_TIME date = {.year = 2026, .month = 2, .day = 3, .time_type = MYSQL_TIMESTAMP_DATE};
    static MYSQL_TIME moment = {2026, 2, 3, 4, 5, 6, 78, 0, MYSQL_TIMESTAMP_DATETIME};
    static MYSQL_TIME span = {
        .day = 1, .hour = 2, .minute = 3, .second = 4, .neg = 1, .time_type = MYSQL_TIMESTAMP_TIME};
    static char text[] = "it's \\ text, cut";
    static unsigned long length = 11;
    static my_bool yes = 1;
    MYSQL_BIND binds[] = {
        typed_bind(MYSQL_TYPE_TINY, &tiny, 0),       typed_bind(MYSQL_TYPE_SHORT, &small, 1),
        typed_bind(MYSQL_TYPE_LONG, &whole, 0),      typed_bind(MYSQL_TYPE_LONGLONG, &huge, 1),
        typed_bind(MYSQL_TYPE_FLOAT, &half, 0),      typed_bind(MYSQL_TYPE_DOUBLE, &real, 0),
        typed_bind(MYSQL_TYPE_DOUBLE, &beyond, 0),   typed_bind(MYSQL_TYPE_DATE, &date, 0),
        typed_bind(MYSQL_TYPE_DATETIME, &moment, 0), typed_bind(MYSQL_TYPE_TIME, &span, 0),
        typed_bind(MYSQL_TYPE_BLOB, text, 0),        typed_bind(MYSQL_TYPE_LONG, &whole, 0),
    };
    binds[10].length = &length;
    binds[11].is_null = &yes;
    stmt_outcome("typed", mysql_stmt_bind_param(on->stmt, binds));
    memset(binds, 0xff, sizeof binds); /* the library has copied them */
}

/* Each later item is one piece. */
static void send_long(char *value)
{
    static char *items[PARAMETERS];
    int count = divide(value, items, PARAMETERS);
    for (int i = 1; i < count; i++)
        stmt_outcome("long",
                     mysql_stmt_send_long_data(on->stmt, (unsigned int)atoi(items[0]), items[i], strlen(items[i])));
}

/* One parameter, many values. */
static void bulk(char *value)
{
    static MYSQL_BIND column;
    static char *items[PARAMETERS];
    static unsigned long lengths[PARAMETERS];
    static char kept[256];
    snprintf(kept, sizeof kept, "%s", value);
    unsigned int count = (unsigned int)divide(kept, items, PARAMETERS);
    for (unsigned int i = 0; i < count; i++)
        lengths[i] = strlen(items[i]);
    memset(&column, 0, sizeof column);
    column.buffer_type = MYSQL_TYPE_STRING;
    column.buffer = items;
    column.length = lengths;
    mysql_stmt_attr_set(on->stmt, STMT_ATTR_ARRAY_SIZE, &count);
    stmt_outcome("bulk", mysql_stmt_bind_param(on->stmt, &column));
}

static void stmt_fetch(long most)
{
    MYSQL_BIND binds[COLUMNS];
    char text[COLUMNS][WIDTH];
    unsigned long lengths[COLUMNS];
    my_bool nulls[COLUMNS];
    memset(binds, 0, sizeof binds);
    for (int i = 0; i < COLUMNS; i++) {
        binds[i].buffer_type = MYSQL_TYPE_STRING;
        binds[i].buffer = text[i];
        binds[i].buffer_length = WIDTH;
        binds[i].length = &lengths[i];
        binds[i].is_null = &nulls[i];
    }
    mysql_stmt_bind_result(on->stmt, binds);
    int result = 0;
    while (most-- > 0 && (result = mysql_stmt_fetch(on->stmt)) == 0) {
        printf("row:");
        for (unsigned int i = 0; i < mysql_stmt_field_count(on->stmt); i++)
            printf(" %.*s", nulls[i] ? 4 : (int)lengths[i], nulls[i] ? "NULL" : text[i]);
        putchar('\n');
    }
    stmt_outcome("sfetch", result);
}

static void insert_blob(size_t size)
{
    static const char before[] = "INSERT INTO t VALUES (9, '", after[] = "')";
    char *text = malloc(size + sizeof before + sizeof after);
    size_t length = sizeof before - 1;
    memcpy(text, before, length);
    for (size_t i = 0; i < size; i++)
        text[length++] = (char)('a' + i % 26);
    memcpy(text + length, after, sizeof after - 1);
    length += sizeof after - 1;
    outcome("blob", mysql_real_query(on->mysql, text, length));
    free(text);
}

/* A statement with every byte value in a literal. */
static void insert_bytes(void)
{
    char bytes[256], text[1024] = "INSERT INTO t VALUES (8, '";
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    size_t length = strlen(text);
    length += mysql_real_escape_string(on->mysql, text + length, bytes, sizeof bytes);
    memcpy(text + length, "')", 2);
    outcome("bytes", mysql_real_query(on->mysql, text, length + 2));
}

static void loop(char *value)
{
    char *text;
    long times = strtol(value, &text, 10), rows = 0;
    for (long i = 0; i < times; i++) {
        if (mysql_query(on->mysql, text + 1))
            break;
        MYSQL_RES *result = mysql_store_result(on->mysql);
        rows += result ? (long)mysql_num_rows(result) : 0;
        mysql_free_result(result);
    }
    printf("loop: %ld\n", rows);
}

static void change_user(char *value)
{
    char *part[3] = {NULL};
    divide(value, part, 3);
    outcome("change_user", mysql_change_user(on->mysql, part[0], part[1], part[2]));
}

/* Lets a test do something meanwhile. */
static void wait_for_line(void)
{
    puts("waiting");
    fflush(stdout);
    while (getchar() != '\n') {
    }
}

/* A child that has everything its parent has, and ends. */
static void fork_and_end(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(0);
    waitpid(child, NULL, 0);
}

#define IS(word) (strcmp(name, word) == 0)

static int about_connection(const char *name, char *value)
{
    unsigned int tcp = MYSQL_PROTOCOL_TCP;
    my_bool yes = 1;
    unsigned int local = 1;
    if (IS("reconnect"))
        mysql_options(on->mysql, MYSQL_OPT_RECONNECT, &yes);
    else if (IS("infile"))
        mysql_options(on->mysql, MYSQL_OPT_LOCAL_INFILE, &local);
    else if (IS("ca"))
        mysql_ssl_set(on->mysql, NULL, NULL, value, NULL, NULL);
    else if (IS("cipher"))
        printf("cipher: %d\n", mysql_get_ssl_cipher(on->mysql) != NULL);
    else if (IS("ping"))
        outcome(name, mysql_ping(on->mysql));
    else if (IS("reset"))
        outcome(name, mysql_reset_connection(on->mysql));
    else if (IS("kill"))
        outcome(name, mysql_kill(on->mysql, mysql_thread_id(on->mysql)));
    else if (IS("init"))
        printf("init: %d\n", (on->mysql = mysql_init(NULL)) != NULL);
    else if (IS("tcp"))
        mysql_options(on->mysql, MYSQL_OPT_PROTOCOL, &tcp);
    else if (IS("defaults"))
        mysql_options(on->mysql, MYSQL_READ_DEFAULT_FILE, value);
    else if (IS("command"))
        mysql_options(on->mysql, MYSQL_INIT_COMMAND, value);
    else if (IS("connect"))
        connect_to(value, 0);
    else if (IS("connect_multi"))
        connect_to(value, CLIENT_MULTI_STATEMENTS);
    else if (IS("select_db"))
        outcome(name, mysql_select_db(on->mysql, value));
    else if (IS("change_user"))
        change_user(value);
    else if (IS("close"))
        mysql_close(on->mysql), on->mysql = NULL;
    else if (IS("on"))
        on = &handles[atoi(value)];
    else if (IS("wait"))
        wait_for_line();
    else if (IS("fork"))
        fork_and_end();
    else if (IS("exec"))
        fflush(stdout), execl(value, value, (char *)NULL);
    else if (IS("exit"))
        exit(atoi(value));
    else
        return 0;
    return 1;
}

static int about_query(const char *name, char *value)
{
    if (IS("query"))
        outcome(name, mysql_query(on->mysql, value));
    else if (IS("real_query"))
        outcome(name, mysql_real_query(on->mysql, value, strlen(value)));
    else if (IS("send"))
        outcome(name, mysql_send_query(on->mysql, value, strlen(value)));
    else if (IS("read"))
        outcome(name, mysql_read_query_result(on->mysql));
    else if (IS("blob"))
        insert_blob((size_t)atol(value));
    else if (IS("bytes"))
        insert_bytes();
    else if (IS("loop"))
        loop(value);
    else if (IS("store"))
        outcome(name, (on->result = mysql_store_result(on->mysql)) != NULL);
    else if (IS("use"))
        outcome(name, (on->result = mysql_use_result(on->mysql)) != NULL);
    else if (IS("fetch"))
        fetch(value ? atol(value) : 1000000);
    else if (IS("free"))
        mysql_free_result(on->result), on->result = NULL;
    else if (IS("next"))
        outcome(name, mysql_next_result(on->mysql));
    else if (IS("commit"))
        outcome(name, mysql_commit(on->mysql));
    else if (IS("rollback"))
        outcome(name, mysql_rollback(on->mysql));
    else if (IS("autocommit"))
        outcome(name, mysql_autocommit(on->mysql, (my_bool)atoi(value)));
    else
        return 0;
    return 1;
}

static int about_statement(const char *name, char *value)
{
    if (IS("stmt"))
        printf("stmt: %d\n", (on->stmt = mysql_stmt_init(on->mysql)) != NULL);
    else if (IS("prepare"))
        stmt_outcome(name, mysql_stmt_prepare(on->stmt, value, strlen(value)));
    else if (IS("bind"))
        bind(value);
    else if (IS("typed"))
        bind_typed();
    else if (IS("prebind"))
        stmt_outcome(name,
                     mysql_stmt_attr_set(on->stmt, STMT_ATTR_PREBIND_PARAMS, &(unsigned int){(unsigned)atoi(value)}));
    else if (IS("long"))
        send_long(value);
    else if (IS("bulk"))
        bulk(value);
    else if (IS("execute"))
        stmt_outcome(name, mysql_stmt_execute(on->stmt));
    else if (IS("direct"))
        stmt_outcome(name, mariadb_stmt_execute_direct(on->stmt, value, strlen(value)));
    else if (IS("sstore"))
        stmt_outcome(name, mysql_stmt_store_result(on->stmt));
    else if (IS("sfetch"))
        stmt_fetch(value ? atol(value) : 1000000);
    else if (IS("snext"))
        stmt_outcome(name, mysql_stmt_next_result(on->stmt));
    else if (IS("sfree"))
        stmt_outcome(name, mysql_stmt_free_result(on->stmt));
    else if (IS("sreset"))
        stmt_outcome(name, mysql_stmt_reset(on->stmt));
    else if (IS("sclose"))
        printf("sclose: %d\n", mysql_stmt_close(on->stmt));
    else
        return 0;
    return 1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *name = argv[i], *value = strchr(name, '=');
        if (value)
            *value++ = '\0';
        if (!about_connection(name, value) && !about_query(name, value) && !about_statement(name, value)) {
            fprintf(stderr, "%s?\n", name);
            return 2;
        }
    }
    return 0;
}
