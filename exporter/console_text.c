#include "exporter/console_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/utf8.h"

enum { VALUE_CHARS = 100, SHORT_CHARS = 40, PLAIN_ATTRIBUTES = 3, TIME_WIDTH = 9, STRINGS = 4 };

/* --- text ------------------------------------------------------------------------------------------------------------
 */

void oi_console_put(struct oi_console_out *out, const char *at, size_t len)
{
    if (out->failed || len == 0)
        return;
    if (out->len + len > out->size) {
        size_t size = (out->len + len) * 2;
        char *grown = realloc(out->at, size);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->at = grown;
        out->size = size;
    }
    memcpy(out->at + out->len, at, len);
    out->len += len;
}

static void put(struct oi_console_out *out, const char *text)
{
    oi_console_put(out, text, strlen(text));
}

void oi_console_pad(struct oi_console_out *out, size_t spaces)
{
    while (spaces-- > 0)
        oi_console_put(out, " ", 1);
}

void oi_console_format(struct oi_console_out *out, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (len > 0)
        oi_console_put(out, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}

/* Blanks, C0, DEL and C1: what would move the cursor, or worse. */
static bool is_blank_or_control(const char *at, size_t step)
{
    unsigned char c = (unsigned char)at[0];
    return (step == 1 && (c <= ' ' || c == 0x7F)) || (step == 2 && c == 0xC2 && (unsigned char)at[1] < 0xA0);
}

void oi_console_clean(struct oi_console_out *out, struct oi_text text, size_t max_chars)
{
    bool blank = false, begun = false;
    size_t chars = 0;
    for (size_t i = 0; i < text.len;) {
        size_t step = oi_utf8_sequence(text.at + i, text.len - i);
        const char *from = step ? text.at + i : "\xEF\xBF\xBD";
        size_t len = step ? step : 3;
        i += step ? step : 1;
        if (is_blank_or_control(from, len)) {
            blank = begun;
            continue;
        }
        if (chars + blank >= max_chars) {
            put(out, "…");
            return;
        }
        oi_console_pad(out, blank);
        oi_console_put(out, from, len);
        chars += 1u + blank;
        blank = false;
        begun = true;
    }
}

size_t oi_console_width(const char *at, size_t len)
{
    size_t chars = 0;
    for (size_t i = 0; i < len; i++)
        chars += ((unsigned char)at[i] & 0xC0) != 0x80;
    return chars;
}

/* Without printf's floating point, whose decimal point is the locale's. */
void oi_console_time(struct oi_console_out *out, uint64_t ns)
{
    static const struct {
        uint64_t below, unit;
        const char *name;
        uint64_t parts; /* of a unit that are shown: 1, 10, 100 */
    } forms[] = {
        /* up to where rounding would add a digit */
        {999500, 1000, "µs", 1},       {9995000, 1000000, "ms", 100},      {99950000, 1000000, "ms", 10},
        {999500000, 1000000, "ms", 1}, {9995000000, 1000000000, "s", 100}, {UINT64_MAX, 1000000000, "s", 10},
    };
    size_t i = 0;
    while (ns >= forms[i].below && i + 1 < sizeof forms / sizeof *forms)
        i++;
    uint64_t parts = forms[i].parts, step = forms[i].unit / parts;
    uint64_t steps = ns / step + (ns % step >= step / 2);
    char text[48];
    int len = parts == 1 ? snprintf(text, sizeof text, "%" PRIu64 " %s", steps, forms[i].name)
                         : snprintf(text, sizeof text, "%" PRIu64 ".%0*" PRIu64 " %s", steps / parts,
                                    parts == 100 ? 2 : 1, steps % parts, forms[i].name);
    size_t width = oi_console_width(text, (size_t)len);
    oi_console_pad(out, width < TIME_WIDTH ? TIME_WIDTH - width : 0);
    oi_console_put(out, text, (size_t)len);
}

/* --- attributes --------------------------------------------------------------------------------------------------- */

/* The first of the attributes named that the span has; `names` ends with NULL. */
static const struct oi_attribute *find(const struct oi_record *record, const char *const *names)
{
    for (; *names; names++)
        for (size_t i = 0; i < record->attribute_count; i++) {
            const struct oi_attribute *attribute = oi_record_attribute(record, i);
            if (attribute->key_length == strlen(*names) && memcmp(attribute->key, *names, attribute->key_length) == 0)
                return attribute;
        }
    return NULL;
}
#define FIND(record, ...) find(record, (const char *const[]){__VA_ARGS__, NULL})

/* The last few of them, between commas. */
static void put_strings(struct oi_console_out *out, struct oi_text packed, size_t max_chars)
{
    struct oi_text shown[STRINGS];
    size_t count = 0;
    while (count < STRINGS && oi_strings_take_last(&packed, &shown[count]))
        count++;
    if (packed.len > 0)
        put(out, "…, ");
    while (count-- > 0) {
        oi_console_clean(out, shown[count], max_chars);
        put(out, count > 0 ? ", " : "");
    }
}

static void put_value(struct oi_console_out *out, const struct oi_attribute *attribute, size_t max_chars)
{
    switch (attribute->type) {
    case OI_VALUE_STRINGS:
        put_strings(out, oi_text_of(attribute->string, attribute->length), max_chars);
        break;
    case OI_VALUE_STRING:
        oi_console_clean(out, oi_text_of(attribute->string, attribute->length), max_chars);
        break;
    case OI_VALUE_INT:
        oi_console_format(out, "%" PRId64, attribute->integer);
        break;
    case OI_VALUE_DOUBLE:
        oi_console_format(out, "%g", attribute->real);
        break;
    default:
        put(out, attribute->boolean ? "true" : "false");
    }
}

/* Two blanks between what is said of a span. */
static void separate(struct oi_console_out *out, size_t begin)
{
    if (out->len > begin)
        put(out, "  ");
}

static void put_error(struct oi_console_out *out, const struct oi_record *record)
{
    if (record->status != OI_STATUS_ERROR)
        return;
    const struct oi_attribute *type = FIND(record, "error.type");
    put(out, "ERROR");
    if (record->status_message.len > 0) {
        put(out, ": ");
        oi_console_clean(out, record->status_message, VALUE_CHARS);
    } else if (type) {
        put(out, ": ");
        put_value(out, type, SHORT_CHARS);
    }
}

/* `mysql 127.0.0.1:3306/shop` */
static void put_peer(struct oi_console_out *out, const struct oi_record *record, size_t begin)
{
    const struct oi_attribute *system = FIND(record, "db.system.name", "db.system");
    const struct oi_attribute *address = FIND(record, "server.address", "net.peer.name", "network.peer.address");
    const struct oi_attribute *port = FIND(record, "server.port", "net.peer.port", "network.peer.port");
    const struct oi_attribute *space = FIND(record, "db.namespace", "db.name", "db.redis.database_index");
    if (!system && !address)
        return;
    separate(out, begin);
    if (system)
        put_value(out, system, SHORT_CHARS);
    if (address) {
        put(out, system ? " " : "");
        put_value(out, address, VALUE_CHARS);
        put(out, port ? ":" : "");
        if (port)
            put_value(out, port, SHORT_CHARS);
    }
    if (space) {
        put(out, address ? "/" : " ");
        put_value(out, space, SHORT_CHARS);
    }
}

static void put_plain(struct oi_console_out *out, const struct oi_record *record, size_t begin)
{
    for (size_t i = 0; i < record->attribute_count && i < PLAIN_ATTRIBUTES; i++) {
        const struct oi_attribute *attribute = oi_record_attribute(record, i);
        separate(out, begin);
        oi_console_clean(out, oi_text_of(attribute->key, attribute->key_length), SHORT_CHARS);
        put(out, "=");
        put_value(out, attribute, SHORT_CHARS);
    }
}

void oi_console_details(struct oi_console_out *out, const struct oi_record *record)
{
    static const char *const code_names[] = {"http.response.status_code", "http.status_code", NULL};
    static const char *const rows_names[] = {"db.response.returned_rows", "db.rows_affected", NULL};
    static const char *const exit_names[] = {"process.exit.code", NULL};
    static const struct {
        const char *const *names;
        const char *before, *after;
    } results[] = {{code_names, "", ""}, {rows_names, "", " rows"}, {exit_names, "exit ", ""}};
    size_t begin = out->len;
    put_error(out, record);
    size_t said = out->len;
    const struct oi_attribute *what =
        FIND(record, "db.query.text", "db.statement", "url.full", "http.url", "url.path", "http.target");
    bool url = what && what->key[0] != 'd';
    if (what) {
        separate(out, begin);
        put_value(out, what, VALUE_CHARS);
    }
    if (!url)
        put_peer(out, record, begin);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        const struct oi_attribute *result = find(record, results[i].names);
        if (!result)
            continue;
        separate(out, begin);
        put(out, results[i].before);
        put_value(out, result, SHORT_CHARS);
        put(out, result->type == OI_VALUE_INT && result->integer == 1 && i == 1 ? " row" : results[i].after);
    }
    if (out->len > said)
        return;
    /* A process that executed another program: no exit code */
    const struct oi_attribute *program = FIND(record, "process.executable.path");
    if (!program) {
        put_plain(out, record, begin);
        return;
    }
    separate(out, begin);
    put_value(out, program, VALUE_CHARS);
}
