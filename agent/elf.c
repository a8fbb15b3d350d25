#include "agent/elf.h"

#include <string.h>

/* glibc relocates the addresses of the dynamic section in place; a value below the load bias was left alone. */
static OI_UNSHADOWED uintptr_t relocated(const struct oi_object *object, uintptr_t value)
{
    return value < object->bias ? object->bias + value : value;
}

static OI_UNSHADOWED void read_dynamic(struct oi_object *object)
{
    uintptr_t soname = 0;
    bool named = false;
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++) {
        switch (entry->d_tag) {
        case DT_STRTAB:
            object->strings = (const char *)relocated(object, entry->d_un.d_ptr);
            break;
        case DT_SYMTAB:
            object->symbols = (const void *)relocated(object, entry->d_un.d_ptr);
            break;
        case DT_GNU_HASH:
            object->gnu_hash = (const void *)relocated(object, entry->d_un.d_ptr);
            break;
        case DT_VERSYM:
            object->versions = (const void *)relocated(object, entry->d_un.d_ptr);
            break;
        case DT_VERNEED:
            object->needed_versions = (const void *)relocated(object, entry->d_un.d_ptr);
            break;
        case DT_VERDEF:
            object->defined_versions = (const void *)relocated(object, entry->d_un.d_ptr);
            break;
        case DT_SONAME:
            soname = entry->d_un.d_val;
            named = true;
            break;
        default:
            break;
        }
    }
    if (named && object->strings)
        object->soname = object->strings + soname;
}

bool oi_object_read(const struct dl_phdr_info *info, struct oi_object *object)
{
    memset(object, 0, sizeof *object);
    object->bias = info->dlpi_addr;
    object->path = info->dlpi_name ? info->dlpi_name : "";
    object->start = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t at = object->bias + header->p_vaddr;
        if (header->p_type == PT_DYNAMIC)
            object->dynamic = (const void *)at;
        if (header->p_type != PT_LOAD)
            continue;
        if (at < object->start)
            object->start = at;
        if (at + header->p_memsz > object->end)
            object->end = at + header->p_memsz;
    }
    if (!object->dynamic || strncmp(object->path, "linux-vdso", 10) == 0 ||
        strncmp(object->path, "linux-gate", 10) == 0)
        return false;
    read_dynamic(object);
    return object->strings && object->symbols;
}

OI_UNSHADOWED bool oi_object_read_map(const struct link_map *map, struct oi_object *object)
{
    *object = (struct oi_object){.bias = map->l_addr, .path = map->l_name ? map->l_name : "", .dynamic = map->l_ld};
    if (!object->dynamic)
        return false;
    read_dynamic(object);
    return object->strings && object->symbols;
}

bool oi_object_holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && address - info->dlpi_addr - header->p_vaddr < header->p_memsz)
            return true;
    }
    return false;
}

/* Not strcmp: a sanitizer's wrapper of it does not work yet when its runtime asks dlsym for libc's. */
static OI_UNSHADOWED bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static OI_UNSHADOWED uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

static OI_UNSHADOWED bool is_function(const struct oi_object *object, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_value == 0 || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC)
        return false;
    if (object->versions && (object->versions[index] & 0x8000) != 0) /* hidden: not the default version */
        return false;
    return same(object->strings + symbol->st_name, name);
}

/* Index of the function that the object defines; 0: none. The layout of DT_GNU_HASH: bucket count, first symbol, filter
 * words, shift; filter; buckets; chain. */
static OI_UNSHADOWED uint32_t find_function(const struct oi_object *object, const char *name)
{
    const uint32_t *table = object->gnu_hash;
    if (!table)
        return 0;
    uint32_t buckets = table[0], first = table[1], words = table[2], shift = table[3];
    const ElfW(Addr) *filter = (const void *)(table + 4);
    const uint32_t *bucket = (const uint32_t *)(const void *)(filter + words);
    const uint32_t *chain = bucket + buckets;
    if (buckets == 0 || words == 0)
        return 0;
    uint32_t hash = gnu_hash(name), bits = 8 * sizeof(ElfW(Addr));
    ElfW(Addr) word = filter[hash / bits % words];
    if (((word >> (hash % bits)) & (word >> ((hash >> shift) % bits)) & 1) == 0)
        return 0;
    uint32_t index = bucket[hash % buckets];
    if (index < first)
        return 0;
    for (;; index++) {
        uint32_t entry = chain[index - first];
        if ((entry | 1) == (hash | 1) && is_function(object, index, name))
            return index;
        if (entry & 1)
            return 0;
    }
}

OI_UNSHADOWED void *oi_object_function(const struct oi_object *object, const char *name)
{
    uint32_t index = find_function(object, name);
    return index ? (void *)(object->bias + object->symbols[index].st_value) : NULL;
}

/* What stands `offset` bytes further on in a chain of version records. */
static const void *after(const void *record, size_t offset)
{
    return (const char *)record + offset;
}

static const char *needed_version(const struct oi_object *object, unsigned number)
{
    for (const ElfW(Verneed) *file = object->needed_versions; file; file = after(file, file->vn_next)) {
        const ElfW(Vernaux) *version = after(file, file->vn_aux);
        for (unsigned i = 0; i < file->vn_cnt; i++, version = after(version, version->vna_next)) {
            if ((version->vna_other & 0x7fff) == number)
                return object->strings + version->vna_name;
        }
        if (file->vn_next == 0)
            break;
    }
    return NULL;
}

/* The object's own version of that number, or of that name: whichever is asked for. */
static const char *defined_version(const struct oi_object *object, unsigned number, const char *name)
{
    for (const ElfW(Verdef) *version = object->defined_versions; version; version = after(version, version->vd_next)) {
        const ElfW(Verdaux) *names = after(version, version->vd_aux);
        const char *own = object->strings + names->vda_name;
        bool base = (version->vd_flags & VER_FLG_BASE) != 0; /* the file's name, no version */
        if (!base && (name ? strcmp(own, name) == 0 : version->vd_ndx == number))
            return own;
        if (version->vd_next == 0)
            break;
    }
    return NULL;
}

const char *oi_object_import_version(const struct oi_object *object, uint32_t symbol)
{
    if (!object->versions)
        return NULL;
    unsigned number = object->versions[symbol] & 0x7fff;
    const char *version = needed_version(object, number);
    return version ? version : defined_version(object, number, NULL);
}

const char *oi_object_version(const struct oi_object *object, const char *name)
{
    if (!object->versions || !object->gnu_hash)
        return NULL;
    uint32_t first_hashed = object->gnu_hash[1]; /* what the object asks others for stands before */
    uint32_t index = 1;
    while (index < first_hashed && strcmp(object->strings + object->symbols[index].st_name, name) != 0)
        index++;
    if (index >= first_hashed && (index = find_function(object, name)) == 0)
        return NULL;
    return oi_object_import_version(object, index);
}

bool oi_object_defines_version(const struct oi_object *object, const char *version)
{
    return !object->defined_versions || defined_version(object, 0, version) != NULL;
}

bool oi_object_needs(const struct oi_object *object, const char *soname)
{
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_NEEDED && strcmp(object->strings + entry->d_un.d_val, soname) == 0)
            return true;
    }
    return false;
}

#if defined __x86_64__
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT, ABSOLUTE = R_X86_64_64 };
#elif defined __aarch64__
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT, ABSOLUTE = R_AARCH64_ABS64 };
#else
#error "relocations are known for x86-64 and arm64"
#endif

static void visit_relocations(const struct oi_object *object, const ElfW(Rela) * relocation, size_t size,
                              void (*visit)(const struct oi_import *import, void *user), void *user)
{
    for (size_t i = 0; relocation && i < size / sizeof *relocation; i++, relocation++) {
        uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info), index = (uint32_t)ELF64_R_SYM(relocation->r_info);
        bool plain = type == JUMP_SLOT || type == GLOB_DAT || (type == ABSOLUTE && relocation->r_addend == 0);
        if (!plain || index == 0 || object->symbols[index].st_shndx != SHN_UNDEF)
            continue;
        struct oi_import import = {
            .slot = (void **)(object->bias + relocation->r_offset),
            .name = object->strings + object->symbols[index].st_name,
            .symbol = index,
            .late = type == JUMP_SLOT,
        };
        visit(&import, user);
    }
}

void oi_object_imports(const struct oi_object *object, void (*visit)(const struct oi_import *import, void *user),
                       void *user)
{
    uintptr_t calls = 0, others = 0;
    size_t calls_size = 0, others_size = 0;
    bool in_text = false;
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_JMPREL)
            calls = relocated(object, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_PLTRELSZ)
            calls_size = entry->d_un.d_val;
        else if (entry->d_tag == DT_RELA)
            others = relocated(object, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_RELASZ)
            others_size = entry->d_un.d_val;
        else if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
            in_text = true;
    }
    if (in_text)
        return;
    visit_relocations(object, (const ElfW(Rela) *)calls, calls_size, visit, user);
    visit_relocations(object, (const ElfW(Rela) *)others, others_size, visit, user);
}
