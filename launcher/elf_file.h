/* What the launcher wants to know of an ELF file.
 *
 * Reads with bounded pread only: files are hostile (truncated, counts in the billions, offsets beyond the end), and
 * what cannot be read is unknown, never an error of ours: whether the file can run is the kernel's to say. Layout:
 * elf(5).
 */
#ifndef OI_LAUNCHER_ELF_FILE_H
#define OI_LAUNCHER_ELF_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct oi_elf_file {
    bool is_elf;
    bool is_32_bit;
    bool other_machine; /* not the one the launcher was built for */
    bool complete;      /* the program headers could be read: the rest is to be trusted */
    bool is_loader;     /* a dynamic loader itself */
    char interp[256];   /* the dynamic loader asked for; "": none, or too long to be one */
};

/* Reads the open file. */
void oi_elf_read(int fd, struct oi_elf_file *file);

/* The highest N of the GLIBC_2.N versions a shared object defines or needs; 0: none found. */
unsigned oi_elf_highest_glibc(const char *path);

#endif
