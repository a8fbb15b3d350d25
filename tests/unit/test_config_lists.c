/* Lists that settings hold: of names, and of globs for programs and hosts. */
#include "agent/config.h"

#include <string.h>

#include "tests/unit/run.h"

static const struct {
    const char *list, *name;
    bool has;
} list_rows[] = {
    {NULL, "a", false}, {"", "a", false},   {"a", "a", true},        {" A , b", "a", true}, {"ab", "a", false},
    {"a", "ab", false}, {"b,a", "A", true}, {"*", "anything", true}, {"b, * ", "a", true},  {"a b", "a", false},
};

START_TEST(a_list_has_a_name)
{
    ck_assert_msg(oi_list_has(list_rows[_i].list, list_rows[_i].name) == list_rows[_i].has, "%s in %s",
                  list_rows[_i].name, list_rows[_i].list ? list_rows[_i].list : "NULL");
}
END_TEST

static const struct {
    const char *list, *path;
    bool matches;
} glob_rows[] = {
    {NULL, "/bin/a", false},
    {"", "/bin/a", false},
    {"a", "/bin/a", true},
    {"a", NULL, false},
    {"a", "a", true},
    {"b", "/b/a", false},
    {"/bin/a", "/bin/a", true},
    {"/bin/*", "/bin/a", true},
    {"/bin/*", "/usr/bin/a", false},
    {"*/bin/*", "/usr/bin/a", true},
    {"c*l", "/usr/bin/curl", true},
    {"c?rl", "/usr/bin/curl", true},
    {"c?rl", "/usr/bin/crl", false},
    {"[a-c]url", "/usr/bin/curl", true},
    {"[!a-c]url", "/usr/bin/curl", false},
    {"[]c]url", "/usr/bin/curl", true},
    {"[c", "[c", true},
    {"[c", "c", false},
    {"x, curl", "/usr/bin/curl", true},
    {"*", "/usr/bin/curl", true},
    {"**l", "/usr/bin/curl", true},
    {"*.py", "/srv/a.py", true},
    {"*.py", "/srv/a.pyc", false},
    {"Curl", "/usr/bin/curl", false},
    {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(a_program_matches_a_glob)
{
    ck_assert_msg(oi_list_matches_program(glob_rows[_i].list, glob_rows[_i].path) == glob_rows[_i].matches,
                  "row %d: %s", _i, glob_rows[_i].list ? glob_rows[_i].list : "NULL");
}
END_TEST

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256 A63 A63 A63 A63 "aaaa"

static const struct {
    const char *list, *host;
    uint16_t port;
    bool matches;
} host_rows[] = {
    {"*", "example.com", 80, true},
    {"", "example.com", 80, false},
    {NULL, "example.com", 80, false},
    {"example.com", "example.com", 8080, true},
    {"Example.COM", "eXample.com", 80, true},
    {"example.com", "example.com.", 80, true},
    {"example.com.", "example.com", 80, true},
    {"example.com", "www.example.com", 80, false},
    {"example.com", "example.com.evil.org", 80, false},
    {"*.example.com", "www.example.com", 80, true},
    {"*.example.com", "example.com", 80, false},
    {"*.example.com", "a.b.example.com", 80, true},
    {"*.EXAMPLE.com", "www.example.COM", 80, true},
    {"a, b ,c", "b", 80, true},
    {"a,b,c", "d", 80, false},
    {"10.0.?.[1-9]", "10.0.3.7", 80, true},
    {"10.0.?.[1-9]", "10.0.3.0", 80, false},
    {"[ab].example.com", "b.example.com", 80, true},
    {"[ab].example.com:80", "b.example.com", 80, true},
    {"[ab].example.com:80", "b.example.com", 81, false},
    {"example.com:443", "example.com", 443, true},
    {"example.com:443", "example.com", 80, false},
    {"example.com.:443", "example.com", 443, true},
    {"*:8080", "anything", 8080, true},
    {"*:8080", "anything", 80, false},
    {"example.com:80*", "example.com", 8080, true},
    {"example.com:*", "example.com", 1, true},
    {"example.com:", "example.com", 80, false},
    {"example.com:65535", "example.com", 65535, true},
    {"::1", "::1", 80, true},
    {"[::1]", "::1", 80, true},
    {"[::1]:8080", "::1", 8080, true},
    {"[::1]:8080", "::1", 80, false},
    {"[FE80::*]:80", "fe80::abcd", 80, true},
    {"[::1]", ":", 80, false},
    {"fe80::*", "FE80::1", 80, true},
    {"example.com", "", 80, false},
    {"*", "", 80, true},
    {".", ".", 80, true},
    {"[", "[", 80, true},
    {"[::1", "[", 80, false},
    {A256, A256, 80, true},
    {"*", A256 "a", 80, false},
    {A256 "a,*", "example.com", 80, true},
};

START_TEST(a_host_matches_a_glob)
{
    ck_assert_msg(oi_list_matches_host(host_rows[_i].list, oi_text_from(host_rows[_i].host), host_rows[_i].port) ==
                      host_rows[_i].matches,
                  "%s in %s", host_rows[_i].host, host_rows[_i].list ? host_rows[_i].list : "NULL");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, a_list_has_a_name, 0, COUNT(list_rows));
    tcase_add_loop_test(tests, a_program_matches_a_glob, 0, COUNT(glob_rows));
    tcase_add_loop_test(tests, a_host_matches_a_glob, 0, COUNT(host_rows));
    return run_suite("config_lists", tests);
}
