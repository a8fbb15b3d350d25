/* What the launcher says of a program before it starts: files crafted for each case, and hostile ones. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher/elf_file.h"
#include "launcher/probe.h"
#include "tests/unit/run.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define OTHER_MACHINE EM_AARCH64
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#else
#define MACHINE EM_AARCH64
#define OTHER_MACHINE EM_X86_64
#define LOADER "/lib/ld-linux-aarch64.so.1"
#endif

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const char *put_file(const char *name, const void *bytes, size_t size, mode_t mode)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
    return path;
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/probe-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0755), 0);
}

static void remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

/* --- crafted ELF files -------------------------------------------------------------------------------------------- */

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr segment[3]; /* the file as a whole, the loader's name, the dynamic section */
    Elf64_Dyn dynamic[5];
    char loader[64];
    char strings[256];
};

/* A dynamic executable with up to three strings: what it needs, its run path, another name. */
static struct elf craft(const char *loader, const char *needed, const char *runpath)
{
    struct elf elf = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_DYN,
                   .e_machine = MACHINE,
                   .e_version = EV_CURRENT,
                   .e_phoff = offsetof(struct elf, segment),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3},
        .segment = {{.p_type = PT_LOAD, .p_filesz = sizeof(elf), .p_memsz = sizeof(elf), .p_vaddr = 0x1000},
                    {.p_type = loader ? PT_INTERP : PT_NULL,
                     .p_offset = offsetof(struct elf, loader),
                     .p_filesz = loader ? strlen(loader) + 1 : 0},
                    {.p_type = PT_DYNAMIC, .p_offset = offsetof(struct elf, dynamic), .p_filesz = sizeof(elf.dynamic)}},
        .dynamic = {{DT_STRTAB, {0x1000 + offsetof(struct elf, strings)}},
                    {DT_STRSZ, {sizeof(elf.strings)}},
                    {DT_NEEDED, {1}},
                    {runpath ? DT_RUNPATH : DT_DEBUG, {100}},
                    {DT_NULL, {0}}},
    };

    if (loader)
        strcpy(elf.loader, loader);
    if (needed)
        strcpy(elf.strings + 1, needed);
    if (runpath)
        strcpy(elf.strings + 100, runpath);
    return elf;
}

static struct oi_probe probe;

static const char *probed(const char *path)
{
    oi_probe(&probe, path, "/usr/bin:/bin", NULL);
    return probe.reason;
}

static void expect(const char *path, const char *reason)
{
    char wanted[512];

    snprintf(wanted, sizeof(wanted), "%s %s: it runs without telemetry", path, reason);
    ck_assert_str_eq(probed(path), reason[0] ? wanted : "");
    ck_assert_int_eq(probe.untouched, reason[0] != '\0');
}

static const char *put_elf(const char *name, const struct elf *elf)
{
    return put_file(name, elf, sizeof(*elf), 0755);
}

START_TEST(an_ordinary_program_is_fine)
{
    struct elf elf = craft(LOADER, "libc.so.6", NULL);

    expect(put_elf("prog", &elf), "");
    expect("/bin/sh", "");
    expect("/proc/self/exe", "");
}
END_TEST

START_TEST(a_program_we_cannot_enter_is_named_with_the_cause)
{
    struct elf elf = craft(NULL, NULL, NULL);
    expect(put_elf("static", &elf), "is statically linked");
    elf = craft("/lib/ld-musl-x86_64.so.1", NULL, NULL);
    expect(put_elf("musl", &elf), "uses musl, not glibc");
    elf = craft("/lib/ld-uClibc.so.0", NULL, NULL);
    expect(put_elf("uclibc", &elf), "uses another C library than glibc");
    elf = craft(LOADER, NULL, NULL);
    elf.header.e_machine = OTHER_MACHINE;
    expect(put_elf("machine", &elf), "is built for another kind of machine");
    elf = craft(LOADER, NULL, NULL);
    elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
    expect(put_elf("endian", &elf), "is built for another kind of machine");
    elf = craft(LOADER, NULL, NULL);
    elf.header.e_ident[EI_CLASS] = ELFCLASS32;
    expect(put_elf("32bit", &elf), "is a 32-bit program");
}
END_TEST

START_TEST(a_dynamic_loader_is_no_static_program)
{
    struct elf elf = craft(NULL, NULL, NULL);

    elf.dynamic[2].d_tag = DT_SONAME;
    strcpy(elf.strings + 1, "ld-linux-x86-64.so.2");
    expect(put_elf("loader", &elf), "");
    expect(LOADER, "");
}
END_TEST

START_TEST(a_musl_program_is_known_through_its_script)
{
    struct elf elf = craft("/lib/ld-musl-x86_64.so.1", NULL, NULL);
    char script[512], wanted[512];
    const char *program = put_elf("musl", &elf);
    const char *const forms[] = {"#!%s\n",
                                 "#! \t%s -u\nx",
                                 "#!%s",
                                 "#!/usr/bin/env -S A=1 -i %s -u\n",
                                 "#!/usr/bin/env %s\n",
                                 "#!/usr/bin/env -S%s -u\n"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(script, sizeof(script), forms[i], program);
        const char *path = put_file("script", script, strlen(script), 0755);
        snprintf(wanted, sizeof(wanted), "is run by %s, which uses musl, not glibc", program);
        expect(path, wanted);
    }
    /* a script run by a script */
    put_file("inner", script, strlen(script), 0755);
    snprintf(script, sizeof(script), "#!%s\n", path_of("inner"));
    expect(put_file("outer", script, strlen(script), 0755), wanted);
    /* by name, on PATH */
    strcpy(script, "#!/usr/bin/env musl\n");
    const char *path = put_file("script", script, strlen(script), 0755);
    oi_probe(&probe, path, folder, NULL);
    ck_assert(probe.untouched);
}
END_TEST

START_TEST(odd_scripts_say_nothing)
{
    char line[600] = "#!";
    static const char *const texts[] = {"#!",
                                        "#!\n",
                                        "#! \n",
                                        "#!\0/bin/x",
                                        "#",
                                        "",
                                        "echo hello",
                                        "#!/no/such/x",
                                        "#!/usr/bin/env\n",
                                        "#!/usr/bin/env -S\n",
                                        "#!/usr/bin/env no-such-program-here\n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect(put_file("odd", texts[i], strlen(texts[i]), 0755), "");
    memset(line + 2, '/', sizeof(line) - 2);
    expect(put_file("long", line, sizeof(line), 0755), "");
    /* one that names itself */
    snprintf(line, sizeof(line), "#!%s\n", path_of("loop"));
    expect(put_file("loop", line, strlen(line), 0755), "");
    expect(folder, "");
    expect("/no/such/file", "");
}
END_TEST

START_TEST(setuid_is_said_only_where_it_changes_the_user)
{
    struct elf elf = craft(LOADER, NULL, NULL);
    struct statvfs mount;
    const char *path = put_elf("prog", &elf);

    ck_assert_int_eq(chmod(path, 06755), 0);
    expect(path, ""); /* ours: no change */
    ck_assert_int_eq(statvfs(path, &mount), 0);
    if (getuid() != 0 || (mount.f_flag & ST_NOSUID))
        return;
    ck_assert_int_eq(chown(path, 65534, 0), 0);
    ck_assert_int_eq(chmod(path, 04755), 0);
    expect(path, "is setuid");
    ck_assert_int_eq(chmod(path, 0755), 0);
    expect(path, "");
    ck_assert_int_eq(chown(path, 0, 65534), 0);
    ck_assert_int_eq(chmod(path, 02755), 0);
    expect(path, "is setgid");
    ck_assert_int_eq(chmod(path, 02745), 0); /* without the group's x it means mandatory locking */
    expect(path, "");
    /* scripts never run with other rights */
    ck_assert_int_eq(chmod(put_file("script", "#!/bin/sh\n", 10, 0755), 06755), 0);
    expect(path_of("script"), "");
}
END_TEST

START_TEST(file_capabilities_are_said_unless_for_root)
{
    struct elf elf = craft(LOADER, NULL, NULL);
    /* struct vfs_ns_cap_data, revision 2, effective: CAP_NET_BIND_SERVICE */
    static const uint32_t capability[] = {0x02000001, 1u << 10, 0, 0, 0};
    const char *path = put_elf("prog", &elf);
    struct statvfs mount;
    int status;

    if (getuid() != 0 || statvfs(path, &mount) != 0 || (mount.f_flag & ST_NOSUID))
        return;
    ck_assert_int_eq(setxattr(path, "security.capability", capability, sizeof(capability), 0), 0);
    expect(path, "");
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(3);
        const char *reason = probed(path);
        _exit(strstr(reason, "has file capabilities: it runs without telemetry") && probe.untouched ? 0 : 4);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_c_library_too_old_is_said)
{
    char reason[256], loader[128];
    struct elf library = craft(NULL, "GLIBC_2.34", "GLIBC_2.4"), libc = craft(NULL, "GLIBC_2.17", NULL);
    const char *ours = put_elf("library", &library);

    snprintf(loader, sizeof(loader), "%s/ld-linux-x86-64.so.2", folder);
    ck_assert_uint_lt(strlen(loader), sizeof(library.loader));
    put_file("ld-linux-x86-64.so.2", "", 0, 0755);
    put_elf("libc.so.6", &libc);
    struct elf elf = craft(loader, NULL, NULL);
    const char *program = put_elf("prog", &elf);
    oi_probe(&probe, program, NULL, ours);
    snprintf(reason, sizeof(reason), "%s brings glibc 2.17, and 2.34 is needed: it runs without telemetry", program);
    ck_assert_str_eq(probe.reason, reason);
    ck_assert(probe.untouched);

    libc = craft(NULL, "GLIBC_2.36", "GLIBC_2.2.5");
    put_elf("libc.so.6", &libc);
    oi_probe(&probe, program, NULL, ours);
    ck_assert_str_eq(probe.reason, "");
    ck_assert(!probe.untouched);
}
END_TEST

/* --- hostile files ------------------------------------------------------------------------------------------------ */

START_TEST(every_truncation_is_survived)
{
    struct elf elf = craft(LOADER, "libasan.so.8", "/x");

    for (size_t size = 0; size <= sizeof(elf); size++) {
        const char *path = put_file("cut", &elf, size, 0755);
        probed(path);
        oi_elf_highest_glibc(path);
    }
}
END_TEST

START_TEST(huge_counts_and_offsets_are_survived)
{
    static const uint64_t numbers[] = {0,          1,         0xffff,     0x7fffffff,
                                       0xffffffff, INT64_MAX, UINT64_MAX, UINT64_MAX - 0x1000};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        for (int what = 0; what < 10; what++) {
            struct elf elf = craft(LOADER, "libasan.so.8", "/x");
            uint64_t *const field[] = {&elf.header.e_phoff,        &elf.segment[0].p_vaddr,
                                       &elf.segment[0].p_offset,   &elf.segment[0].p_filesz,
                                       &elf.segment[1].p_offset,   &elf.segment[2].p_offset,
                                       &elf.segment[2].p_filesz,   &elf.dynamic[0].d_un.d_val,
                                       &elf.dynamic[1].d_un.d_val, &elf.dynamic[2].d_un.d_val};
            *field[what] = numbers[i];
            elf.header.e_phnum = what == 9 ? (uint16_t)numbers[i] : elf.header.e_phnum;
            const char *path = put_elf("hostile", &elf);
            probed(path);
            ck_assert(!probe.untouched || strstr(probe.reason, "without telemetry"));
            oi_elf_highest_glibc(path);
        }
}
END_TEST

START_TEST(damaged_bytes_are_survived)
{
    uint32_t seed = 12345;

    for (int round = 0; round < 3000; round++) {
        struct elf elf = craft(LOADER, "libasan.so.8", "/x");
        for (int i = 0; i < 4; i++) {
            seed = seed * 1664525 + 1013904223;
            ((unsigned char *)&elf)[(seed >> 8) % (sizeof(elf) - 256)] = (unsigned char)(seed >> 24);
        }
        const char *path = put_elf("damaged", &elf);
        probed(path);
        oi_elf_highest_glibc(path);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, an_ordinary_program_is_fine);
    tcase_add_test(tests, a_program_we_cannot_enter_is_named_with_the_cause);
    tcase_add_test(tests, a_dynamic_loader_is_no_static_program);
    tcase_add_test(tests, a_musl_program_is_known_through_its_script);
    tcase_add_test(tests, odd_scripts_say_nothing);
    tcase_add_test(tests, setuid_is_said_only_where_it_changes_the_user);
    tcase_add_test(tests, file_capabilities_are_said_unless_for_root);
    tcase_add_test(tests, a_c_library_too_old_is_said);
    tcase_add_test(tests, every_truncation_is_survived);
    tcase_add_test(tests, huge_counts_and_offsets_are_survived);
    tcase_add_test(tests, damaged_bytes_are_survived);
    return run_suite("launcher_probe", tests);
}
