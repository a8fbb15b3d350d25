#include "agent/http_route.h"

#include <stdio.h>

#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct {
    const char *list, *path, *route; /* NULL: none */
} routes[] = {
    {"/admin/users/{username}/messages,/board/{count}", "/admin/users/alice/messages",
     "/admin/users/{username}/messages"},
    {"/admin/users/{username}/messages,/board/{count}", "/board/12?x=/a", "/board/{count}"},
    {"/admin/users/{username}/messages,/board/{count}", "/board/12#x", "/board/{count}"},
    {"/admin/users/{username}/messages,/board/{count}", "/board", NULL},
    {"/admin/users/{username}/messages,/board/{count}", "/board/", NULL},
    {"/admin/users/{username}/messages,/board/{count}", "/board/1/", NULL},
    {"/admin/users/{username}/messages,/board/{count}", "/board/1/2", NULL},
    {"/admin/users/{username}/messages,/board/{count}", "/admin/users//messages", NULL},
    {"/admin/users/{username}/messages,/board/{count}", "/admin/users/a/b/messages", NULL},
    {"/admin/users/{username}/messages,/board/{count}", "/Board/1", NULL},
    {" /a/{x} , ,/b\t", "/b", "/b"},
    {" /a/{x} , ,/b\t", "/a/1", "/a/{x}"},
    {"/users/me,/users/{id}", "/users/me", "/users/me"},
    {"/users/me,/users/{id}", "/users/you", "/users/{id}"},
    {"/users/{id},/users/me", "/users/me", "/users/{id}"},
    {"/", "/", "/"},
    {"/", "", NULL},
    {"/", "/x", NULL},
    {"*", "/any/thing", "*"},
    {"*", "*", "*"},
    {"/*", "/any/thing", "/*"},
    {"/*", "/", "/*"},
    {"/static/*", "/static/css/a.css", "/static/*"},
    {"/static/*", "/static/", "/static/*"},
    {"/static/*", "/static", NULL},
    {"/static*", "/statics/x", "/static*"},
    {"/*/edit", "/a/edit", "/*/edit"},
    {"/*/edit", "//edit", "/*/edit"},
    {"/*/edit", "/a/b/edit", NULL},
    {"/files/{name}.{ext}", "/files/a.b.c", "/files/{name}.{ext}"},
    {"/files/{name}.{ext}", "/files/.c", NULL},
    {"/files/{name}.{ext}", "/files/a.", NULL},
    {"/files/{name}.json", "/files/a.json.json", "/files/{name}.json"},
    {"/files/{name}.json", "/files/.json", NULL},
    {"/v{n}/x", "/v1/x", "/v{n}/x"},
    {"/v{n}/x", "/v/x", NULL},
    {"/a*b*c", "/aXbXbc", "/a*b*c"},
    {"/a*b*c/d", "/aXbX/c/d", NULL},
    {"/{a}{b}", "/xy", "/{a}{b}"},
    {"/{a}{b}", "/x", NULL},
    {"/x{a}{b}", "/xy", NULL},
    {"/b,/bc{d},/bcd", "/bcd", "/bc{d}"},
    {"/b,/bc{d},/bcd", "/bc", NULL},
    {"/{open", "/{open", "/{open"},
    {"/{open", "/x", NULL},
    {"/{a/b}", "/{a/b}", "/{a/b}"},
    {"/{}", "/x", "/{}"},
    {"/a%20b", "/a%20b", "/a%20b"},
    {"/a%20b", "/a b", NULL},
    {"", "/", NULL},
    {NULL, "/", NULL},
    {",", "/", NULL},
};

START_TEST(templates_are_matched)
{
    const char *list = routes[_i].list, *path = routes[_i].path;
    struct oi_text route = oi_http_route(list ? guarded(list, strlen(list) + 1) : NULL,
                                         oi_text_of(guarded(path, strlen(path)), strlen(path)));
    ck_assert_int_eq(oi_text_present(route), routes[_i].route != NULL);
    ck_assert_msg(oi_text_equal(route, oi_text_from(routes[_i].route)), "%.*s", (int)route.len, route.at);
    for (size_t n = 0; n < strlen(path); n++)
        oi_http_route(list, oi_text_of(guarded(path, n), n));
}
END_TEST

/* What would be exponential for a matcher that tries everything. */
START_TEST(no_template_takes_long)
{
    static char path[20001], list[4001];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    for (size_t i = 1; i + 2 < sizeof list; i += 2)
        memcpy(list + i, "*a", 2);
    list[0] = '/';
    list[3999] = 'b';
    ck_assert(!oi_text_present(oi_http_route(list, oi_text_from(path))));
}
END_TEST

static const struct {
    const char *path, *guess; /* NULL: none */
} guesses[] = {
    {"/", "/"},
    {"/db/messages/search", "/db/messages/search"},
    {"/db/messages/search?q=1", "/db/messages/search"},
    {"/a/", "/a/"},
    {"//a", "//a"},
    {"/api/v1/users/42", "/api/v1/users/{id}"},
    {"/apis/apps/v1beta1/pods", "/apis/apps/v1beta1/pods"},
    {"/v2.1/x", "/v2.1/x"},
    {"/oauth2/utf8/sha256/s3/h264/mp3", "/oauth2/utf8/sha256/s3/h264/mp3"},
    {"/index.html", "/index.html"},
    {"/static/jquery-3.6.0.min.js", "/static/jquery-3.6.0.min.js"},
    {"/static/app.3f2a9c1b.js", "/static/{id}"},
    {"/getUserProfile/UserList", "/getUserProfile/UserList"},
    {"/facade/decade/added/cafebabe", "/facade/decade/added/cafebabe"},
    {"/wp-login.php", "/wp-login.php"},
    {"/some_thing/some-thing/some.thing", "/some_thing/some-thing/some.thing"},
    {"/0", "/{id}"},
    {"/board/5/x", "/board/{id}/x"},
    {"/-1/1.5/1_000", "/{id}/{id}/{id}"},
    {"/2026-11-20/2026/11/20", "/{id}/{id}/{id}/{id}"},
    {"/20261120T120000Z", "/{id}"},
    {"/report-2026.pdf", "/{id}"},
    {"/550e8400-e29b-41d4-a716-446655440000/x", "/{id}/x"},
    {"/deadbeef-aaaa-bbbb-cccc-ddddeeeeffff", "/{id}"},
    {"/d41d8cd98f00b204e9800998ecf8427e", "/{id}"},
    {"/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/{id}"},
    {"/deadbeefdeadbeef", "/{id}"},
    {"/commit/e83c516", "/commit/{id}"},
    {"/commit/a1b2c3d", "/commit/{id}"},
    {"/507f1f77bcf86cd799439011", "/{id}"},
    {"/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/{id}"},
    {"/cjld2cjxh0000qzrmn831i7rn", "/{id}"},
    {"/watch/dQw4w9WgXcQ", "/watch/{id}"},
    {"/customers/cus_NffrFeUfNV2Hib", "/customers/{id}"},
    {"/invite/AbcdefG7", "/invite/{id}"},
    {"/orders/ORDER12345", "/orders/{id}"},
    {"/192.168.0.1/x", "/{id}/x"},
    {"/users/alice@example.com", "/users/{id}"},
    {"/search/hello%20world", "/search/{id}"},
    {"/search/caf\xc3\xa9", "/search/{id}"},
    {"/~alice/x", "/{id}/x"},
    {"/a;jsessionid=1/b", "/{id}/b"},
    {"/a:b", "/{id}"},
    {"/<script>", "/{id}"},
    {"/how-to-write-a-parser-in-an-afternoon", "/{id}"},
    {"/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/g/h"},
    {"/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/*"},
    {"/a/b/c/d/e/f/g/h/i/j/k", "/a/b/c/d/e/f/g/h/*"},
    {"/a/../b", NULL},
    {"/./b", NULL},
    {"/..", NULL},
    {"*", NULL},
    {"", NULL},
    {"x/y", NULL},
    {"?a", NULL},
    {"http://h/x", NULL},
};

START_TEST(paths_are_guessed)
{
    const char *path = guesses[_i].path, *guess = guesses[_i].guess;
    char room[128] = "GET ";
    struct oi_buffer out = {.at = room, .size = sizeof room, .len = 4};
    ck_assert_int_eq(oi_http_route_guess(oi_text_of(guarded(path, strlen(path)), strlen(path)), &out), guess != NULL);
    char expected[128];
    snprintf(expected, sizeof expected, "GET %s", guess ? guess : "");
    ck_assert_msg(oi_text_equal(oi_buffer_text(&out), oi_text_from(expected)), "%.*s", (int)out.len, out.at);
    for (size_t n = 0; n < strlen(path); n++) {
        out.len = 4;
        oi_http_route_guess(oi_text_of(guarded(path, n), n), &out);
    }
}
END_TEST

START_TEST(a_guess_fits_or_is_none)
{
    const struct oi_text path = OI_TEXT("/db/messages/42");
    for (size_t size = 0; size < 24; size++) {
        struct oi_buffer out = {.at = guarded_copy(NULL, size), .size = size};
        bool fits = size >= sizeof "/db/messages/{id}" - 1;
        ck_assert_int_eq(oi_http_route_guess(path, &out), fits);
        ck_assert_uint_eq(out.len, fits ? 17 : 0);
        ck_assert(!out.truncated);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, templates_are_matched, 0, sizeof routes / sizeof *routes);
    tcase_add_test(tests, no_template_takes_long);
    tcase_add_loop_test(tests, paths_are_guessed, 0, sizeof guesses / sizeof *guesses);
    tcase_add_test(tests, a_guess_fits_or_is_none);
    return run_suite("http_route", tests);
}
