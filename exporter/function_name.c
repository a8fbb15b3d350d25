#include "exporter/function_name.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { DECODED_MAX = 512 }; /* longer symbols stay as they are: the decoder recurses, and the worker's stack is small */

typedef char *decode_fn(const char *symbol, char *buffer, size_t *length, int *status);

/* --- what compilers append ---------------------------------------------------------------------------------------- */

static bool is_appended(const char *dot)
{
    static const char *const kinds[] = {".cold", ".constprop", ".isra", ".part", ".lto_priv", ".localalias", ".llvm"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(dot, kinds[i], length) == 0 && (dot[length] == '\0' || dot[length] == '.'))
            return true;
    }
    return false;
}

void oi_function_name_whole(char *symbol)
{
    for (char *dot = strchr(symbol, '.'); dot; dot = strchr(dot + 1, '.'))
        if (dot > symbol && is_appended(dot)) {
            *dot = '\0';
            return;
        }
}

/* --- C++ ---------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, size_t length, const char *end)
{
    size_t size = strlen(end);
    return length > size && memcmp(name + length - size, end, size) == 0;
}

/* The length without what may follow the arguments. */
static size_t before_qualifiers(const char *name, size_t length)
{
    static const char *const qualifiers[] = {" const", " volatile", " &", " &&", " noexcept"};
    for (size_t i = 0; i < sizeof qualifiers / sizeof *qualifiers; i++)
        if (ends_with(name, length, qualifiers[i]))
            return before_qualifiers(name, length - strlen(qualifiers[i]));
    return length;
}

/* The length without the arguments; they are the last pair of parentheses. */
static size_t before_arguments(const char *name, size_t length)
{
    size_t depth = 0;
    if (length == 0 || name[length - 1] != ')')
        return length;
    for (size_t i = length; i-- > 0;) {
        depth += name[i] == ')';
        if (name[i] == '(' && --depth == 0)
            return i > 0 ? i : length;
    }
    return length;
}

static bool is_operator(const char *name, size_t at)
{
    static const char word[] = "operator";
    size_t size = sizeof word - 1;
    return strncmp(name + at, word, size) == 0 && (at == 0 || name[at - 1] == ' ' || name[at - 1] == ':') &&
           !isalnum((unsigned char)name[at + size]) && name[at + size] != '_';
}

/* Where the name begins, behind the type of the result: templates' symbols have one. The name of an operator may hold
 * spaces and brackets itself. */
static size_t start_of_name(const char *name, size_t length)
{
    size_t depth = 0, start = 0;
    for (size_t i = 0; i < length; i++) {
        if (depth == 0 && is_operator(name, i))
            break;
        if (strchr("<([{", name[i]))
            depth++;
        else if (strchr(">)]}", name[i]) && depth > 0)
            depth--;
        else if (name[i] == ' ' && depth == 0)
            start = i + 1;
    }
    return start;
}

void oi_function_name_bare(char *name)
{
    size_t length = before_arguments(name, before_qualifiers(name, strlen(name)));
    size_t start = start_of_name(name, length);
    memmove(name, name + start, length - start);
    name[length - start] = '\0';
}

static decode_fn *decoder(const struct oi_export_host *host)
{
    static decode_fn *decode;
    static bool looked;
    if (looked)
        return decode;
    looked = true;
    host->unsafe_begin();
    void *library = dlopen("libstdc++.so.6", host->dlopen_flags);
    if (library)
        *(void **)&decode = dlsym(library, "__cxa_demangle");
    host->unsafe_end();
    return decode;
}

char *oi_function_name(const struct oi_export_host *host, const char *symbol)
{
    char *name = strdup(symbol);
    if (!name)
        return NULL;
    oi_function_name_whole(name);
    if (strncmp(name, "_Z", 2) != 0 || strlen(name) > DECODED_MAX)
        return name;
    decode_fn *decode = decoder(host);
    int status = -1;
    char *decoded = decode ? decode(name, NULL, NULL, &status) : NULL;
    if (!decoded || status != 0)
        return name;
    free(name);
    oi_function_name_bare(decoded);
    return decoded;
}
