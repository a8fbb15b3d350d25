#include "launcher/probe.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher/elf_file.h"
#include "launcher/find.h"

enum {
    SCRIPT_LINE = 256, /* what the kernel reads of a #! line (BINPRM_BUF_SIZE) */
    SCRIPT_DEPTH = 5,  /* how often it follows one */
};

struct search {
    struct oi_probe *probe;
    const char *first; /* the program as asked for */
    const char *path;  /* PATH */
    const char *library;
};

/* "FIRST is …" or "FIRST is run by PROGRAM, which is …", then the rest. */
static void report(struct search *search, const char *program, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void report(struct search *search, const char *program, const char *format, ...)
{
    struct oi_probe *probe = search->probe;
    char what[512];
    va_list values;

    va_start(values, format);
    vsnprintf(what, sizeof(what), format, values);
    va_end(values);
    if (program == search->first)
        snprintf(probe->reason, sizeof(probe->reason), "%.300s %s", program, what);
    else
        snprintf(probe->reason, sizeof(probe->reason), "%.300s is run by %.200s, which %s", search->first, program,
                 what);
}

static void refuse(struct search *search, const char *program, const char *what)
{
    report(search, program, "%s: it runs without telemetry", what);
    search->probe->untouched = true;
}

/* --- programs that run with other rights: their loader ignores LD_PRELOAD ----------------------------------------- */

static const char *other_rights(const char *path)
{
    struct stat status;
    struct statvfs mount;
    bool same = geteuid() == getuid() && getegid() == getgid();

    if (!same)
        return "is started with changed user or group rights";
    if (stat(path, &status) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
        (statvfs(path, &mount) == 0 && (mount.f_flag & ST_NOSUID)))
        return NULL;
    if ((status.st_mode & S_ISUID) && status.st_uid != getuid())
        return "is setuid";
    if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getgid())
        return "is setgid";
    if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
        return "has file capabilities";
    return NULL;
}

/* --- ELF ---------------------------------------------------------------------------------------------------------- */

/* A program with a dynamic loader of its own brings a C library of its own: is that new enough for our object? */
static void compare_libc(struct search *search, const char *program, const struct oi_elf_file *file)
{
    static struct oi_elf_file self;
    char loader[PATH_MAX], libc[PATH_MAX + 16];
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    oi_elf_read(fd, &self);
    close(fd);
    if (strcmp(self.interp, file->interp) == 0 || !search->library || !realpath(file->interp, loader))
        return;
    *strrchr(loader, '/') = '\0';
    snprintf(libc, sizeof(libc), "%s/libc.so.6", loader);
    unsigned has = oi_elf_highest_glibc(libc), needs = oi_elf_highest_glibc(search->library);
    if (has && needs && has < needs) {
        report(search, program, "brings glibc 2.%u, and 2.%u is needed: it runs without telemetry", has, needs);
        search->probe->untouched = true;
    }
}

static void probe_elf(struct search *search, const char *program, const struct oi_elf_file *file)
{
    const char *loader = strrchr(file->interp, '/') ? strrchr(file->interp, '/') + 1 : file->interp;
    const char *rights = other_rights(program);

    if (file->is_32_bit)
        refuse(search, program, "is a 32-bit program");
    else if (file->other_machine)
        refuse(search, program, "is built for another kind of machine");
    else if (rights)
        refuse(search, program, rights);
    else if (!file->complete || file->is_loader)
        return;
    else if (!file->interp[0])
        refuse(search, program, "is statically linked");
    else if (strncmp(loader, "ld-musl", 7) == 0)
        refuse(search, program, "uses musl, not glibc");
    else if (strncmp(loader, "ld-linux", 8) != 0 && strncmp(loader, "ld-lsb", 6) != 0 &&
             strncmp(loader, "ld-2.", 5) != 0)
        refuse(search, program, "uses another C library than glibc");
    else
        compare_libc(search, program, file);
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

/* The next word at `*at`, cut off with a NUL; NULL at the end. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t");

    if (!*word)
        return NULL;
    *at = word + strcspn(word, " \t");
    if (**at)
        *(*at)++ = '\0';
    return word;
}

/* What `env` will start, given its arguments on a #! line: -S splits them, options and assignments come before the
 * name. */
static bool through_env(char *arguments, const char *path, char *found, size_t size)
{
    const char *why;
    char *word;

    while ((word = next_word(&arguments))) {
        if (strncmp(word, "-S", 2) == 0 && word[2])
            word += 2;
        if (word[0] != '-' && !strchr(word, '='))
            return oi_find_command(word, path, found, size, &why) == 0;
    }
    return false;
}

/* The program that `line`, the first bytes of a script, asks for. False: it asks for none that can be told. */
static bool script_program(char *line, const char *path, char *found, size_t size)
{
    char *end = strpbrk(line, "\n"), *at = line + 2, *interpreter;

    if (end)
        *end = '\0';
    interpreter = next_word(&at);
    if (!interpreter || strlen(interpreter) >= size)
        return false;
    const char *name = strrchr(interpreter, '/') ? strrchr(interpreter, '/') + 1 : interpreter;
    if (strcmp(name, "env") == 0 && through_env(at, path, found, size))
        return true;
    strcpy(found, interpreter);
    return true;
}

void oi_probe(struct oi_probe *probe, const char *path, const char *search_path, const char *library)
{
    static struct oi_elf_file file;
    static char programs[2][PATH_MAX];
    struct search search = {.probe = probe, .first = path, .path = search_path, .library = library};
    const char *program = path;

    memset(probe, 0, sizeof(*probe));
    for (int depth = 0; depth <= SCRIPT_DEPTH; depth++) {
        char line[SCRIPT_LINE] = "";
        int fd = open(program, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
            /* May be executed though not read. */
            const char *rights = other_rights(program);
            if (rights)
                refuse(&search, program, rights);
            return;
        }
        bool script = pread(fd, line, sizeof(line) - 1, 0) > 2 && line[0] == '#' && line[1] == '!';
        if (!script)
            oi_elf_read(fd, &file);
        close(fd);
        if (!script) {
            if (file.is_elf)
                probe_elf(&search, program, &file);
            return;
        }
        char *next = programs[depth % 2];
        if (!script_program(line, search.path, next, PATH_MAX))
            return;
        program = next;
    }
}
