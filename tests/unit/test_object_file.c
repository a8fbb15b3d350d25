/* What the files of loaded objects say about addresses: this program's own, and libc's. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/object_file.h"
#include "exporter/symbols.h"
#include "tests/unit/run.h"

static void begin(void)
{
}

static uint64_t leave_by;

static bool leaving(uint64_t *deadline)
{
    *deadline = leave_by;
    return leave_by != 0;
}

static const struct oi_export_host host = {
    .unsafe_begin = begin, .unsafe_end = begin, .leaving = leaving, .dlopen_flags = RTLD_NOW | RTLD_LOCAL};

static struct oi_image image_of(const void *address)
{
    struct dl_find_object object;
    struct oi_image image = {0};
    ck_assert_int_eq(_dl_find_object((void *)(uintptr_t)address, &object), 0);
    image.look = oi_image_look(object.dlfo_map_start);
    image.start = (uintptr_t)object.dlfo_map_start;
    image.bias = object.dlfo_link_map->l_addr;
    snprintf(image.path, sizeof image.path, "%s", object.dlfo_link_map->l_name);
    return image;
}

static struct oi_frame frame_of(const struct oi_image *image, const void *address)
{
    return (struct oi_frame){image, (uintptr_t)address - image->bias};
}

static struct oi_symbols *symbols; /* they live as long as the process */
static int line_of_call;

/* Where a call of this function goes on, and the line of the call. */
static __attribute__((noinline)) const void *somewhere(void)
{
    return __builtin_return_address(0);
}

static __attribute__((noinline, noclone)) const void *static_function(void)
{
    line_of_call = __LINE__ + 1;
    const void *address = somewhere();
    __asm__ volatile("");
    return address;
}

static inline __attribute__((always_inline)) const void *inlined(void)
{
    const void *address = somewhere();
    __asm__ volatile("");
    return address;
}

static __attribute__((noinline, noclone)) const void *around(void)
{
    line_of_call = __LINE__ + 1;
    const void *address = inlined();
    __asm__ volatile("");
    return address;
}

START_TEST(test_the_file_of_a_loaded_object)
{
    struct oi_image own = image_of((void *)somewhere), libc = image_of((void *)qsort);
    int file = oi_object_open(&own);
    ck_assert_int_ge(file, 0);
    close(file);
    file = oi_object_open(&libc);
    ck_assert_int_ge(file, 0);
    close(file);
}
END_TEST

START_TEST(test_another_file_in_its_place_is_not_read)
{
    struct oi_image image = image_of((void *)qsort);
    image.look ^= 1;
    ck_assert_int_eq(oi_object_open(&image), -1);
    strcpy(image.path, "/dev/null");
    ck_assert_int_eq(oi_object_open(&image), -1);
    strcpy(image.path, "/");
    ck_assert_int_eq(oi_object_open(&image), -1);
    strcpy(image.path, "/does/not/exist");
    ck_assert_int_eq(oi_object_open(&image), -1);
}
END_TEST

START_TEST(test_symbols)
{
    void *strtoul_of_libc = dlsym(dlopen("libc.so.6", RTLD_NOW), "strtoul");
    struct oi_image own = image_of((void *)somewhere), libc = image_of(strtoul_of_libc);
    static struct oi_symbol symbol;
    int file = oi_object_open(&own);
    uint64_t address = (uintptr_t)&static_function - own.bias;
    ck_assert(oi_object_symbol(file, address + 1, true, &symbol));
    ck_assert_str_eq(symbol.name, "static_function");
    ck_assert_uint_eq(symbol.start, address);
    ck_assert(!oi_object_symbol(file, 1, true, &symbol));
    close(file);
    file = oi_object_open(&libc);
    address = (uintptr_t)strtoul_of_libc - libc.bias;
    ck_assert(oi_object_symbol(file, address + 1, false, &symbol));
    ck_assert_uint_eq(symbol.start, address);
    ck_assert(!oi_object_symbol(file, UINT64_MAX, false, &symbol));
    close(file);
}
END_TEST

START_TEST(test_a_file_that_is_not_an_object)
{
    static struct oi_symbol symbol;
    char path[] = "/tmp/oi-object-XXXXXX";
    static const unsigned char header[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    unlink(path);
    ck_assert(!oi_object_symbol(file, 1, true, &symbol));
    ck_assert_int_eq((int)write(file, header, sizeof header), (int)sizeof header);
    ck_assert(!oi_object_symbol(file, 1, true, &symbol));
    ck_assert(!oi_object_has_debug(file));
    ck_assert_int_eq(oi_object_open_debug(file), -1);
    close(file);
}
END_TEST

static void ck_text(struct oi_text text, const char *expected)
{
    ck_assert_msg(text.len == strlen(expected) && memcmp(text.at, expected, text.len) == 0, "%.*s, not %s",
                  (int)text.len, text.at ? text.at : "", expected);
}

START_TEST(test_function_file_and_line)
{
    symbols = oi_symbols_new(&host);
    struct oi_image own = image_of((void *)somewhere);
    struct oi_frame frame = frame_of(&own, static_function());
    char trace[512];
    for (int i = 0; i < 2; i++) { /* also as it is remembered */
        struct oi_code code = {0};
        oi_symbols_describe(symbols, &frame, 1, true, &code);
        ck_text(code.function, "static_function");
        ck_assert_ptr_nonnull(memmem(code.file.at, code.file.len, "/tests/unit/test_object_file.c", 30));
        ck_assert_int_eq(code.line, line_of_call);
        snprintf(trace, sizeof trace, "#0 static_function at %.*s:%d", (int)code.file.len, code.file.at, line_of_call);
        ck_text(code.trace, trace);
        oi_symbols_used(symbols);
    }
    ck_assert(!oi_symbols_torn(symbols));
}
END_TEST

START_TEST(test_inlined_functions_have_a_line_each)
{
    symbols = oi_symbols_new(&host);
    struct oi_image own = image_of((void *)somewhere);
    struct oi_frame frame = frame_of(&own, around());
    struct oi_code code = {0};
    char end[64];
    oi_symbols_describe(symbols, &frame, 1, true, &code);
    ck_text(code.function, "inlined");
    int length = snprintf(end, sizeof end, "/tests/unit/test_object_file.c:%d", line_of_call);
    ck_assert_ptr_nonnull(memmem(code.trace.at, code.trace.len, "\n#1 around at ", 14));
    ck_assert_int_eq(memcmp(code.trace.at + code.trace.len - length, end, (size_t)length), 0);
}
END_TEST

START_TEST(test_an_object_whose_file_is_gone)
{
    symbols = oi_symbols_new(&host);
    struct oi_image image = {.path = "/does/not/exist.so"};
    struct oi_frame frame = {&image, 0x1234};
    struct oi_code code = {0};
    oi_symbols_describe(symbols, &frame, 1, true, &code);
    ck_assert(!oi_text_present(code.function) && !oi_text_present(code.file) && code.line == 0);
    ck_text(code.trace, "#0 0x1234 in /does/not/exist.so");
}
END_TEST

START_TEST(test_nothing_is_looked_up_when_it_is_too_late)
{
    symbols = oi_symbols_new(&host);
    struct oi_image own = image_of((void *)somewhere);
    struct oi_frame frame = frame_of(&own, static_function());
    struct oi_code code = {0};
    leave_by = 1;
    oi_symbols_describe(symbols, &frame, 1, true, &code);
    leave_by = 0;
    ck_assert(!oi_text_present(code.function) && !oi_text_present(code.trace));
}
END_TEST

/* More addresses than are remembered, and traces longer than a text may be. */
START_TEST(test_bounds)
{
    symbols = oi_symbols_new(&host);
    static struct oi_image image;
    static struct oi_frame frames[64];
    memset(image.path, 'x', sizeof image.path - 1);
    for (uintptr_t round = 0; round < 100; round++) {
        struct oi_code code = {0};
        for (uintptr_t i = 0; i < 64; i++)
            frames[i] = (struct oi_frame){&image, round * 64 + i};
        oi_symbols_describe(symbols, frames, 64, true, &code);
        ck_assert_uint_gt(code.trace.len, 15000);
        ck_assert_uint_lt(code.trace.len, 16384);
        ck_assert_int_eq(code.trace.at[code.trace.len - 1], 'x');
        oi_symbols_used(symbols);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_the_file_of_a_loaded_object);
    tcase_add_test(tests, test_another_file_in_its_place_is_not_read);
    tcase_add_test(tests, test_symbols);
    tcase_add_test(tests, test_a_file_that_is_not_an_object);
    tcase_add_test(tests, test_function_file_and_line);
    tcase_add_test(tests, test_inlined_functions_have_a_line_each);
    tcase_add_test(tests, test_an_object_whose_file_is_gone);
    tcase_add_test(tests, test_nothing_is_looked_up_when_it_is_too_late);
    tcase_add_test(tests, test_bounds);
    return run_suite("object_file", tests);
}
