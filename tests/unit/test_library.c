#include "agent/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/run.h"

/* zlib stands for an instrumented library: small, everywhere, and not linked with this program. */
static const char *const symbols[] = {"crc32", "zlibVersion", "a_function_that_does_not_exist"};
enum { CRC32, VERSION, MISSING };

static struct oi_library zlib = {.name = "zlib", .symbols = symbols, .count = 3};
static const char *const libc_symbols[] = {"getpid", "fork"};
static struct oi_library libc = {.name = "libc", .symbols = libc_symbols, .count = 2};
static const char *const no_symbols[] = {"a_function_that_does_not_exist"};
static struct oi_library nothing = {.name = "nothing", .symbols = no_symbols, .count = 1};

static void start(void)
{
    oi_library_init();
    oi_library_register(&zlib);
    oi_library_register(&libc);
    oi_library_register(&nothing);
}

static void *open_zlib(void)
{
    void *handle = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(handle != NULL, "%s", dlerror());
    return handle;
}

/* Any code of this program. */
static const void *here(void)
{
    return __builtin_return_address(0);
}

START_TEST(a_library_that_is_not_loaded_has_no_provider)
{
    start();
    ck_assert_ptr_null(oi_library_provider(&zlib, here()));
    ck_assert_ptr_null(oi_library_provider(&nothing, here()));
}
END_TEST

START_TEST(a_library_of_the_global_scope_is_found_for_every_caller)
{
    start();
    const struct oi_provider *provider = oi_library_provider(&libc, here());
    ck_assert_ptr_nonnull(provider);
    ck_assert_ptr_eq(provider->functions[0], dlsym(RTLD_DEFAULT, "getpid"));
    ck_assert_ptr_eq(provider->functions[1], dlsym(RTLD_DEFAULT, "fork"));
    ck_assert_str_eq(provider->soname, "libc.so.6");
    ck_assert(oi_provider_contains(provider, dlsym(RTLD_DEFAULT, "getpagesize")));
    ck_assert(!oi_provider_contains(provider, here()));
    ck_assert_ptr_eq(oi_library_provider(&libc, NULL), provider);
}
END_TEST

START_TEST(the_only_copy_is_found_though_it_is_in_no_scope_of_the_callers)
{
    start();
    void *handle = open_zlib();
    const struct oi_provider *provider = oi_library_provider(&zlib, here());
    ck_assert_ptr_nonnull(provider);
    ck_assert_ptr_eq(provider->functions[CRC32], dlsym(handle, "crc32"));
    ck_assert_ptr_eq(provider->functions[VERSION], dlsym(handle, "zlibVersion"));
    ck_assert_ptr_null(provider->functions[MISSING]);
    ck_assert_str_eq(provider->soname, "libz.so.1");
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_eq(oi_library_provider(&zlib, here()), provider);
}
END_TEST

START_TEST(a_call_from_inside_the_library_belongs_to_that_copy)
{
    start();
    void *handle = open_zlib();
    const struct oi_provider *provider = oi_library_provider(&zlib, dlsym(handle, "inflate"));
    ck_assert_ptr_nonnull(provider);
    ck_assert(oi_provider_contains(provider, dlsym(handle, "deflate")));
    ck_assert_ptr_eq(provider->functions[CRC32], dlsym(handle, "crc32"));
}
END_TEST

/* A second copy of the library under another name. */
static void *open_copy(const char *path)
{
    Dl_info info;
    struct stat status;
    void *original = dlsym(open_zlib(), "crc32");
    ck_assert(dladdr(original, &info) != 0);
    int from = open(info.dli_fname, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    ck_assert(from >= 0 && to >= 0 && fstat(from, &status) == 0);
    ck_assert_int_eq(sendfile(to, from, NULL, (size_t)status.st_size), status.st_size);
    close(from);
    close(to);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    ck_assert_ptr_nonnull(handle);
    ck_assert_ptr_ne(dlsym(handle, "crc32"), original);
    return handle;
}

START_TEST(two_copies_stay_apart)
{
    start();
    char path[] = "/tmp/test_library-XXXXXX";
    ck_assert_int_ge(mkstemp(path), 0);
    void *copy = open_copy(path), *first = open_zlib();
    const struct oi_provider *of_first = oi_library_provider(&zlib, dlsym(first, "inflate"));
    const struct oi_provider *of_copy = oi_library_provider(&zlib, dlsym(copy, "inflate"));
    ck_assert_ptr_eq(of_first->functions[CRC32], dlsym(first, "crc32"));
    ck_assert_ptr_eq(of_copy->functions[CRC32], dlsym(copy, "crc32"));
    ck_assert_ptr_ne(of_first, of_copy);
    /* Nothing says which one this program would mean. */
    ck_assert_ptr_null(oi_library_provider(&zlib, here()));
}
END_TEST

START_TEST(after_dlclose_the_old_addresses_are_forgotten)
{
    start();
    void *handle = open_zlib();
    ck_assert_ptr_nonnull(oi_library_provider(&zlib, here()));
    dlclose(handle);
    oi_library_forget_callers();
    ck_assert_ptr_null(oi_library_provider(&zlib, here()));
    handle = open_zlib();
    const struct oi_provider *again = oi_library_provider(&zlib, here());
    ck_assert_ptr_nonnull(again);
    ck_assert_ptr_eq(again->functions[CRC32], dlsym(handle, "crc32"));
}
END_TEST

START_TEST(a_pointer_tells_the_copy_it_leads_into)
{
    start();
    char path[] = "/tmp/test_library-XXXXXX";
    ck_assert_int_ge(mkstemp(path), 0);
    void *copy = open_copy(path), *first = open_zlib();
    bool at_start = true;
    const struct oi_provider *of_first = oi_library_copy(&zlib, "crc32", dlsym(first, "crc32"), &at_start);
    ck_assert_ptr_nonnull(of_first);
    ck_assert(!at_start);
    ck_assert_ptr_eq(of_first->functions[VERSION], dlsym(first, "zlibVersion"));
    const struct oi_provider *of_copy = oi_library_copy(&zlib, "crc32", dlsym(copy, "crc32"), &at_start);
    ck_assert_ptr_eq(of_copy->functions[VERSION], dlsym(copy, "zlibVersion"));
    /* A function that is not in the library's list, for it is only ever called through another one. */
    ck_assert_ptr_eq(oi_library_copy(&zlib, "adler32", dlsym(copy, "adler32"), &at_start), of_copy);
    /* The same as a caller's, so that a handle has one provider whichever way it is used. */
    ck_assert_ptr_eq(oi_library_provider(&zlib, dlsym(copy, "inflate")), of_copy);
    ck_assert_ptr_null(oi_library_copy(&zlib, "crc32", dlsym(copy, "adler32"), &at_start));
    ck_assert_ptr_null(oi_library_copy(&zlib, "getpid", dlsym(RTLD_DEFAULT, "getpid"), &at_start));
    ck_assert_ptr_null(oi_library_copy(&zlib, "crc32", &at_start, &at_start));
    ck_assert_ptr_nonnull(oi_library_copy(&libc, "getpid", dlsym(RTLD_DEFAULT, "getpid"), &at_start));
    ck_assert(at_start);
}
END_TEST

START_TEST(a_copy_that_was_unloaded_is_known_to_be_gone)
{
    start();
    bool at_start;
    void *handle = open_zlib(), *again = open_zlib();
    oi_library_closed();
    const struct oi_provider *provider = oi_library_copy(&zlib, "crc32", dlsym(handle, "crc32"), &at_start);
    ck_assert_ptr_nonnull(provider);
    ck_assert_ptr_eq(oi_library_provider(&zlib, here()), provider);
    dlclose(handle);
    oi_library_closed();
    ck_assert(!provider->gone);
    dlclose(again);
    oi_library_closed();
    ck_assert(provider->gone);
    ck_assert_ptr_null(oi_library_provider(&zlib, here()));
    handle = open_zlib();
    const struct oi_provider *next = oi_library_copy(&zlib, "crc32", dlsym(handle, "crc32"), &at_start);
    ck_assert_ptr_nonnull(next);
    ck_assert(!next->gone);
    ck_assert_ptr_eq(next->functions[CRC32], dlsym(handle, "crc32"));
}
END_TEST

static long resident_kb(void)
{
    char line[128], *resident;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    fclose(file);
    ck_assert_ptr_nonnull(resident = strchr(line, ' '));
    return strtol(resident, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A host of plugins calls dlclose for ever: what is remembered of a library that stays must not pile up. */
START_TEST(looking_again_after_every_dlclose_does_not_grow)
{
    start();
    open_zlib();
    for (int i = 0; i < 1000; i++) {
        oi_library_forget_callers();
        ck_assert_ptr_nonnull(oi_library_provider(&zlib, here()));
    }
    long before = resident_kb();
    for (int i = 0; i < 20000; i++) {
        oi_library_forget_callers();
        ck_assert_ptr_nonnull(oi_library_provider(&zlib, here()));
        ck_assert_ptr_nonnull(oi_library_provider(&libc, here()));
    }
#ifndef OI_SANITIZERS /* they keep what is freed */
    ck_assert_int_lt(resident_kb() - before, 512);
#endif
    (void)before;
}
END_TEST

START_TEST(more_callers_than_are_remembered_are_served_all_the_same)
{
    start();
    void *handle = open_zlib();
    for (uintptr_t i = 0; i < 200; i++) {
        const struct oi_provider *provider = oi_library_provider(&zlib, (const void *)(i * 0x1000000));
        ck_assert_ptr_nonnull(provider);
        ck_assert_ptr_eq(provider->functions[CRC32], dlsym(handle, "crc32"));
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_library_that_is_not_loaded_has_no_provider);
    tcase_add_test(tests, a_library_of_the_global_scope_is_found_for_every_caller);
    tcase_add_test(tests, the_only_copy_is_found_though_it_is_in_no_scope_of_the_callers);
    tcase_add_test(tests, a_call_from_inside_the_library_belongs_to_that_copy);
    tcase_add_test(tests, two_copies_stay_apart);
    tcase_add_test(tests, after_dlclose_the_old_addresses_are_forgotten);
    tcase_add_test(tests, a_pointer_tells_the_copy_it_leads_into);
    tcase_add_test(tests, a_copy_that_was_unloaded_is_known_to_be_gone);
    tcase_add_test(tests, looking_again_after_every_dlclose_does_not_grow);
    tcase_add_test(tests, more_callers_than_are_remembered_are_served_all_the_same);
    return run_suite("library", tests);
}
