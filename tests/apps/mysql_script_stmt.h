/* The part of mysql_script.c that is about prepared statements. */
#include "mysql_script.h"

static void bind_texts(char *value)
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

/* One parameter, many values; `-` is NULL. */
static void bulk(char *value)
{
    static MYSQL_BIND column;
    static char *items[PARAMETERS], indicators[PARAMETERS];
    static unsigned long lengths[PARAMETERS];
    static char kept[256];
    snprintf(kept, sizeof kept, "%s", value);
    unsigned int count = (unsigned int)divide(kept, items, PARAMETERS);
    for (unsigned int i = 0; i < count; i++) {
        lengths[i] = items[i] ? strlen(items[i]) : 0;
        indicators[i] = items[i] ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
    }
    memset(&column, 0, sizeof column);
    column.buffer_type = MYSQL_TYPE_STRING;
    column.buffer = items;
    column.length = lengths;
    column.u.indicator = indicators;
    mysql_stmt_attr_set(on->stmt, STMT_ATTR_ARRAY_SIZE, &count);
    stmt_outcome("bulk", mysql_stmt_bind_param(on->stmt, &column));
}

/* Two parameters, row after row: 1,x,2,-,3,! is three rows, where `-` is NULL and `!` the column's default. */
static void bulk_rows(char *value)
{
    static struct row {
        int number;
        char text[16];
        unsigned long length;
        char number_is, text_is;
    } rows[PARAMETERS];
    static char *items[2 * PARAMETERS];
    static MYSQL_BIND binds[2];
    unsigned int count = (unsigned int)divide(value, items, 2 * PARAMETERS) / 2;
    size_t size = sizeof *rows;
    for (unsigned int i = 0; i < count; i++) {
        const char *text = items[2 * i + 1];
        rows[i].number = atoi(items[2 * i]);
        rows[i].number_is = STMT_INDICATOR_NONE;
        snprintf(rows[i].text, sizeof rows[i].text, "%s", text ? text : "");
        rows[i].length = strlen(rows[i].text);
        rows[i].text_is = !text                    ? STMT_INDICATOR_NULL
                          : strcmp(text, "!") == 0 ? STMT_INDICATOR_DEFAULT
                                                   : STMT_INDICATOR_NONE;
    }
    memset(binds, 0, sizeof binds);
    binds[0] =
        (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONG, .buffer = &rows[0].number, .u.indicator = &rows[0].number_is};
    binds[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                            .buffer = rows[0].text,
                            .length = &rows[0].length,
                            .u.indicator = &rows[0].text_is};
    mysql_stmt_attr_set(on->stmt, STMT_ATTR_ARRAY_SIZE, &count);
    mysql_stmt_attr_set(on->stmt, STMT_ATTR_ROW_SIZE, &size);
    stmt_outcome("rows", mysql_stmt_bind_param(on->stmt, binds));
}

/* Rows are fetched from the server so many at a time. */
static void open_cursor(unsigned long prefetch)
{
    unsigned long type = CURSOR_TYPE_READ_ONLY;
    mysql_stmt_attr_set(on->stmt, STMT_ATTR_CURSOR_TYPE, &type);
    mysql_stmt_attr_set(on->stmt, STMT_ATTR_PREFETCH_ROWS, &prefetch);
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

/* Rows are fetched, not shown. */
static void stmt_drain(void)
{
    int result;
    while ((result = mysql_stmt_fetch(on->stmt)) == 0 || result == MYSQL_DATA_TRUNCATED) {
    }
    stmt_outcome("sdrain", result);
}

/* A type that no parameter can have. */
static void bind_badly(void)
{
    MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_GEOMETRY};
    stmt_outcome("badly", mysql_stmt_bind_param(on->stmt, &bind));
}

static int about_statement(const char *name, char *value)
{
    if (IS("stmt"))
        printf("stmt: %d\n", (on->stmt = mysql_stmt_init(on->mysql)) != NULL);
    else if (IS("prepare"))
        stmt_outcome(name, mysql_stmt_prepare(on->stmt, value, strlen(value)));
    else if (IS("bind"))
        bind_texts(value);
    else if (IS("typed"))
        bind_typed();
    else if (IS("prebind"))
        stmt_outcome(name,
                     mysql_stmt_attr_set(on->stmt, STMT_ATTR_PREBIND_PARAMS, &(unsigned int){(unsigned)atoi(value)}));
    else if (IS("long"))
        send_long(value);
    else if (IS("bulk"))
        bulk(value);
    else if (IS("rows"))
        bulk_rows(value);
    else if (IS("cursor"))
        open_cursor((unsigned long)atol(value));
    else if (IS("execute"))
        stmt_outcome(name, mysql_stmt_execute(on->stmt));
    else if (IS("direct"))
        stmt_outcome(name, mariadb_stmt_execute_direct(on->stmt, value, strlen(value)));
    else if (IS("sstore"))
        stmt_outcome(name, mysql_stmt_store_result(on->stmt));
    else if (IS("sfetch"))
        stmt_fetch(value ? atol(value) : 1000000);
    else if (IS("sdrain"))
        stmt_drain();
    else if (IS("badly"))
        bind_badly();
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
