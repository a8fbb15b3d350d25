/* Our steps up a stack against those of libunwind: on real stacks, and for every function of large libraries. */
#include "agent/unwind.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run.h"

enum { FRAMES = 64 };

static uintptr_t ours[FRAMES], theirs[FRAMES];
static size_t our_count, their_count;

/* --- real stacks ---------------------------------------------------------------------------------------------------
 */

static const void *table_of(uintptr_t pc)
{
    struct dl_find_object object;
    return _dl_find_object((void *)pc, &object) == 0 ? object.dlfo_eh_frame : NULL;
}

static __attribute__((noinline)) void walk_ours(void)
{
    struct oi_unwind frame = {.at = {0}};
    oi_unwind_here(&frame);
    our_count = 0;
    while (our_count < FRAMES && oi_unwind_step(&frame, table_of(frame.at[OI_UNWIND_PC] - 1)) == OI_UNWIND_CALLER)
        ours[our_count++] = frame.at[OI_UNWIND_PC];
}

static __attribute__((noinline)) void walk_theirs(void)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc;
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    their_count = 0;
    while (their_count < FRAMES && unw_step(&cursor) > 0 && unw_get_reg(&cursor, UNW_REG_IP, &pc) == 0 && pc != 0)
        theirs[their_count++] = pc;
}

/* Both from one function: they differ in where that goes on, and in nothing further up. */
static __attribute__((noinline)) void compare(void)
{
    walk_ours();
    walk_theirs();
    ck_assert_uint_gt(our_count, 3);
    ck_assert_uint_eq(our_count, their_count);
    ck_assert_int_eq(memcmp(ours + 1, theirs + 1, (our_count - 1) * sizeof *ours), 0);
}

static __attribute__((noinline)) int with_room(size_t size)
{
    volatile char *room = __builtin_alloca(size);
    room[0] = 1;
    compare();
    return room[0];
}

static __attribute__((noinline)) int aligned(int value)
{
    _Alignas(256) volatile char room[512];
    room[value] = 1;
    compare();
    return room[value];
}

static int order(const void *a, const void *b)
{
    with_room(1000);
    aligned(3);
    return *(const int *)a - *(const int *)b;
}

static __attribute__((noinline)) int deep(volatile int depth)
{
    if (depth == 0)
        compare();
    else
        deep(depth - 1);
    return depth;
}

START_TEST(test_real_stacks)
{
    int numbers[] = {3, 1, 2};
    compare();
    ck_assert_int_eq(with_room(10), 1);
    ck_assert_int_eq(aligned(1), 1);
    qsort(numbers, 3, sizeof *numbers, order);
    ck_assert_int_eq(deep(30), 30);
    deep(5000);
}
END_TEST

/* --- every function of a library -----------------------------------------------------------------------------------
 */

/* Registers and a stack that are not anybody's; every word of the stack is another number. */
enum { STACK_WORDS = 64 * 1024 };
static uintptr_t *fake_stack;
static struct oi_unwind fake;

#if defined(__x86_64__)
static const int numbers[OI_UNWIND_REGISTERS] = {UNW_X86_64_RBX, UNW_X86_64_RBP, UNW_X86_64_RSP, UNW_X86_64_R12,
                                                 UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15, UNW_X86_64_RIP};
#else
static const int numbers[OI_UNWIND_REGISTERS] = {UNW_AARCH64_X19, UNW_AARCH64_X20, UNW_AARCH64_X21, UNW_AARCH64_X22,
                                                 UNW_AARCH64_X23, UNW_AARCH64_X24, UNW_AARCH64_X25, UNW_AARCH64_X26,
                                                 UNW_AARCH64_X27, UNW_AARCH64_X28, UNW_AARCH64_X29, UNW_AARCH64_PC,
                                                 UNW_AARCH64_SP};
#endif

extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
                                              unw_proc_info_t *info, int need, void *user);

static int find_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need, void *user)
{
    struct dl_find_object object;
    unw_dyn_info_t table = {.format = UNW_INFO_FORMAT_REMOTE_TABLE};
    if (_dl_find_object((void *)ip, &object) != 0)
        return -UNW_ENOINFO;
    const char *header = object.dlfo_eh_frame;
    uint32_t count;
    memcpy(&count, header + 8, sizeof count);
    table.start_ip = (unw_word_t)object.dlfo_map_start;
    table.end_ip = (unw_word_t)object.dlfo_map_end;
    table.u.rti.segbase = (unw_word_t)header;
    table.u.rti.table_data = (unw_word_t)header + 12;
    table.u.rti.table_len = count * 8 / sizeof(unw_word_t);
    return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &table, info, need, user);
}

static void put_info(unw_addr_space_t space, unw_proc_info_t *info, void *user)
{
    (void)space, (void)info, (void)user;
}

static int no_list(unw_addr_space_t space, unw_word_t *list, void *user)
{
    (void)space, (void)list, (void)user;
    return -UNW_ENOINFO;
}

static bool on_stack(unw_word_t address)
{
    return address >= (uintptr_t)fake_stack &&
           address - (uintptr_t)fake_stack <= (STACK_WORDS - 1) * sizeof *fake_stack;
}

/* Of memory, the stack and the tables; a library's tables are in its own text. */
static int read_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *user)
{
    (void)space, (void)user;
    struct dl_find_object object;
    if (write || (!on_stack(address) && _dl_find_object((void *)address, &object) != 0))
        return -UNW_EINVAL;
    memcpy(value, (void *)address, sizeof *value);
    return 0;
}

static int read_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *user)
{
    (void)space, (void)user;
    for (size_t i = 0; i < OI_UNWIND_REGISTERS && !write; i++)
        if (numbers[i] == number) {
            *value = fake.at[i];
            return 0;
        }
    return -UNW_EBADREG;
}

static int read_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *user)
{
    (void)space, (void)number, (void)value, (void)write, (void)user;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *user)
{
    (void)space, (void)cursor, (void)user;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t ip, char *name, size_t size, unw_word_t *offset, void *user)
{
    (void)space, (void)ip, (void)name, (void)size, (void)offset, (void)user;
    return -UNW_ENOINFO;
}

static void make_stack(void)
{
    fake_stack = aligned_alloc(64, STACK_WORDS * sizeof *fake_stack);
    for (size_t i = 0; i < STACK_WORDS; i++)
        fake_stack[i] = (uintptr_t)&fake_stack[(i * 7919) % STACK_WORDS];
    for (size_t i = 0; i < OI_UNWIND_REGISTERS; i++)
        fake.at[i] = (uintptr_t)&fake_stack[4096 + 64 * i];
    fake.at[OI_UNWIND_SP] = (uintptr_t)&fake_stack[2048];
}

/* 1: both found the caller and say the same; 0: we found none; -1: theirs is another; 2: between functions. */
static int compare_step(unw_addr_space_t space, uintptr_t pc, const void *table)
{
    unw_cursor_t cursor;
    struct oi_unwind frame = fake;
    frame.at[OI_UNWIND_PC] = pc;
    fake.at[OI_UNWIND_PC] = pc - 1; /* libunwind takes what is said of the address itself, not of the call before it */
    if (oi_unwind_step(&frame, table) != OI_UNWIND_CALLER)
        return oi_unwind_find(table, pc - 1, &frame.entry) ? 0 : 2;
    if (unw_init_remote(&cursor, space, NULL) != 0 || unw_step(&cursor) <= 0)
        return -1;
    for (size_t i = 0; i < OI_UNWIND_REGISTERS; i++) {
        unw_word_t value;
        if (frame.at[i] != OI_UNWIND_LOST && (unw_get_reg(&cursor, numbers[i], &value) != 0 || value != frame.at[i])) {
            printf("at %p, register %zu: %#lx, not %#lx\n", (void *)pc, i, (long)frame.at[i], (long)value);
            return -1;
        }
    }
    return 1;
}

static void compare_library(const char *name)
{
    static unw_accessors_t accessors = {find_info,     put_info,   no_list,   read_memory,
                                        read_register, read_float, no_resume, no_name};
    struct dl_find_object object;
    unw_addr_space_t space = unw_create_addr_space(&accessors, 0);
    void *library = dlopen(name, RTLD_NOW);
    size_t same = 0, none = 0, different = 0;
    uint32_t rows;
    ck_assert_ptr_nonnull(library);
    struct link_map *map = library;
    ck_assert_int_eq(_dl_find_object((void *)map->l_ld, &object), 0);
    const char *header = object.dlfo_eh_frame;
    memcpy(&rows, header + 8, sizeof rows);
    for (uint32_t i = 0; i + 1 < rows; i++) {
        int32_t start, next;
        memcpy(&start, header + 12 + 8 * i, sizeof start);
        memcpy(&next, header + 20 + 8 * i, sizeof next);
        for (int32_t part = 0; part < 5 && next - start >= 4; part++) {
            int result =
                compare_step(space, (uintptr_t)header + (uintptr_t)(start + 2 + (next - start - 2) / 4 * part), header);
            same += result == 1;
            none += result == 0;
            different += result == -1;
        }
    }
    ck_assert_uint_eq(different, 0);
    ck_assert_uint_gt(same, 1000);
    ck_assert_uint_lt(none * 200, same); /* where nothing is called: the first instructions of main, say */
    unw_destroy_addr_space(space);
    dlclose(library);
}

START_TEST(test_every_function_of_a_library)
{
    make_stack();
    compare_library("libc.so.6");
    compare_library("libcurl.so.4");
    compare_library("libstdc++.so.6");
    compare_library("libcrypto.so.3");
    free(fake_stack);
}
END_TEST

/* --- what cannot be trusted ----------------------------------------------------------------------------------------
 */

START_TEST(test_code_that_no_table_describes)
{
    struct oi_unwind frame = {.at = {0}};
    frame.at[OI_UNWIND_PC] = (uintptr_t)&frame;
    ck_assert_int_eq(oi_unwind_step(&frame, NULL), OI_UNWIND_END);
    ck_assert_int_eq(oi_unwind_step(&frame, table_of((uintptr_t)&oi_unwind_step)), OI_UNWIND_END);
}
END_TEST

/* A stack pointer that cannot be one: what would lie there is not looked at. */
START_TEST(test_a_frame_at_an_odd_place_is_not_read)
{
    struct oi_unwind frame = {.at = {0}};
    frame.at[OI_UNWIND_SP] = (uintptr_t)1 << 47 | 4;
    frame.at[OI_UNWIND_PC] = (uintptr_t)&qsort + 1; /* it has not made its frame: relative to the stack pointer */
    ck_assert_int_eq(oi_unwind_step(&frame, table_of((uintptr_t)&qsort)), OI_UNWIND_END);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_real_stacks);
    tcase_add_test(tests, test_every_function_of_a_library);
    tcase_add_test(tests, test_code_that_no_table_describes);
    tcase_add_test(tests, test_a_frame_at_an_odd_place_is_not_read);
    return run_suite("unwind", tests);
}
