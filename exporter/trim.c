#include "exporter/trim.h"

#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RANGES_MAX = 256, PAGES_AT_ONCE = 512 };

struct range {
    uintptr_t start, end;
};

struct ranges {
    bool found; /* our own object has been passed: this one and later ones came with it */
    size_t count;
    size_t page;
    struct range at[RANGES_MAX];
};

static bool holds(const struct dl_phdr_info *object, uintptr_t address)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && address - object->dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return true;
    }
    return false;
}

/* Called with the loader's lock held: only notes what there is. Objects come in the order of loading. */
static int note(struct dl_phdr_info *object, size_t size, void *user)
{
    struct ranges *ranges = user;
    (void)size;
    ranges->found = ranges->found || holds(object, (uintptr_t)oi_trim);
    for (size_t i = 0; ranges->found && i < object->dlpi_phnum && ranges->count < RANGES_MAX; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
            continue;
        uintptr_t start = object->dlpi_addr + segment->p_vaddr, mask = ranges->page - 1;
        ranges->at[ranges->count++] = (struct range){start & ~mask, (start + segment->p_memsz + mask) & ~mask};
    }
    return 0;
}

/* /proc/self/pagemap, bits 63 and 61: the page is present, and it is the file's (a written copy is not). */
static bool droppable(uint64_t entry)
{
    return (entry >> 63 & 1) && (entry >> 61 & 1);
}

static void trim_range(int pagemap, struct range range, size_t page)
{
    uint64_t entries[PAGES_AT_ONCE];
    while (range.start < range.end) {
        size_t pages = (range.end - range.start) / page;
        pages = pages < PAGES_AT_ONCE ? pages : PAGES_AT_ONCE;
        ssize_t got = pread(pagemap, entries, pages * sizeof *entries, (off_t)(range.start / page * sizeof *entries));
        if (got != (ssize_t)(pages * sizeof *entries))
            return;
        for (size_t i = 0; i < pages;) {
            size_t run = 0;
            while (i + run < pages && droppable(entries[i + run]))
                run++;
            if (run > 0)
                madvise((void *)(range.start + i * page), run * page, MADV_DONTNEED);
            i += run + 1;
        }
        range.start += pages * page;
    }
}

void oi_trim(void)
{
    static struct ranges ranges;
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return;
    ranges = (struct ranges){.page = (size_t)sysconf(_SC_PAGESIZE)};
    dl_iterate_phdr(note, &ranges);
    for (size_t i = 0; i < ranges.count; i++)
        trim_range(pagemap, ranges.at[i], ranges.page);
    close(pagemap);
}
