/* The environment of what is started, and where the launcher finds things. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/environment.h"
#include "launcher/find.h"
#include "tests/unit/run.h"

START_TEST(setting_a_variable_replaces_every_entry_of_that_name)
{
    char *const from[] = {(char *)"A=1", (char *)"AB=2", (char *)"A=3", (char *)"A", (char *)"=x", NULL};
    const char *const wanted[] = {"AB=2", "A", "=x", "A=new"};
    struct oi_environment environment;

    ck_assert(oi_environment_copy(&environment, from, 1));
    ck_assert_str_eq(oi_environment_get(&environment, "A"), "1");
    ck_assert_ptr_null(oi_environment_get(&environment, "B"));
    ck_assert(oi_environment_set(&environment, "A", "new"));
    ck_assert_uint_eq(environment.count, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(environment.entries[i], wanted[i]);
    ck_assert_ptr_null(environment.entries[4]);
    oi_environment_unset(&environment, "AB");
    ck_assert_ptr_null(oi_environment_get(&environment, "AB"));
    free(environment.entries[environment.count - 1]);
    free(environment.entries);
}
END_TEST

START_TEST(no_environment_is_an_empty_one)
{
    struct oi_environment environment;

    ck_assert(oi_environment_copy(&environment, NULL, 0));
    ck_assert_uint_eq(environment.count, 0);
    ck_assert_ptr_null(environment.entries[0]);
    free(environment.entries);
}
END_TEST

#define OURS "/opt/x/libotel-instrument.so"

static const struct {
    const char *old, *library, *value;
} preload_rows[] = {
    {NULL, OURS, OURS},
    {"", OURS, OURS},
    {"/a.so", OURS, OURS ":/a.so"},
    {"/a.so:/b.so /c.so", OURS, OURS ":/a.so:/b.so:/c.so"},
    {" : /a.so: ", OURS, OURS ":/a.so"},
    {OURS, OURS, OURS},
    {"/a.so:" OURS ":/b.so", OURS, OURS ":/a.so:/b.so"},
    {"/elsewhere/libotel-instrument.so:/a.so", OURS, OURS ":/a.so"},
    {"libotel-instrument.so", OURS, OURS},
    {"/a/notlibotel-instrument.so", OURS, OURS ":/a/notlibotel-instrument.so"},
    {NULL, NULL, ""},
    {OURS, NULL, ""},
    {OURS ":/a.so", NULL, "/a.so"},
};

START_TEST(the_library_is_preloaded_first_and_once)
{
    char *value = oi_preload_value(preload_rows[_i].old, preload_rows[_i].library);

    ck_assert_str_eq(value, preload_rows[_i].value);
    free(value);
}
END_TEST

static const struct {
    const char *old, *value;
} library_path_rows[] = {
    {NULL, "/a b"}, {"", "/a b"}, {"/c", "/a b:/c"}, {"/a b", "/a b"}, {"/c:/a b:/a b/d", "/a b:/c:/a b/d"},
};

START_TEST(the_librarys_folder_is_searched_first_and_once)
{
    char *value = oi_library_path_value(library_path_rows[_i].old, "/a b/lib", 4);

    ck_assert_str_eq(value, library_path_rows[_i].value);
    free(value);
}
END_TEST

static const struct {
    const char *from, *to, *relative;
} relative_rows[] = {
    {"/usr/bin", "/usr/lib/otel-instrument", "../lib/otel-instrument"},
    {"/usr/local/bin", "/usr/lib/x", "../../lib/x"},
    {"/opt/otel/bin", "/opt/otel/lib64/a/b", "../lib64/a/b"},
    {"/usr/bin", "/usr/bin", ""},
    {"/usr/bin", "/usr/bin/lib", "lib"},
    {"/usr/bin", "/usr/binary", "../binary"},
    {"/usr/bin/", "/usr/lib/", "../lib/"},
    {"/a/b/c", "/a", "../.."},
    {"/a", "/b", "../b"},
    {"/", "/b", "b"},
};

START_TEST(the_way_from_folder_to_folder)
{
    char relative[256];

    oi_relative_path(relative_rows[_i].from, relative_rows[_i].to, relative, sizeof(relative));
    ck_assert_str_eq(relative, relative_rows[_i].relative);
}
END_TEST

static void make(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(a_command_is_looked_up_as_a_shell_does)
{
    char folder[] = "/tmp/find-XXXXXX", path[256], found[512], wanted[256];
    const char *why = "";

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(mkdir("one", 0755) | mkdir("two", 0755) | mkdir("one/tool", 0755), 0);
    make("two/tool", 0755);
    make("two/plain", 0644);
    snprintf(path, sizeof(path), "%s/none:%s/one:%s/two/", folder, folder, folder);

    snprintf(wanted, sizeof(wanted), "%s/two/tool", folder);
    ck_assert_int_eq(oi_find_command("tool", path, found, sizeof(found), &why), 0);
    ck_assert_str_eq(found, wanted);
    /* a folder of PATH that is relative: the result is absolute all the same */
    ck_assert_int_eq(oi_find_command("tool", "two", found, sizeof(found), &why), 0);
    ck_assert_str_eq(found, wanted);
    ck_assert_int_eq(chdir("two"), 0);
    ck_assert_int_eq(oi_find_command("tool", "/none:", found, sizeof(found), &why), 0);
    ck_assert_str_eq(found, wanted);
    ck_assert_int_eq(oi_find_command("./tool", path, found, sizeof(found), &why), 0);
    ck_assert_str_eq(found, "./tool");

    ck_assert_int_eq(oi_find_command("plain", path, found, sizeof(found), &why), 126);
    ck_assert_str_eq(why, "permission denied");
    ck_assert_int_eq(oi_find_command("./plain", path, found, sizeof(found), &why), 126);
    ck_assert_str_eq(why, "permission denied");
    ck_assert_int_eq(oi_find_command("..", path, found, sizeof(found), &why), 127);
    ck_assert_int_eq(oi_find_command("../one/tool", path, found, sizeof(found), &why), 126);
    ck_assert_str_eq(why, "is a directory");
    ck_assert_int_eq(oi_find_command("missing", path, found, sizeof(found), &why), 127);
    ck_assert_str_eq(why, "command not found");
    ck_assert_int_eq(oi_find_command("", path, found, sizeof(found), &why), 127);
    ck_assert_int_eq(oi_find_command("./missing", path, found, sizeof(found), &why), 127);
    ck_assert_str_eq(why, "no such file or directory");
    ck_assert_int_eq(oi_find_command("plain/tool", path, found, sizeof(found), &why), 127);
    ck_assert_int_eq(oi_find_command("sh", NULL, found, sizeof(found), &why), 0);
    ck_assert_int_eq(found[0], '/');
    /* too long for the room: not found, nothing cut short is run */
    ck_assert_int_eq(oi_find_command("tool", path, found, 12, &why), 127);
    ck_assert_int_eq(oi_find_command("./tool", path, found, 4, &why), 126);

    ck_assert_int_eq(chdir("/"), 0);
    char command[300];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(the_library_is_found_from_the_launcher)
{
    char folder[] = "/tmp/find-XXXXXX", self[256], found[1024], wanted[256], command[300];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(command, sizeof(command), "mkdir -p %s/bin %s/lib/oi", folder, folder);
    ck_assert_int_eq(system(command), 0);
    snprintf(self, sizeof(self), "%s/bin/otel-instrument", folder);

    /* nowhere: the places are named */
    ck_assert_int_eq(oi_find_library(self, "/x/bin", "/x/lib/oi", found, sizeof(found)), -1);
    snprintf(wanted, sizeof(wanted),
             "%s/bin/.libs/libotel-instrument.so, %s/bin/../lib/oi/libotel-instrument.so, "
             "/x/lib/oi/libotel-instrument.so",
             folder, folder);
    ck_assert_str_eq(found, wanted);

    /* installed, and moved since */
    snprintf(wanted, sizeof(wanted), "%s/lib/oi/libotel-instrument.so", folder);
    make(wanted, 0644);
    ck_assert_int_eq(oi_find_library(self, "/x/bin", "/x/lib/oi", found, sizeof(found)), 0);
    ck_assert_str_eq(found, wanted);

    /* a build tree comes first */
    snprintf(wanted, sizeof(wanted), "mkdir %s/bin/.libs", folder);
    ck_assert_int_eq(system(wanted), 0);
    snprintf(wanted, sizeof(wanted), "%s/bin/.libs/libotel-instrument.so", folder);
    make(wanted, 0644);
    ck_assert_int_eq(oi_find_library(self, "/x/bin", "/x/lib/oi", found, sizeof(found)), 0);
    ck_assert_str_eq(found, wanted);

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, setting_a_variable_replaces_every_entry_of_that_name);
    tcase_add_test(tests, no_environment_is_an_empty_one);
    tcase_add_loop_test(tests, the_library_is_preloaded_first_and_once, 0, COUNT(preload_rows));
    tcase_add_loop_test(tests, the_librarys_folder_is_searched_first_and_once, 0, COUNT(library_path_rows));
    tcase_add_loop_test(tests, the_way_from_folder_to_folder, 0, COUNT(relative_rows));
    tcase_add_test(tests, a_command_is_looked_up_as_a_shell_does);
    tcase_add_test(tests, the_library_is_found_from_the_launcher);
    return run_suite("launcher_environment", tests);
}
