#include "agent/http_forwarded.h"

#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct {
    const char *forwarded, *x_for, *x_proto, *x_host, *x_port; /* NULL: not sent */
    const char *address;                                       /* NULL: nobody says */
    int port;
    const char *scheme, *host;
    int host_port;
} rows[] = {
#define NOBODY NULL, 0, NULL, NULL, 0
#define FORWARDED(value) value, NULL, NULL, NULL, NULL
#define X_FOR(value) NULL, value, NULL, NULL, NULL
    {NULL, NULL, NULL, NULL, NULL, NOBODY},
    {"", "", "", "", "", NOBODY},

    /* RFC 7239 §4, and what else is well-formed. */
    {FORWARDED("for=\"_gazonk\""), NOBODY},
    {FORWARDED("For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17", 4711, NULL, NULL, 0},
    {FORWARDED("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60", 0, "http", NULL, 0},
    {FORWARDED("for=192.0.2.43, for=198.51.100.17"), "192.0.2.43", 0, NULL, NULL, 0},
    {FORWARDED("by=1.2.3.4;proto=HTTPS;HOST=\"example.com:8443\", for=192.0.2.43;proto=http"), "192.0.2.43", 0, "https",
     "example.com", 8443},
    {FORWARDED("host=[2001:db8::1]:80"), NULL, 0, NULL, "2001:db8::1", 80},
    {FORWARDED("for=192.0.2.43:47011"), "192.0.2.43", 47011, NULL, NULL, 0},
    {FORWARDED("for=\"192.0.2.43:_port\""), "192.0.2.43", 0, NULL, NULL, 0},
    {FORWARDED("for=2001:db8::1"), "2001:db8::1", 0, NULL, NULL, 0},
    {FORWARDED("for=unknown, for=192.0.2.43"), NOBODY},
    {FORWARDED(" , for=192.0.2.43 ; proto=https , "), "192.0.2.43", 0, "https", NULL, 0},
    {FORWARDED("ext-1=\"a,b;c\\\"d\";for=192.0.2.43"), "192.0.2.43", 0, NULL, NULL, 0},
    {FORWARDED("for=192.0.2.43;secret=\"\""), "192.0.2.43", 0, NULL, NULL, 0},

    /* X-Forwarded-… */
    {X_FOR("203.0.113.195"), "203.0.113.195", 0, NULL, NULL, 0},
    {X_FOR("203.0.113.195, 70.41.3.18,150.172.238.178"), "203.0.113.195", 0, NULL, NULL, 0},
    {X_FOR("2001:db8:85a3:8d3:1319:8a2e:370:7348"), "2001:db8:85a3:8d3:1319:8a2e:370:7348", 0, NULL, NULL, 0},
    {X_FOR("::ffff:192.0.2.1"), "::ffff:192.0.2.1", 0, NULL, NULL, 0},
    {X_FOR("\"[2001:db8::1]:443\" , x"), "2001:db8::1", 443, NULL, NULL, 0},
    {X_FOR("[2001:db8::1]"), "2001:db8::1", 0, NULL, NULL, 0},
    {X_FOR("203.0.113.195:65535"), "203.0.113.195", 65535, NULL, NULL, 0},
    {X_FOR(" ,\t, 203.0.113.195"), "203.0.113.195", 0, NULL, NULL, 0},
    {NULL, NULL, "https", "example.com", NULL, NULL, 0, "https", "example.com", 0},
    {NULL, NULL, "HTTPS, http", "a.example.com:81, b", "9", NULL, 0, "https", "a.example.com", 81},
    {NULL, NULL, "wss", "a-b_c.d.", "9,10", NULL, 0, "wss", "a-b_c.d.", 9},
    {NULL, NULL, "ws", NULL, "443", NULL, 0, "ws", NULL, 443},

    /* Which one is asked. */
    {"for=192.0.2.1;proto=http", "192.0.2.2", "https", "h", NULL, "192.0.2.1", 0, "http", "h", 0},
    {"proto=https", "192.0.2.2", "http", NULL, NULL, "192.0.2.2", 0, "https", NULL, 0},
    {"for=unknown", "192.0.2.2", NULL, NULL, NULL, NOBODY},
    {"for=192.0.2.1;;=", "192.0.2.2", NULL, NULL, NULL, "192.0.2.2", 0, NULL, NULL, 0},

    /* Hostile and broken. */
    {FORWARDED("for"), NOBODY},
    {FORWARDED("for="), NOBODY},
    {FORWARDED("=192.0.2.1"), NOBODY},
    {FORWARDED("for=\""), NOBODY},
    {FORWARDED("for=\"192.0.2.1"), NOBODY},
    {FORWARDED("for=\"192.0.2.1\\"), NOBODY},
    {FORWARDED("for=\"192.0.2.1\"x"), NOBODY},
    {FORWARDED("for=\"192.0.2.\\1\""), NOBODY},
    {FORWARDED("for=192.0.2.1;for"), NOBODY},
    {FORWARDED("for=192.0.2.1=x"), NOBODY},
    {FORWARDED("for =192.0.2.1"), NOBODY},
    {FORWARDED("for=\"\""), NOBODY},
    {FORWARDED("for=\"[192.0.2.1]\""), NOBODY},
    {FORWARDED("for=\"[2001:db8::1\""), NOBODY},
    {FORWARDED("for=\"[2001:db8::1]x\""), NOBODY},
    {FORWARDED("for=\"[]\""), NOBODY},
    {FORWARDED("for=\"[2001:db8::1]:\""), NOBODY},
    {FORWARDED("for=192.0.2.1:0"), NOBODY},
    {FORWARDED("for=192.0.2.1:65536"), NOBODY},
    {FORWARDED("for=192.0.2.1:123456"), NOBODY},
    {FORWARDED("for=192.0.2.1:1x"), NOBODY},
    {FORWARDED("proto=javascript;host=\"<script>\""), NOBODY},
    {FORWARDED("proto=\"https \";host=\"a b\""), NOBODY},
    {FORWARDED("host=\"h:99999\""), NOBODY},
    {FORWARDED("host=\"[::1\""), NOBODY},
    {X_FOR("localhost"), NOBODY},
    {X_FOR("1.2.3"), NOBODY},
    {X_FOR("1.2.3.4.5"), NOBODY},
    {X_FOR("256.1.1.1"), NOBODY},
    {X_FOR("01.2.3.4"), NOBODY},
    {X_FOR("0x7f.1"), NOBODY},
    {X_FOR("1.2.3.4 5.6.7.8"), NOBODY},
    {X_FOR("2001:db8:::1"), NOBODY},
    {X_FOR("2001:db8::1::2"), NOBODY},
    {X_FOR("fe80::1%eth0"), NOBODY},
    {X_FOR("1:2:3:4:5:6:7:8:9"), NOBODY},
    {X_FOR("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), NOBODY},
    {X_FOR("${jndi:ldap://x/a}"), NOBODY},
    {X_FOR("' OR 1=1 --"), NOBODY},
    {X_FOR("\""), NOBODY},
    {X_FOR("unknown, 192.0.2.1"), NOBODY},
    {NULL, NULL, "httpsx", "", "0", NOBODY},
    {NULL, NULL, "\xc3\xa4", "caf\xc3\xa9.example", "65536", NOBODY},
    {NULL, NULL, ",,", "a:b", "-1", NOBODY},
    {NULL, NULL, "file", "..:80x", "80 ", NULL, 0, NULL, NULL, 80},
};

static struct oi_text text(const char *string, size_t len)
{
    return string ? oi_text_of(guarded(string, len), len) : (struct oi_text){NULL, 0};
}

static struct oi_text value(const char *string)
{
    return text(string, string ? strlen(string) : 0);
}

static void same(struct oi_text got, const char *expected)
{
    ck_assert_int_eq(oi_text_present(got), expected != NULL);
    ck_assert_msg(oi_text_equal(got, oi_text_from(expected)), "%.*s", (int)got.len, got.at);
}

START_TEST(origins_are_read)
{
    struct oi_http_forwarded headers = {value(rows[_i].forwarded), value(rows[_i].x_for), value(rows[_i].x_proto),
                                        value(rows[_i].x_host), value(rows[_i].x_port)};
    struct oi_http_origin origin = oi_http_forwarded_read(&headers);
    same(origin.address, rows[_i].address);
    ck_assert_int_eq(origin.port, rows[_i].port);
    same(origin.scheme, rows[_i].scheme);
    same(origin.host, rows[_i].host);
    ck_assert_int_eq(origin.host_port, rows[_i].host_port);
}
END_TEST

START_TEST(every_beginning_is_read_without_reading_past_it)
{
    const char *const values[] = {rows[_i].forwarded, rows[_i].x_for, rows[_i].x_proto, rows[_i].x_host,
                                  rows[_i].x_port};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (size_t n = 0; values[i] && n < strlen(values[i]); n++) {
            struct oi_text cut = text(values[i], n);
            struct oi_http_forwarded headers = {cut, cut, cut, cut, cut};
            oi_http_forwarded_read(&headers);
        }
}
END_TEST

static const struct {
    const char *value, *host; /* NULL: none */
    int port;
} hosts[] = {
    {"example.com", "example.com", 0},
    {" example.com:8080\t", "example.com", 8080},
    {"localhost:", "localhost", 0},
    {"192.0.2.1:80", "192.0.2.1", 80},
    {"[::1]", "::1", 0},
    {"[::1]:8080", "::1", 8080},
    {"under_score", "under_score", 0},
    {"", NULL, 0},
    {":80", NULL, 0},
    {"::1", NULL, 0},
    {"a:b:c", NULL, 0},
    {"user@host", NULL, 0},
    {"a/b", NULL, 0},
    {"host:http", NULL, 0},
    {"host:0", NULL, 0},
    {"host:65536", NULL, 0},
    {"[host]", NULL, 0},
    {"[::1", NULL, 0},
    {"[::1]8080", NULL, 0},
    {"[::1]:x", NULL, 0},
};

START_TEST(hosts_are_split)
{
    struct oi_text host = {NULL, 0};
    uint16_t port = 0;
    ck_assert_int_eq(oi_http_host_split(value(hosts[_i].value), &host, &port), hosts[_i].host != NULL);
    same(host, hosts[_i].host);
    ck_assert_int_eq(port, hosts[_i].port);
}
END_TEST

START_TEST(a_host_has_at_most_255_characters)
{
    char name[256];
    memset(name, 'a', sizeof name);
    struct oi_text host;
    uint16_t port;
    ck_assert(oi_http_host_split(text(name, 255), &host, &port));
    ck_assert(!oi_http_host_split(text(name, 256), &host, &port));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, origins_are_read, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, every_beginning_is_read_without_reading_past_it, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, hosts_are_split, 0, sizeof hosts / sizeof *hosts);
    tcase_add_test(tests, a_host_has_at_most_255_characters);
    return run_suite("http_forwarded", tests);
}
