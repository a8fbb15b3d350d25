#include "launcher/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY_NAME "libotel-instrument.so"

bool oi_environment_copy(struct oi_environment *environment, char *const *from, size_t more)
{
    size_t count = 0;

    while (from && from[count])
        count++;
    environment->entries = calloc(count + more + 1, sizeof(char *));
    if (!environment->entries)
        return false;
    if (count)
        memcpy(environment->entries, from, count * sizeof(char *));
    environment->count = count;
    return true;
}

static bool is_called(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *oi_environment_get(const struct oi_environment *environment, const char *name)
{
    for (size_t i = 0; i < environment->count; i++)
        if (is_called(environment->entries[i], name))
            return environment->entries[i] + strlen(name) + 1;
    return NULL;
}

void oi_environment_unset(struct oi_environment *environment, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < environment->count; i++)
        if (!is_called(environment->entries[i], name))
            environment->entries[kept++] = environment->entries[i];
    environment->entries[kept] = NULL;
    environment->count = kept;
}

bool oi_environment_set(struct oi_environment *environment, const char *name, const char *value)
{
    char *entry;

    if (asprintf(&entry, "%s=%s", name, value) < 0)
        return false;
    oi_environment_unset(environment, name);
    environment->entries[environment->count++] = entry;
    environment->entries[environment->count] = NULL;
    return true;
}

static void append(char *value, const char *item, size_t length)
{
    size_t used = strlen(value);

    if (used)
        value[used++] = ':';
    memcpy(value + used, item, length);
    value[used + length] = '\0';
}

/* The same file name, wherever it lies: another build of ours must not be loaded beside this one. */
static bool has_name(const char *item, size_t length, const char *name)
{
    size_t name_length = strlen(name);

    return length >= name_length && memcmp(item + length - name_length, name, name_length) == 0 &&
           (length == name_length || item[length - name_length - 1] == '/');
}

char *oi_library_path_value(const char *old, const char *folder, size_t length)
{
    char *value = calloc(1, length + (old ? strlen(old) : 0) + 2);

    if (!value)
        return NULL;
    append(value, folder, length);
    while (old && *(old += strspn(old, ":"))) {
        size_t item = strcspn(old, ":");
        if (item != length || memcmp(old, folder, length) != 0)
            append(value, old, item);
        old += item;
    }
    return value;
}

char *oi_preload_value(const char *old, const char *library)
{
    static const char separators[] = ": ";
    size_t size = (old ? strlen(old) : 0) + (library ? strlen(library) : 0) + 3;
    char *value = calloc(1, size);

    if (!value)
        return NULL;
    if (library)
        append(value, library, strlen(library));
    while (old && *(old += strspn(old, separators))) {
        size_t length = strcspn(old, separators);
        if (!has_name(old, length, LIBRARY_NAME))
            append(value, old, length);
        old += length;
    }
    return value;
}
