/* Parameters of prepared statements, only with OTEL_NATIVE_DB_PARAMETERS.
 *
 * The library copies the bindings when they are made and reads the values when the statement is executed; so do we, and
 * only the values it has read too: where a server answered, the request had been put together from them. */
#include "hooks/libmariadb.h"

struct bound {
    const void *buffer;
    const unsigned long *length; /* NULL: buffer_length */
    const my_bool *is_null;      /* NULL: it is not */
    unsigned long buffer_length;
    unsigned int type;
    bool is_unsigned;
    bool long_data; /* sent in pieces: the buffer means nothing */
};

struct bindings {
    unsigned int count;
    struct bound at[OI_SQL_PARAMETERS_MAX];
};

static struct oi_handles all = OI_HANDLES(struct bindings);

void oi_mysql_forget_bindings(const MYSQL_STMT *stmt)
{
    if (oi_agent.config.db_parameters)
        oi_handles_remove(&all, stmt);
}

static void remember(const struct oi_provider *provider, MYSQL_STMT *stmt, const MYSQL_BIND *binds)
{
    unsigned long count =
        binds && OI_REAL_OF(provider, mysql_stmt_param_count) ? OI_REAL_OF(provider, mysql_stmt_param_count)(stmt) : 0;
    struct bindings *bindings = count > 0 ? oi_handles_add(&all, stmt) : NULL;
    if (!bindings) {
        oi_handles_remove(&all, stmt);
        return;
    }
    bindings->count = (unsigned int)(count < OI_SQL_PARAMETERS_MAX ? count : OI_SQL_PARAMETERS_MAX);
    for (unsigned int i = 0; i < bindings->count; i++)
        bindings->at[i] = (struct bound){.buffer = binds[i].buffer,
                                         .length = binds[i].length,
                                         .is_null = binds[i].is_null,
                                         .buffer_length = binds[i].buffer_length,
                                         .type = (unsigned int)binds[i].buffer_type,
                                         .is_unsigned = binds[i].is_unsigned};
}

/* Pauses a call that is followed; false: it is not, and has been left. */
static bool followed(struct oi_call *call, const struct oi_mysql_statement *statement)
{
    if (!statement || !oi_agent.config.db_parameters) {
        oi_call_leave(call);
        return false;
    }
    oi_call_pause(call);
    return true;
}

OI_HOOK(my_bool, mysql_stmt_bind_param, (MYSQL_STMT * stmt, MYSQL_BIND *binds))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_bind_param, 1)
    if (!call.watched || !followed(&call, statement))
        return OI_REAL(call, mysql_stmt_bind_param)(stmt, binds);
    my_bool result = OI_REAL(call, mysql_stmt_bind_param)(stmt, binds);
    oi_call_resume(&call);
    remember(call.provider, stmt, result ? NULL : binds);
    oi_call_leave(&call);
    return result;
}

/* MySQL's alone: which value is which parameter's is not said by their order. */
OI_HOOK(bool, mysql_stmt_bind_named_param,
        (MYSQL_STMT * stmt, MYSQL_BIND *binds, unsigned int count, const char **names))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_bind_named_param, true)
    if (call.watched) {
        oi_mysql_forget_bindings(stmt);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_bind_named_param)(stmt, binds, count, names);
}

void oi_mysql_long_data(const MYSQL_STMT *stmt, unsigned int number)
{
    struct bindings *bindings = oi_agent.config.db_parameters ? oi_handles_find(&all, stmt) : NULL;
    if (bindings && number < bindings->count)
        bindings->at[number].long_data = true;
}

OI_HOOK(my_bool, mysql_stmt_send_long_data,
        (MYSQL_STMT * stmt, unsigned int number, const char *data, unsigned long length))
{
    struct oi_mysql_statement *statement = oi_mysql_statement(stmt);
    OI_MYSQL_ENTER(call, statement, mysql_stmt_send_long_data, 1)
    if (call.watched) {
        oi_mysql_long_data(stmt, number);
        oi_call_leave(&call);
    }
    return OI_REAL(call, mysql_stmt_send_long_data)(stmt, number, data, length);
}

/* --- values ----------------------------------------------------------------------------------------------------------
 */

static void put_digits(struct oi_buffer *out, uint64_t number, int least)
{
    char digits[20];
    int at = (int)sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
        least--;
    } while (number > 0 || least > 0);
    oi_buffer_put(out, digits + at, sizeof digits - (size_t)at);
}

static void put_integer(struct oi_buffer *out, uint64_t value, bool is_unsigned)
{
    bool negative = !is_unsigned && (int64_t)value < 0;
    if (negative)
        oi_buffer_char(out, '-');
    put_digits(out, negative ? 0 - value : value, 1);
}

/* With at most six decimals, if that is all of it. */
static bool put_real(struct oi_buffer *out, double value)
{
    const double scale = 1000000, exact = 9007199254740992.0;
    double size = value < 0 ? -value : value;
    if (!(size < exact / scale))
        return false;
    uint64_t scaled = (uint64_t)(size * scale + 0.5);
    if ((double)scaled / scale != size)
        return false;
    if (value < 0)
        oi_buffer_char(out, '-');
    put_digits(out, scaled / 1000000, 1);
    uint64_t decimals = scaled % 1000000;
    int places = 6;
    if (decimals == 0)
        return true;
    for (; decimals % 10 == 0; decimals /= 10)
        places--;
    oi_buffer_char(out, '.');
    put_digits(out, decimals, places);
    return true;
}

/* A number of seconds and their parts, as all of MySQL's times end. */
static void put_clock(struct oi_buffer *out, const MYSQL_TIME *time, uint64_t hours)
{
    put_digits(out, hours, 2);
    oi_buffer_char(out, ':');
    put_digits(out, time->minute, 2);
    oi_buffer_char(out, ':');
    put_digits(out, time->second, 2);
    if (time->second_part == 0)
        return;
    oi_buffer_char(out, '.');
    put_digits(out, time->second_part, 6);
}

static void put_time(struct oi_buffer *out, const MYSQL_TIME *time, unsigned int type)
{
    if (type == MYSQL_TYPE_TIME) {
        if (time->neg)
            oi_buffer_char(out, '-');
        put_clock(out, time, (uint64_t)time->day * 24 + time->hour);
        return;
    }
    put_digits(out, time->year, 4);
    oi_buffer_char(out, '-');
    put_digits(out, time->month, 2);
    oi_buffer_char(out, '-');
    put_digits(out, time->day, 2);
    if (type == MYSQL_TYPE_DATE)
        return;
    oi_buffer_char(out, ' ');
    put_clock(out, time, time->hour);
}

/* The integer in a buffer, extended to 64 bits. False: not of an integer's type. */
static bool read_integer(const struct bound *bound, uint64_t *value)
{
    const void *at = bound->buffer;
    switch (bound->type) {
    case MYSQL_TYPE_TINY: {
        int8_t n = *(const int8_t *)at;
        *value = bound->is_unsigned ? (uint8_t)n : (uint64_t)n;
        return true;
    }
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR: {
        int16_t n;
        memcpy(&n, at, sizeof n);
        *value = bound->is_unsigned ? (uint16_t)n : (uint64_t)n;
        return true;
    }
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_INT24: {
        int32_t n;
        memcpy(&n, at, sizeof n);
        *value = bound->is_unsigned ? (uint32_t)n : (uint64_t)n;
        return true;
    }
    case MYSQL_TYPE_LONGLONG:
        memcpy(value, at, sizeof *value);
        return true;
    default:
        return false;
    }
}

static bool text_type(unsigned int type)
{
    return type == MYSQL_TYPE_DECIMAL || type == MYSQL_TYPE_NEWDECIMAL || type == MYSQL_TYPE_VARCHAR ||
           type == MYSQL_TYPE_VAR_STRING || type == MYSQL_TYPE_STRING || type == MYSQL_TYPE_JSON ||
           (type >= MYSQL_TYPE_TINY_BLOB && type <= MYSQL_TYPE_BLOB);
}

static bool read_real(const struct bound *bound, double *value)
{
    float single;
    if (bound->type == MYSQL_TYPE_DOUBLE) {
        memcpy(value, bound->buffer, sizeof *value);
        return true;
    }
    if (bound->type != MYSQL_TYPE_FLOAT)
        return false;
    memcpy(&single, bound->buffer, sizeof single);
    *value = (double)single;
    return true;
}

static struct oi_text read_text(const struct bound *bound)
{
    unsigned long length = bound->length ? *bound->length : bound->buffer_length;
    if (length == (unsigned long)-1)
        length = strnlen(bound->buffer, OI_SQL_PARAMETER_TEXT_MAX + 4);
    return oi_text_of(bound->buffer, length);
}

static struct oi_sql_parameter value_at(const void *user, size_t i, char *scratch)
{
    const struct bound *bound = &((const struct bindings *)user)->at[i];
    struct oi_buffer out = {.at = scratch, .size = OI_SQL_PARAMETER_SCRATCH};
    struct oi_sql_parameter value = {.kind = OI_SQL_PARAMETER_UNKNOWN};
    uint64_t integer;
    double real;
    if (bound->type == MYSQL_TYPE_NULL || (bound->is_null && *bound->is_null))
        value.kind = OI_SQL_PARAMETER_NULL;
    if (value.kind == OI_SQL_PARAMETER_NULL || bound->long_data || !bound->buffer)
        return value;
    if (text_type(bound->type))
        return (struct oi_sql_parameter){OI_SQL_PARAMETER_TEXT, read_text(bound)};
    value.kind = OI_SQL_PARAMETER_NUMBER;
    if (read_integer(bound, &integer)) {
        put_integer(&out, integer, bound->is_unsigned);
    } else if (read_real(bound, &real)) {
        if (!put_real(&out, real))
            value.kind = OI_SQL_PARAMETER_UNKNOWN;
    } else if (bound->type == MYSQL_TYPE_TIME || bound->type == MYSQL_TYPE_DATE || bound->type == MYSQL_TYPE_DATETIME ||
               bound->type == MYSQL_TYPE_TIMESTAMP) {
        put_time(&out, bound->buffer, bound->type);
        value.kind = OI_SQL_PARAMETER_TEXT;
    } else {
        value.kind = OI_SQL_PARAMETER_UNKNOWN;
    }
    value.text = oi_buffer_text(&out);
    return value;
}

void oi_mysql_put_parameters(struct oi_record *record, const MYSQL_STMT *stmt)
{
    struct bindings *bindings = oi_agent.config.db_parameters ? oi_handles_find(&all, stmt) : NULL;
    if (!bindings)
        return;
    oi_db_sql_parameters(record, bindings->count, value_at, bindings);
    /* Good for one execution. */
    for (unsigned int i = 0; i < bindings->count; i++)
        bindings->at[i].long_data = false;
}
