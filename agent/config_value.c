#include <stdio.h>

#include "agent/config_rows.h"

const char *oi_config_keep(struct oi_config_reader *reader, struct oi_text text)
{
    struct oi_buffer *arena = &reader->arena;
    const char *kept = arena->at + arena->len;

    if (arena->size - arena->len <= text.len)
        return NULL;
    oi_buffer_put(arena, text.at, text.len);
    oi_buffer_char(arena, '\0');
    return kept;
}

/* A decimal number that fits `max`. */
static bool parse_number(struct oi_text text, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.at[i] - '0');
        if (value > max)
            return false;
    }
    *number = value;
    return text.len > 0;
}

static bool parse_bounded(struct oi_text text, const char *limits, uint32_t *number)
{
    const char *dots = strstr(limits, "..");
    uint64_t low = 0, high = 0, value = 0;

    if (!dots || !parse_number(oi_text_of(limits, (size_t)(dots - limits)), UINT32_MAX, &low) ||
        !parse_number(oi_text_from(dots + 2), UINT32_MAX, &high) || !parse_number(text, high, &value) || value < low)
        return false;
    *number = (uint32_t)value;
    return true;
}

/* [+-]digits, at most 400 either way. */
static bool parse_exponent(struct oi_text text, int *exponent)
{
    bool negative = text.len && text.at[0] == '-', sign = negative || (text.len && text.at[0] == '+');
    uint64_t power;

    if (!parse_number(oi_text_of(text.at + sign, text.len - sign), 400, &power))
        return false;
    *exponent = negative ? -(int)power : (int)power;
    return true;
}

/* 0..1 as digits with a point and an exponent. Not strtod: that follows the program's locale. Up to 15 digits are
 * exact, since both the digits and the power of ten are exact doubles then; what follows them does not count. */
static bool parse_ratio(struct oi_text text, double *ratio)
{
    double digits = 0, power = 1;
    int scale = 0, seen = 0, exponent = 0;
    bool point = false;
    size_t i = 0;

    for (; i < text.len && (text.at[i] == '.' ? !point : text.at[i] >= '0' && text.at[i] <= '9'); i++) {
        if (text.at[i] == '.') {
            point = true;
            continue;
        }
        seen++;
        if (digits < 1e15)
            digits = digits * 10 + (text.at[i] - '0'), scale += point;
        else if (!point)
            return false;
    }
    if (i < text.len && (text.at[i] == 'e' || text.at[i] == 'E') &&
        parse_exponent(oi_text_of(text.at + i + 1, text.len - i - 1), &exponent))
        i = text.len;
    int left = scale > exponent ? scale - exponent : exponent - scale;
    for (; left > 0 && power < 1e300; left--)
        power *= 10;
    double value = scale > exponent ? (left ? 0 : digits / power) : digits * power;
    if (!seen || i != text.len || !(value >= 0 && value <= 1))
        return false;
    *ratio = value;
    return true;
}

enum name_state { NAME_UNKNOWN, NAME_LATER, NAME_KNOWN };

/* Looks a name up among a row's limits. `canonical` gets the name as the table writes it, `place` its index. */
static enum name_state find_name(const char *limits, struct oi_text name, struct oi_text *canonical, int *place)
{
    struct oi_text rest = oi_text_from(limits), item;

    for (*place = 0; oi_list_next(&rest, '|', &item); ++*place) {
        const char *equals = memchr(item.at, '=', item.len);
        struct oi_text left = equals ? oi_text_of(item.at, (size_t)(equals - item.at)) : item;
        *canonical = left;
        if (item.at[0] == '~' && oi_text_same(oi_text_of(item.at + 1, item.len - 1), name))
            return NAME_LATER;
        if (!oi_text_same(left, name))
            continue;
        if (!equals)
            return NAME_KNOWN;
        return find_name(limits, oi_text_of(equals + 1, item.len - left.len - 1), canonical, place);
    }
    return NAME_UNKNOWN;
}

/* The names a row takes now, "a, b, c". */
static void put_names(struct oi_buffer *out, const char *limits)
{
    struct oi_text rest = oi_text_from(limits), item;
    size_t begin = out->len;

    while (oi_list_next(&rest, '|', &item)) {
        if (item.at[0] == '~' || memchr(item.at, '=', item.len))
            continue;
        if (out->len > begin)
            oi_buffer_put(out, ", ", 2);
        oi_buffer_put(out, item.at, item.len);
    }
}

/* What the field holds, as one would write it. */
void oi_config_put_value(struct oi_buffer *out, struct oi_config_reader *reader, const struct oi_config_row *row)
{
    const void *field = oi_config_field(reader, row);
    struct oi_text rest = oi_text_from(oi_row_text(row->limits)), item = {0};
    char number[24] = "";

    switch ((enum oi_config_type)row->type) {
    case OI_TYPE_BOOL:
        strcpy(number, *(const bool *)field ? "true" : "false");
        break;
    case OI_TYPE_UINT:
    case OI_TYPE_MILLIS:
        if (*(const uint32_t *)field == UINT32_MAX)
            strcpy(number, "no limit");
        else
            snprintf(number, sizeof(number), "%u", *(const uint32_t *)field);
        break;
    case OI_TYPE_RATIO:
        strcpy(number, oi_row_text(row->fallback));
        break;
    case OI_TYPE_STRING: /* may be a secret, taken over from the general row */
        item = oi_text_from(oi_row_text(row->fallback));
        if (!item.len)
            item = OI_TEXT("none of it");
        break;
    case OI_TYPE_LIST:
        item = oi_text_from(*(const char *const *)field ? *(const char *const *)field : "none of it");
        break;
    case OI_TYPE_CHOICE:
        for (int i = 0; i <= *(const int *)field && oi_list_next(&rest, '|', &item); i++)
            ;
        break;
    }
    if (number[0])
        item = oi_text_from(number);
    oi_buffer_put(out, item.at, item.len);
}

static void put_problem(struct oi_buffer *out, struct oi_text name, const char *problem)
{
    if (out->len)
        oi_buffer_put(out, ", \"", 3);
    else
        oi_buffer_put(out, ": \"", 3);
    for (size_t i = 0; i < name.len && i < 40; i++)
        oi_buffer_char(out, name.at[i] >= ' ' && name.at[i] != 0x7f ? name.at[i] : '?');
    oi_buffer_put(out, problem, strlen(problem));
}

/* Keeps the usable names, each once, as the table writes them. `problems` gets what is wrong with the others. */
static const char *keep_names(struct oi_config_reader *reader, enum oi_config_index index, struct oi_text rest,
                              struct oi_buffer *problems)
{
    const char *limits = oi_row_text(oi_config_rows[index].limits);
    struct oi_buffer *arena = &reader->arena;
    size_t begin = arena->len;
    char *start = arena->at + begin;
    struct oi_text item, name;
    int place;

    while (oi_list_next(&rest, ',', &item)) {
        enum name_state state = find_name(limits, item, &name, &place);
        if (state == NAME_UNKNOWN && index == OI_ROW_disabled_instrumentations &&
            oi_config_python_instrumentation(item)) {
            name = item;
            state = NAME_KNOWN;
        }
        if (state != NAME_KNOWN) {
            put_problem(problems, item, state == NAME_LATER ? "\" has no effect yet" : "\" is not known");
            continue;
        }
        size_t used = arena->len - begin;
        if (oi_list_has_text(oi_text_of(start, used), name))
            continue;
        if (arena->size - arena->len < name.len + 2)
            break;
        if (used)
            oi_buffer_char(arena, ',');
        oi_buffer_put(arena, name.at, name.len);
    }
    if (arena->len == begin)
        return NULL;
    start[arena->len - begin] = '\0'; /* room for it was looked for with each name */
    arena->len++;
    return start;
}

/* --- one setting -------------------------------------------------------------------------------------------------- */

/* What a value of this type must be, for the complaint. */
static void put_wanted(struct oi_buffer *out, const struct oi_config_row *row)
{
    const char *limits = oi_row_text(row->limits), *dots = strstr(limits, "..");
    char wanted[120] = " is neither true nor false";

    if (row->type == OI_TYPE_UINT || row->type == OI_TYPE_MILLIS)
        snprintf(wanted, sizeof(wanted), " is not a whole number %sfrom %.*s to %s",
                 row->type == OI_TYPE_MILLIS ? "of milliseconds " : "", (int)(dots - limits), limits, dots + 2);
    else if (row->type == OI_TYPE_RATIO)
        strcpy(wanted, " is not a number from 0 to 1");
    else if (row->type == OI_TYPE_CHOICE)
        strcpy(wanted, " is not one of ");
    oi_buffer_put(out, wanted, strlen(wanted));
    if (row->type == OI_TYPE_CHOICE)
        put_names(out, limits);
}

enum oi_config_verdict oi_config_read(struct oi_config_reader *reader, enum oi_config_index index, struct oi_text text,
                                      struct oi_buffer *problem)
{
    const struct oi_config_row *row = &oi_config_rows[index];
    const char *limits = oi_row_text(row->limits);
    void *field = oi_config_field(reader, row);
    struct oi_text name;
    int place;
    bool usable = true;

    switch ((enum oi_config_type)row->type) {
    case OI_TYPE_BOOL:
        usable = oi_text_same(text, OI_TEXT("true")) || oi_text_same(text, OI_TEXT("false"));
        if (usable)
            *(bool *)field = text.len == 4;
        break;
    case OI_TYPE_MILLIS:
        if (text.len > 2 && memcmp(text.at + text.len - 2, "ms", 2) == 0)
            text.len -= 2;
        /* fall through */
    case OI_TYPE_UINT:
        usable = parse_bounded(text, limits, field);
        break;
    case OI_TYPE_RATIO:
        usable = parse_ratio(text, field);
        break;
    case OI_TYPE_CHOICE: {
        enum name_state state = find_name(limits, text, &name, &place);
        if (state == NAME_LATER) {
            oi_buffer_put(problem, OI_TEXT(" has no effect yet").at, 18);
            return OI_CONFIG_BAD;
        }
        usable = state == NAME_KNOWN;
        if (usable)
            *(int *)field = place;
        break;
    }
    case OI_TYPE_STRING:
    case OI_TYPE_LIST: {
        bool known_names = row->type == OI_TYPE_LIST && limits[0];
        const char *kept = known_names ? keep_names(reader, index, text, problem) : oi_config_keep(reader, text);
        if (!kept && !problem->len)
            oi_buffer_put(problem, OI_TEXT(" is too long").at, 12);
        if (kept)
            *(const char **)field = kept;
        return !kept ? OI_CONFIG_BAD : problem->len ? OI_CONFIG_PARTLY : OI_CONFIG_GOOD;
    }
    }
    if (!usable)
        put_wanted(problem, row);
    return usable ? OI_CONFIG_GOOD : OI_CONFIG_BAD;
}
