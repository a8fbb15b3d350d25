#include "exporter/object_file.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SYMBOLS_AT_ONCE = 2048, /* 48 KiB */
    NOTE_MAX = 4096,
    BUILD_ID_MAX = 64,
};

struct sections {
    Elf64_Shdr *headers;
    size_t count;
};

static bool read_at(int file, void *to, size_t size, uint64_t at)
{
    return pread(file, to, size, (off_t)at) == (ssize_t)size;
}

static bool open_regular(const char *path, int *file)
{
    struct stat status;
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*file < 0)
        return false;
    if (fstat(*file, &status) == 0 && S_ISREG(status.st_mode))
        return true;
    close(*file);
    return false;
}

int oi_object_open(const struct oi_image *image)
{
    uint64_t start[OI_IMAGE_LOOK / sizeof(uint64_t)] = {0};
    int file;
    if (!open_regular(image->path[0] ? image->path : "/proc/self/exe", &file))
        return -1;
    if (pread(file, start, sizeof start, 0) > 0 && oi_image_look(start) == image->look)
        return file;
    close(file);
    return -1;
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

/* The caller frees sections->headers. */
static bool read_sections(int file, struct sections *sections)
{
    Elf64_Ehdr header;
    *sections = (struct sections){0};
    if (!read_at(file, &header, sizeof header, 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0)
        return false;
    size_t size = header.e_shnum * sizeof(Elf64_Shdr);
    sections->headers = malloc(size);
    sections->count = header.e_shnum;
    if (sections->headers && read_at(file, sections->headers, size, header.e_shoff))
        return true;
    free(sections->headers);
    sections->headers = NULL;
    return false;
}

static const Elf64_Shdr *section_of(const struct sections *sections, uint32_t type)
{
    for (size_t i = 0; i < sections->count; i++)
        if (sections->headers[i].sh_type == type)
            return &sections->headers[i];
    return NULL;
}

/* A note: three words (length of name, length of content, type), the name, the content, each filled up to 4 bytes. */
static size_t build_id_in(const unsigned char *notes, size_t size, unsigned char id[static BUILD_ID_MAX])
{
    for (size_t at = 0; at + 12 <= size;) {
        uint32_t words[3];
        memcpy(words, notes + at, sizeof words);
        if (words[0] > size || words[1] > size)
            return 0;
        size_t name = at + 12, content = name + ((words[0] + 3U) & ~3U), next = content + ((words[1] + 3U) & ~3U);
        if (content + words[1] > size)
            return 0;
        if (words[2] == NT_GNU_BUILD_ID && words[0] == 4 && memcmp(notes + name, "GNU", 4) == 0 && words[1] > 1 &&
            words[1] <= BUILD_ID_MAX) {
            memcpy(id, notes + content, words[1]);
            return words[1];
        }
        at = next;
    }
    return 0;
}

static size_t build_id_of(int file, unsigned char id[static BUILD_ID_MAX])
{
    struct sections sections;
    unsigned char notes[NOTE_MAX];
    size_t length = 0;
    if (!read_sections(file, &sections))
        return 0;
    for (size_t i = 0; i < sections.count && length == 0; i++) {
        const Elf64_Shdr *section = &sections.headers[i];
        if (section->sh_type == SHT_NOTE && section->sh_size <= sizeof notes &&
            read_at(file, notes, section->sh_size, section->sh_offset))
            length = build_id_in(notes, section->sh_size, id);
    }
    free(sections.headers);
    return length;
}

int oi_object_open_debug(int file)
{
    unsigned char id[BUILD_ID_MAX], other[BUILD_ID_MAX];
    char path[64 + 2 * BUILD_ID_MAX] = "/usr/lib/debug/.build-id/";
    size_t length = build_id_of(file, id), used = strlen(path);
    int debug;
    if (length == 0)
        return -1;
    for (size_t i = 0; i < length; i++)
        used += (size_t)snprintf(path + used, sizeof path - used, i == 0 ? "%02x/" : "%02x", id[i]);
    snprintf(path + used, sizeof path - used, ".debug");
    if (!open_regular(path, &debug))
        return -1;
    if (build_id_of(debug, other) == length && memcmp(id, other, length) == 0)
        return debug;
    close(debug);
    return -1;
}

bool oi_object_has_debug(int file)
{
    struct sections sections;
    char name[sizeof ".debug_info"];
    Elf64_Ehdr header;
    bool found = false;
    if (!read_at(file, &header, sizeof header, 0) || !read_sections(file, &sections))
        return false;
    if (header.e_shstrndx < sections.count) {
        uint64_t names = sections.headers[header.e_shstrndx].sh_offset;
        for (size_t i = 0; i < sections.count && !found; i++)
            found = sections.headers[i].sh_type == SHT_PROGBITS &&
                    read_at(file, name, sizeof name, names + sections.headers[i].sh_name) &&
                    memcmp(name, ".debug_info", sizeof name) == 0;
    }
    free(sections.headers);
    return found;
}

/* --- symbols ------------------------------------------------------------------------------------------------------ */

/* Of several names of one function the global one is what programmers know. */
static int rank_of(const Elf64_Sym *symbol)
{
    switch (ELF64_ST_BIND(symbol->st_info)) {
    case STB_GLOBAL:
        return 3;
    case STB_WEAK:
        return 2;
    default:
        return 1;
    }
}

static bool reaches(const Elf64_Sym *symbol, uint64_t address)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF &&
           address >= symbol->st_value && address - symbol->st_value < symbol->st_size;
}

/* Looks through a symbol table; false: nothing of it reaches `address`. */
static bool best_of(int file, const Elf64_Shdr *table, uint64_t address, Elf64_Sym *best)
{
    Elf64_Sym *some = malloc(SYMBOLS_AT_ONCE * sizeof *some);
    int rank = 0;
    uint64_t count = table->sh_size / sizeof *some;
    for (uint64_t at = 0; some && at < count; at += SYMBOLS_AT_ONCE) {
        size_t now = count - at < SYMBOLS_AT_ONCE ? (size_t)(count - at) : SYMBOLS_AT_ONCE;
        if (!read_at(file, some, now * sizeof *some, table->sh_offset + at * sizeof *some))
            break;
        for (size_t i = 0; i < now; i++)
            if (reaches(&some[i], address) && rank_of(&some[i]) > rank) {
                *best = some[i];
                rank = rank_of(best);
            }
    }
    free(some);
    return rank > 0;
}

static bool read_name(int file, const struct sections *sections, const Elf64_Shdr *table, const Elf64_Sym *found,
                      struct oi_symbol *symbol)
{
    if (table->sh_link >= sections->count)
        return false;
    const Elf64_Shdr *names = &sections->headers[table->sh_link];
    if (found->st_name >= names->sh_size)
        return false;
    uint64_t left = names->sh_size - found->st_name;
    size_t size = left < sizeof symbol->name ? (size_t)left : sizeof symbol->name;
    if (!read_at(file, symbol->name, size, names->sh_offset + found->st_name))
        return false;
    symbol->start = found->st_value;
    return symbol->name[0] != '\0' && memchr(symbol->name, '\0', size);
}

bool oi_object_symbol(int file, uint64_t address, bool full, struct oi_symbol *symbol)
{
    struct sections sections;
    Elf64_Sym best;
    if (!read_sections(file, &sections))
        return false;
    const Elf64_Shdr *table = section_of(&sections, full ? SHT_SYMTAB : SHT_DYNSYM);
    bool found = table && table->sh_entsize == sizeof best && best_of(file, table, address, &best) &&
                 read_name(file, &sections, table, &best, symbol);
    free(sections.headers);
    return found;
}
