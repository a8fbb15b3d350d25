#include "exporter/headers.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/percent.h"

static char *trim(char *from, char *end)
{
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return from;
}

static bool is_token(const char *text)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *text != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool value_allowed(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7F || strchr("\",;\\", *text))
            return false;
    return true;
}

/* A line end in a decoded value would begin a header of its own. */
static bool value_harmless(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return false;
    return true;
}

static void lower_case(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
}

/* There is room for one header more than there are: it ends the search for one of the same name. */
static void put(struct oi_headers *out, const char *name, const char *value)
{
    struct oi_header *header = out->at, *last = out->at + out->count;
    *last = (struct oi_header){name, value};
    while (strcmp(header->name, name) != 0)
        header++;
    header->value = value;
    out->count += header == last;
}

static bool take_member(struct oi_headers *out, char *from, char *end)
{
    char *equals = memchr(from, '=', (size_t)(end - from));
    if (!equals)
        return false;
    char *value = trim(equals + 1, end);
    char *name = trim(from, equals);
    if (!value_allowed(value) || strstr(value, "%00") || strstr(name, "%00"))
        return false;
    oi_percent_decode(name, SIZE_MAX, name);
    oi_percent_decode(value, SIZE_MAX, value);
    if (!is_token(name) || !value_harmless(value))
        return false;
    lower_case(name);
    put(out, name, value);
    return true;
}

void oi_headers_parse(struct oi_headers *out, const char *list, void (*reject)(void *user, size_t member), void *user)
{
    *out = (struct oi_headers){0};
    if (!list)
        return;
    size_t members = 1;
    for (const char *c = list; *c; c++)
        members += *c == ',';
    out->text = strdup(list);
    out->at = calloc(members, sizeof *out->at);
    if (!out->text || !out->at) {
        oi_headers_free(out);
        return;
    }
    char *from = out->text;
    for (size_t member = 1; member <= members; member++) {
        char *end = from + strcspn(from, ",");
        char *next = end + (*end == ',');
        bool blank = from + strspn(from, " \t") == end;
        if (!blank && !take_member(out, from, end) && reject)
            reject(user, member);
        from = next;
    }
}

void oi_headers_free(struct oi_headers *headers)
{
    free(headers->at);
    free(headers->text);
    *headers = (struct oi_headers){0};
}

const char *oi_headers_get(const struct oi_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcmp(headers->at[i].name, name) == 0)
            return headers->at[i].value;
    return NULL;
}
