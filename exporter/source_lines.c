#include "exporter/source_lines.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTIONS(X)                                                                                                   \
    X(elf_version)                                                                                                     \
    X(elf_begin)                                                                                                       \
    X(elf_cntl)                                                                                                        \
    X(elf_end)                                                                                                         \
    X(dwarf_begin_elf)                                                                                                 \
    X(dwarf_addrdie)                                                                                                   \
    X(dwarf_nextcu)                                                                                                    \
    X(dwarf_offdie)                                                                                                    \
    X(dwarf_haspc)                                                                                                     \
    X(dwarf_getscopes)                                                                                                 \
    X(dwarf_getscopes_die)                                                                                             \
    X(dwarf_tag)                                                                                                       \
    X(dwarf_diename)                                                                                                   \
    X(dwarf_attr_integrate)                                                                                            \
    X(dwarf_attr)                                                                                                      \
    X(dwarf_formref_die)                                                                                               \
    X(dwarf_formstring)                                                                                                \
    X(dwarf_formudata)                                                                                                 \
    X(dwarf_getsrc_die)                                                                                                \
    X(dwarf_linesrc)                                                                                                   \
    X(dwarf_lineno)                                                                                                    \
    X(dwarf_getsrcfiles)                                                                                               \
    X(dwarf_filesrc)

static struct {
#define FIELD(function) __typeof__(&(function)) function;
    FUNCTIONS(FIELD)
#undef FIELD
} dw;

struct oi_lines {
    Dwarf *dwarf;
};

struct source {
    const char *file; /* NULL: not known */
    int line;
};

static bool open_library(const struct oi_export_host *host)
{
    static const char *const names[] = {
#define NAME(function) #function,
        FUNCTIONS(NAME)
#undef NAME
    };
    void **slot = (void **)&dw;
    void *library = dlopen("libdw.so.1", host->dlopen_flags);
    if (!library)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!(slot[i] = dlsym(library, names[i])))
            return false;
    return dw.elf_version(EV_CURRENT) != EV_NONE;
}

static bool usable(const struct oi_export_host *host)
{
    static enum { UNTRIED, USABLE, UNUSABLE } state;
    if (state == UNTRIED) {
        host->unsafe_begin();
        state = open_library(host) ? USABLE : UNUSABLE;
        host->unsafe_end();
    }
    return state == USABLE;
}

struct oi_lines *oi_lines_open(const struct oi_export_host *host, int file)
{
    struct oi_lines *lines = usable(host) ? calloc(1, sizeof *lines) : NULL;
    Elf *elf = lines ? dw.elf_begin(file, ELF_C_READ_MMAP, NULL) : NULL;
    if (elf && dw.elf_cntl(elf, ELF_C_FDREAD) == 0) /* it is in memory: the descriptor is not needed any more */
        lines->dwarf = dw.dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    close(file);
    if (lines && lines->dwarf)
        return lines;
    if (elf)
        dw.elf_end(elf);
    free(lines);
    return NULL;
}

/* Compilers other than gcc leave the table of address ranges out. */
static bool find_unit(struct oi_lines *lines, uint64_t address, Dwarf_Die *unit)
{
    Dwarf_Off next;
    size_t header;
    if (dw.dwarf_addrdie(lines->dwarf, address, unit))
        return true;
    for (Dwarf_Off at = 0; dw.dwarf_nextcu(lines->dwarf, at, &next, &header, NULL, NULL, NULL) == 0; at = next)
        if (dw.dwarf_offdie(lines->dwarf, at + header, unit) && dw.dwarf_haspc(unit, address) > 0)
            return true;
    return false;
}

/* What encloses a declaration, if it is part of its name. */
static const char *qualifier_of(Dwarf_Die *scope, const char *function)
{
    const char *name = dw.dwarf_diename(scope);
    switch (dw.dwarf_tag(scope)) {
    case DW_TAG_namespace:
        return name ? name : "(anonymous namespace)";
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
        return name ? name : strcmp(function, "operator()") == 0 ? "{lambda}" : "{unnamed}";
    case DW_TAG_subprogram:
        return name;
    default:
        return NULL;
    }
}

/* In front of what is in the buffer. False: no room. */
static bool put_in_front(char *buffer, size_t size, const char *name)
{
    size_t length = strlen(name), used = strlen(buffer);
    if (length + used + sizeof "::" > size)
        return false;
    memmove(buffer + length + 2, buffer, used + 1);
    memcpy(buffer, name, length);
    memcpy(buffer + length, "::", 2);
    return true;
}

/* Where a function was declared: the copy that was inlined, or put apart from its class, refers to that. */
static Dwarf_Die declaration_of(Dwarf_Die function)
{
    Dwarf_Attribute attribute;
    Dwarf_Die next;
    while ((dw.dwarf_attr(&function, DW_AT_abstract_origin, &attribute) ||
            dw.dwarf_attr(&function, DW_AT_specification, &attribute)) &&
           dw.dwarf_formref_die(&attribute, &next))
        function = next;
    return function;
}

/* A name for what linkers do not see, by what is around its declaration. */
static char *qualified_name(Dwarf_Die *function)
{
    char name[1024];
    Dwarf_Die declared = declaration_of(*function), *scopes = NULL;
    const char *plain = dw.dwarf_diename(function);
    if (!plain || strlen(plain) >= sizeof name)
        return NULL;
    memcpy(name, plain, strlen(plain) + 1);
    int count = dw.dwarf_getscopes_die(&declared, &scopes);
    for (int i = 1; i < count; i++) {
        const char *qualifier = qualifier_of(&scopes[i], plain);
        if (qualifier && !put_in_front(name, sizeof name, qualifier))
            break;
    }
    free(scopes);
    return strdup(name);
}

static char *symbol_of(Dwarf_Die *function)
{
    Dwarf_Attribute attribute;
    const char *name = NULL;
    if (dw.dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute))
        name = dw.dwarf_formstring(&attribute);
    return name ? strdup(name) : qualified_name(function);
}

static bool number_of(Dwarf_Die *function, unsigned name, Dwarf_Word *number)
{
    Dwarf_Attribute attribute;
    return dw.dwarf_attr(function, name, &attribute) && dw.dwarf_formudata(&attribute, number) == 0;
}

/* Leaves "/." and "/name/.." out, in place. */
static void shorten(char *path)
{
    char *to = path;
    for (const char *at = path; *at;) {
        size_t length = 1 + strcspn(at + 1, "/");
        if (length == 3 && memcmp(at, "/..", 3) == 0) {
            while (to > path && *--to != '/') {
            }
        } else if (length > 2 || (length == 2 && at[1] != '.')) {
            memmove(to, at, length);
            to += length;
        }
        at += length;
    }
    *to = '\0';
}

/* A file's name as debug information has it: relative to where the compiler was run. */
static char *absolute(Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute attribute;
    const char *folder = "";
    if (!file)
        return NULL;
    if (file[0] != '/' && dw.dwarf_attr(unit, DW_AT_comp_dir, &attribute))
        folder = dw.dwarf_formstring(&attribute);
    if (!folder || (file[0] != '/' && folder[0] != '/'))
        return strdup(file);
    size_t length = strlen(folder);
    char *path = malloc(length + strlen(file) + 2);
    if (!path)
        return NULL;
    memcpy(path, folder, length);
    path[length] = '/';
    strcpy(path + length + (file[0] != '/'), file);
    shorten(path);
    return path;
}

/* Where an inlined function was called. */
static struct source call_of(Dwarf_Die *unit, Dwarf_Die *function)
{
    struct source source = {0};
    Dwarf_Files *files;
    Dwarf_Word number, line;
    size_t count;
    if (number_of(function, DW_AT_call_file, &number) && number_of(function, DW_AT_call_line, &line) &&
        dw.dwarf_getsrcfiles(unit, &files, &count) == 0 && number < count) {
        source.file = dw.dwarf_filesrc(files, number, NULL, NULL);
        source.line = (int)line;
    }
    return source;
}

static struct source source_of(Dwarf_Die *unit, uint64_t address)
{
    struct source source = {0};
    Dwarf_Line *line = dw.dwarf_getsrc_die(unit, address);
    if (line && dw.dwarf_lineno(line, &source.line) == 0)
        source.file = dw.dwarf_linesrc(line, NULL, NULL);
    return source;
}

static struct oi_place place_of(Dwarf_Die *unit, Dwarf_Die *function, struct source source)
{
    return (struct oi_place){function ? symbol_of(function) : NULL, absolute(unit, source.file), source.line};
}

/* From the innermost function outwards, through inlined ones to the one that has the code. */
static size_t climb(Dwarf_Die *unit, struct source source, Dwarf_Die *scopes, int count, struct oi_place *places,
                    size_t most)
{
    size_t found = 0;
    for (int i = 0; i < count && found < most; i++) {
        int tag = dw.dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
            continue;
        places[found++] = place_of(unit, &scopes[i], source);
        if (tag == DW_TAG_subprogram)
            break;
        source = call_of(unit, &scopes[i]);
    }
    return found;
}

size_t oi_lines_find(struct oi_lines *lines, uint64_t address, struct oi_place *places, size_t most)
{
    Dwarf_Die unit, *around = NULL, *scopes = NULL;
    size_t found = 0;
    if (most == 0 || !find_unit(lines, address, &unit))
        return 0;
    struct source source = source_of(&unit, address);
    /* The first names what is around by where it was written; the second by where it was put. */
    int count = dw.dwarf_getscopes(&unit, address, &around);
    if (count > 0)
        count = dw.dwarf_getscopes_die(&around[0], &scopes);
    if (count > 0)
        found = climb(&unit, source, scopes, count, places, most);
    if (found == 0 && source.file)
        places[found++] = place_of(&unit, NULL, source);
    free(scopes);
    free(around);
    return found;
}
