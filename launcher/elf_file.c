#include "launcher/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "no such machine is supported"
#endif

enum {
    MAX_SEGMENTS = 1170, /* the kernel takes 64 KiB of program headers at most */
    MAX_DYNAMIC = 4096,
    MAX_STRINGS = 1 << 20,
};

struct image {
    int fd;
    size_t segments;
    Elf64_Phdr segment[MAX_SEGMENTS];
};

/* The dynamic section's entries that matter here. */
struct dynamic {
    size_t count;
    Elf64_Dyn entry[MAX_DYNAMIC];
};

static size_t read_at(int fd, void *to, size_t size, uint64_t offset)
{
    size_t have = 0;

    while (have < size && offset + have <= INT64_MAX) {
        ssize_t got = pread(fd, (char *)to + have, size - have, (off_t)(offset + have));
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

static const Elf64_Phdr *find_segment(const struct image *image, uint32_t type)
{
    for (size_t i = 0; i < image->segments; i++)
        if (image->segment[i].p_type == type)
            return &image->segment[i];
    return NULL;
}

/* Where the byte that will be at `address` lies in the file; UINT64_MAX: nowhere. */
static uint64_t file_offset(const struct image *image, uint64_t address)
{
    for (size_t i = 0; i < image->segments; i++) {
        const Elf64_Phdr *load = &image->segment[i];
        if (load->p_type == PT_LOAD && address >= load->p_vaddr && address - load->p_vaddr < load->p_filesz &&
            load->p_offset <= INT64_MAX)
            return load->p_offset + (address - load->p_vaddr);
    }
    return UINT64_MAX;
}

/* A NUL-terminated text in the file; "" if it is not there or does not fit. */
static void read_text(int fd, uint64_t offset, char *text, size_t size)
{
    size_t have = offset == UINT64_MAX ? 0 : read_at(fd, text, size, offset);

    if (!have || !memchr(text, '\0', have))
        text[0] = '\0';
}

/* Reads the header and the segments. False: not a file whose segments we can tell. */
static bool read_image(struct image *image, struct oi_elf_file *file)
{
    Elf64_Ehdr header = {0};
    size_t have = read_at(image->fd, &header, sizeof(header), 0);

    image->segments = 0;
    if (have < EI_NIDENT + 4 || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    /* e_type and e_machine are at the same place in both classes. */
    file->is_elf = true;
    file->is_32_bit = header.e_ident[EI_CLASS] == ELFCLASS32;
    file->other_machine = header.e_ident[EI_DATA] != ELFDATA2LSB || (!file->is_32_bit && header.e_machine != MACHINE);
    if (have < sizeof(header) || header.e_ident[EI_CLASS] != ELFCLASS64 || file->other_machine ||
        (header.e_type != ET_EXEC && header.e_type != ET_DYN) || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phnum == 0 || header.e_phnum > MAX_SEGMENTS)
        return false;
    size_t size = header.e_phnum * sizeof(Elf64_Phdr);
    if (read_at(image->fd, image->segment, size, header.e_phoff) != size)
        return false;
    image->segments = header.e_phnum;
    return true;
}

static void read_dynamic(const struct image *image, struct dynamic *dynamic)
{
    const Elf64_Phdr *segment = find_segment(image, PT_DYNAMIC);

    dynamic->count = 0;
    if (!segment)
        return;
    size_t size = segment->p_filesz < sizeof(dynamic->entry) ? (size_t)segment->p_filesz : sizeof(dynamic->entry);
    size_t count = read_at(image->fd, dynamic->entry, size, segment->p_offset) / sizeof(Elf64_Dyn);
    while (dynamic->count < count && dynamic->entry[dynamic->count].d_tag != DT_NULL)
        dynamic->count++;
}

static uint64_t dynamic_value(const struct dynamic *dynamic, Elf64_Sxword tag)
{
    for (size_t i = 0; i < dynamic->count; i++)
        if (dynamic->entry[i].d_tag == tag)
            return dynamic->entry[i].d_un.d_val;
    return UINT64_MAX;
}

static void read_names(const struct image *image, const struct dynamic *dynamic, struct oi_elf_file *file)
{
    uint64_t strings = dynamic_value(dynamic, DT_STRTAB);
    char name[64];

    for (size_t i = 0; i < dynamic->count && strings != UINT64_MAX; i++) {
        Elf64_Sxword tag = dynamic->entry[i].d_tag;
        uint64_t at = file_offset(image, strings + dynamic->entry[i].d_un.d_val);
        if (tag == DT_SONAME) {
            read_text(image->fd, at, name, sizeof(name));
            file->is_loader = strncmp(name, "ld-linux", 8) == 0;
        }
    }
}

void oi_elf_read(int fd, struct oi_elf_file *file)
{
    static struct image image;
    static struct dynamic dynamic;

    memset(file, 0, sizeof(*file));
    image.fd = fd;
    if (!read_image(&image, file))
        return;
    file->complete = true;
    const Elf64_Phdr *interp = find_segment(&image, PT_INTERP);
    if (interp) {
        read_text(fd, interp->p_offset, file->interp, sizeof(file->interp));
        /* One that cannot be read is not a static program: say nothing. */
        file->complete = file->interp[0] != '\0';
    }
    read_dynamic(&image, &dynamic);
    read_names(&image, &dynamic, file);
}

unsigned oi_elf_highest_glibc(const char *path)
{
    static struct image image;
    static struct dynamic dynamic;
    static const char prefix[] = "GLIBC_2.";
    struct oi_elf_file file = {0};
    unsigned highest = 0;
    char *strings = NULL;

    image.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (image.fd < 0)
        return 0;
    if (read_image(&image, &file)) {
        read_dynamic(&image, &dynamic);
        uint64_t at = dynamic_value(&dynamic, DT_STRTAB), size = dynamic_value(&dynamic, DT_STRSZ);
        at = at == UINT64_MAX ? at : file_offset(&image, at);
        if (at != UINT64_MAX && size <= MAX_STRINGS && (strings = calloc(1, (size_t)size + 1))) {
            size_t have = read_at(image.fd, strings, (size_t)size, at);
            for (size_t i = 0; i < have; i += strlen(strings + i) + 1) {
                unsigned minor = 0;
                if (strncmp(strings + i, prefix, sizeof(prefix) - 1) == 0)
                    minor = (unsigned)strtoul(strings + i + sizeof(prefix) - 1, NULL, 10);
                highest = minor > highest ? minor : highest;
            }
        }
    }
    free(strings);
    close(image.fd);
    return highest;
}
