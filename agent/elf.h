/* Reading loaded ELF objects without the loader's lock: dlsym takes it, and a hook that waits for it can deadlock a
 * program that does not (a plugin whose constructor joins a thread). */
#ifndef OI_AGENT_ELF_H
#define OI_AGENT_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the functions that our dlsym needs from the start: AddressSanitizer's runtime asks it before its shadow memory is
 * there. */
#define OI_UNSHADOWED __attribute__((no_sanitize_address))

/* A loaded object: what dl_iterate_phdr tells, plus the tables of its dynamic section. */
struct oi_object {
    uintptr_t start, end; /* its mapping */
    uintptr_t bias;
    const char *path; /* "" for the program itself */
    const char *soname;
    const char *strings;
    const ElfW(Sym) * symbols;
    const uint32_t *gnu_hash;
    const ElfW(Half) * versions;
    const ElfW(Verneed) * needed_versions;
    const ElfW(Verdef) * defined_versions;
    const ElfW(Dyn) * dynamic;
};

/* Fills `object` from an entry of dl_iterate_phdr. False: no dynamic section, or the kernel's. */
bool oi_object_read(const struct dl_phdr_info *info, struct oi_object *object);

/* The same from the loader's own list, without start and end; also of the kernel's. Before libc or a sanitizer's
 * runtime is ready too: calls nothing. */
bool oi_object_read_map(const struct link_map *map, struct oi_object *object);

/* Whether the address lies in the object: much cheaper than reading it. */
bool oi_object_holds(const struct dl_phdr_info *info, uintptr_t address);

/* The address of the function `name` that the object itself defines (its default version); NULL: none. Calls nothing.
 */
void *oi_object_function(const struct oi_object *object, const char *name);

/* The symbol version with which the object asks for `name`, or defines it itself; NULL: it does neither, or has none.
 */
const char *oi_object_version(const struct oi_object *object, const char *name);

/* True if the loader would take a definition of this object for a reference with that version: the object defines the
 * version, or has none at all. */
bool oi_object_defines_version(const struct oi_object *object, const char *version);

/* A place into which the loader writes the address of something that another object defines. */
struct oi_import {
    void **slot;
    const char *name;
    uint32_t symbol; /* for oi_object_import_version */
    bool late;       /* perhaps not before its first call: until then it leads into the object itself */
};

/* Calls `visit` for each of them: none, where the object has text relocations. Then such a place may lie in memory that
 * is read-only, or amid code. */
void oi_object_imports(const struct oi_object *object, void (*visit)(const struct oi_import *import, void *user),
                       void *user);

/* The symbol version that an import asks for; NULL: none. */
const char *oi_object_import_version(const struct oi_object *object, uint32_t symbol);

/* True if the object names `soname` as DT_NEEDED. */
bool oi_object_needs(const struct oi_object *object, const char *soname);

#endif
