/* Values in binary form, passed over one by one: they stand in front of something, or are to be counted. */
#include "hooks/wire/mysql_state.h"

enum state {
    COUNT, /* of query attributes */
    SETS,  /* of their values: 1 */
    NULLS,
    BOUND,
    TYPE,
    SECOND_OF_TYPE,
    NAME_LENGTH,
    NAME,
    INDICATOR, /* in front of a value of a bulk execution */
    LENGTH,
    VALUE,
    DONE,
};

/* Bytes of a value; -1: its length stands in front of it. */
static int size_of(uint8_t type)
{
    enum { TINY = 1, SHORT, LONG, FLOAT, DOUBLE, NONE, LONGLONG = 8, INT24, YEAR = 13 };
    switch (type) {
    case NONE:
        return 0;
    case TINY:
        return 1;
    case SHORT:
    case YEAR:
        return 2;
    case LONG:
    case INT24:
    case FLOAT:
        return 4;
    case LONGLONG:
    case DOUBLE:
        return 8;
    default:
        return -1;
    }
}

static void give_up(struct oi_mysql_values *v)
{
    v->known = false;
    v->state = DONE;
}

/* The next byte of an int<lenenc>; true: `number` is complete. */
static bool take_length(struct oi_mysql_values *v, unsigned char c)
{
    if (v->digits == 0) {
        v->number = c;
        v->shift = 0;
        if (c < 0xfb)
            return true;
        v->number = 0;
        v->digits = c == 0xfc ? 2 : c == 0xfd ? 3 : c == 0xfe ? 8 : 0;
        if (v->digits == 0)
            give_up(v);
        return false;
    }
    v->number |= (uint64_t)c << v->shift;
    v->shift = (uint8_t)(v->shift + 8);
    return --v->digits == 0;
}

static void value_begins(struct oi_mysql_values *v);

static void value_ends(struct oi_mysql_values *v)
{
    v->at++;
    if (v->at == v->count) {
        v->at = 0;
        v->rows++;
        v->state = v->bulk ? INDICATOR : DONE;
    } else {
        v->state = v->bulk ? INDICATOR : VALUE;
    }
}

/* Those of attributes that are NULL have none. */
static void next_attribute(struct oi_mysql_values *v)
{
    while (v->state != DONE && (v->nulls >> v->at & 1))
        value_ends(v);
    if (v->state != DONE)
        value_begins(v);
}

static void value_begins(struct oi_mysql_values *v)
{
    int size = size_of(v->types[v->at]);
    v->state = size < 0 ? LENGTH : VALUE;
    v->skip = size < 0 ? 0 : (uint64_t)size;
}

static void value_over(struct oi_mysql_values *v)
{
    value_ends(v);
    if (!v->bulk)
        next_attribute(v);
}

static void indicated(struct oi_mysql_values *v, unsigned char indicator)
{
    enum { IGNORE_ROW = 4 };
    if (indicator > IGNORE_ROW)
        give_up(v);
    else if (indicator == 0)
        value_begins(v);
    else
        value_ends(v);
}

static void counted(struct oi_mysql_values *v)
{
    if (v->number > OI_MYSQL_VALUES) {
        give_up(v);
        return;
    }
    v->count = (uint16_t)v->number;
    v->state = SETS;
}

static void typed(struct oi_mysql_values *v, unsigned char type)
{
    v->types[v->at] = type;
    v->state = SECOND_OF_TYPE;
}

/* A type, and the name behind it if it is an attribute's, are over. */
static void next_type(struct oi_mysql_values *v)
{
    if (++v->at < v->count) {
        v->state = TYPE;
        return;
    }
    v->at = 0;
    v->typed = true;
    v->state = v->bulk ? INDICATOR : VALUE;
    if (!v->bulk)
        next_attribute(v);
}

static void take(struct oi_mysql_values *v, unsigned char c)
{
    switch ((enum state)v->state) {
    case COUNT:
        if (take_length(v, c))
            counted(v);
        break;
    case SETS:
        if (take_length(v, c)) {
            v->state = v->count == 0 ? DONE : NULLS;
            v->skip = (uint64_t)(v->count + 7) / 8;
            v->shift = 0;
        }
        break;
    case NULLS:
        v->nulls |= (uint64_t)c << v->shift;
        v->shift = (uint8_t)(v->shift + 8);
        v->state = --v->skip == 0 ? BOUND : NULLS;
        break;
    case BOUND:
        v->state = TYPE;
        if (c != 1)
            give_up(v);
        break;
    case TYPE:
        typed(v, c);
        break;
    case SECOND_OF_TYPE:
        v->state = NAME_LENGTH;
        if (v->bulk)
            next_type(v);
        break;
    case NAME_LENGTH:
        if (take_length(v, c)) {
            v->state = NAME;
            v->skip = v->number;
        }
        break;
    case INDICATOR:
        indicated(v, c);
        break;
    case LENGTH:
        if (take_length(v, c)) {
            v->state = VALUE;
            v->skip = v->number;
        }
        break;
    default:
        break;
    }
}

/* Behind what is passed over. */
static void settle(struct oi_mysql_values *v)
{
    while ((v->state == NAME || v->state == VALUE) && v->skip == 0) {
        if (v->state == NAME)
            next_type(v);
        else
            value_over(v);
    }
}

static size_t pass(struct oi_mysql_values *v, const char *at, size_t len)
{
    size_t used = 0;
    while (used < len && v->state != DONE) {
        if (v->state == NAME || v->state == VALUE) {
            size_t n = len - used < v->skip ? len - used : (size_t)v->skip;
            v->skip -= n;
            used += n;
        } else {
            take(v, (unsigned char)at[used++]);
        }
        settle(v);
    }
    return used;
}

void oi_mysql_attributes_begin(struct oi_mysql_values *v)
{
    *v = (struct oi_mysql_values){.state = COUNT, .known = true};
}

size_t oi_mysql_attributes(struct oi_mysql_values *v, const char *at, size_t len)
{
    return pass(v, at, len);
}

bool oi_mysql_attributes_over(const struct oi_mysql_values *v)
{
    return v->state == DONE;
}

/* Where an execution does not send the types, they are those of the one before. */
void oi_mysql_bulk_begin(struct oi_mysql_values *v, bool has_types)
{
    *v = (struct oi_mysql_values){.state = has_types ? TYPE : INDICATOR, .bulk = true};
}

void oi_mysql_bulk_of(struct oi_mysql_values *v, uint32_t parameters, const uint8_t *types)
{
    v->count = (uint16_t)parameters;
    v->known = v->state == TYPE || types;
    if (v->state == INDICATOR && types)
        memcpy(v->types, types, parameters);
}

void oi_mysql_bulk(struct oi_mysql_values *v, const char *at, size_t len)
{
    if (v->known && v->count > 0)
        pass(v, at, len);
}

uint32_t oi_mysql_bulk_rows(const struct oi_mysql_values *v)
{
    return v->known && v->state == INDICATOR && v->at == 0 ? v->rows : 0;
}
