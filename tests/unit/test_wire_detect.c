#include "hooks/wire/detect.h"

#include <stdbool.h>
#include <stdlib.h>

#include "tests/unit/chance.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

struct start {
    enum oi_wire_side side;
    const char *bytes;
    size_t len;
    enum oi_wire verdict;
    size_t needed; /* bytes after which the verdict is there */
};

#define CLIENT(literal, verdict, needed)                                                                               \
    {                                                                                                                  \
        OI_WIRE_CLIENT, "" literal, sizeof(literal) - 1, OI_WIRE_##verdict, needed                                     \
    }
#define SERVER(literal, verdict, needed)                                                                               \
    {                                                                                                                  \
        OI_WIRE_SERVER, "" literal, sizeof(literal) - 1, OI_WIRE_##verdict, needed                                     \
    }
#define GREETING                                                                                                       \
    "\x4a\0\0\0\x0a"                                                                                                   \
    "10.11.6-MariaDB-0+deb12u1\0"

static const struct start starts[] = {
    CLIENT("GET / HTTP/1.1\r\n", HTTP1, 5),
    CLIENT("PUT /x HTTP/1.1\r\n", HTTP1, 5),
    CLIENT("POST /x HTTP/1.1\r\n", HTTP1, 6),
    CLIENT("PRIVATE /x HTTP/1.1\r\n", HTTP1, 9),
    CLIENT("PROPFIND /x HTTP/1.1\r\n", HTTP1, 10),
    CLIENT("X-!#$%&'*+.^_`|~09 /", HTTP1, 20),
    CLIENT("BASELINE-CONTROL-ABCDEFG /", HTTP1, 26),
    CLIENT("GET http://h/ HTTP/1.1\r\n", HTTP1, 11),
    CLIENT("GET HTTPS://h/ HTTP/1.1\r\n", HTTP1, 12),
    CLIENT("OPTIONS * HTTP/1.1\r\n", HTTP1, 17),
    CLIENT("CONNECT h:443 HTTP/1.1\r\n", HTTP1, 9),
    CLIENT("CONNECT [::1]:443 HTTP/1.1\r\n", HTTP1, 9),
    CLIENT("\r\n\n\r\nGET / HTTP/1.1\r\n", HTTP1, 10),
    CLIENT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", PROXY, 6),
    CLIENT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", PROXY, 12),
    CLIENT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", HTTP2, 24),
    CLIENT("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", TLS, 3),
    CLIENT("\x16\x03\0\0\x2f\x01", TLS, 3),
    CLIENT("*1\r\n$4\r\nPING\r\n", RESP, 5),
    CLIENT("*1000000\r\n$", RESP, 11),
    CLIENT("*0\r\n*1\r\n$4\r\nPING\r\n", NONE, 5),
    CLIENT("*3\r\n$3\r\nSET\r\n", RESP, 5),
    CLIENT("*12\r\n$", RESP, 6),
    /* The reply will tell. */
    CLIENT("PING\r\n", MORE, 0),
    CLIENT("ping\n", MORE, 0),
    CLIENT("GET key\r\n", MORE, 0),
    CLIENT("SET key value\r\nGET key\r\n", MORE, 0),
    CLIENT("subscribe c", MORE, 0),
    SERVER(GREETING, MYSQL, 9),
    SERVER("\x5b\0\0\0\x0a"
           "8.0.36-0ubuntu0.22.04.1\0",
           MYSQL, 8),
    SERVER("\x5f\0\0\0\x0a"
           "5.5.5-10.5.23-MariaDB-1:10.5.23+maria~ubu2004\0",
           MYSQL, 8),
    SERVER("\x36\0\0\0\x0a"
           "5.1.73\0",
           MYSQL, 8),
    SERVER("\xa0\x01\0\0\x0a"
           "11.4.2-MariaDB-with-a-long-name\0",
           MYSQL, 9),
    SERVER("\x17\0\0\0\xff\x10\x04Too many connections", MYSQL, 8),
    SERVER("\x1d\0\0\0\xff\x6a\x04#HY000Host is not allowed", MYSQL, 8),
    SERVER("\x1d\0\0\0\xff\x69\x04Host 'x' is blocked", MYSQL, 8),

    /* Nothing we read. */
    CLIENT("get\tx", NONE, 4),
    CLIENT("PUT  /", NONE, 5),
    CLIENT("PUT :/", NONE, 5),
    CLIENT("PUT 9p://", NONE, 5),
    CLIENT("PUT http:/x", NONE, 11),
    CLIENT("PUT host:80/", NONE, 10),
    CLIENT("OPTIONS * RTSP/1.0\r\n", NONE, 11),
    CLIENT("CONNECT /x", HTTP1, 9),
    CLIENT("CONNECT :1", NONE, 9),
    CLIENT("EHLO mail.example.com\r\n", NONE, 22),
    CLIENT("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", NONE, 31),
    CLIENT("INVITE sip:bob@h SIP/2.0\r\n", NONE, 12),
    CLIENT("AMQP\0\0\x09\x01", NONE, 5),
    CLIENT("\0\0\0\x08\x04\xd2\x16\x2f", NONE, 1),
    CLIENT("\x10\x1a\0\x04MQTT", NONE, 1),
    CLIENT("\x16\x02\x01", NONE, 2),
    CLIENT("\x16\x03\x05", NONE, 3),
    CLIENT("\x80\x2e\x01\x03\x01", NONE, 1),
    CLIENT("PROXYX", MORE, 0),
    CLIENT("PROXY\t", NONE, 6),
    CLIENT("PRI * HTTP/2.0\r\n\r\nXX", NONE, 19),
    CLIENT("\r\n\r\n\0\r\nQUIX", NONE, 11),
    CLIENT("\r\n\r\n\x01", NONE, 5),
    CLIENT("\rG", NONE, 2),
    CLIENT("\n\n\n\n\nGET / HTTP/1.1\r\n", NONE, 5),
    CLIENT("*x", NONE, 2),
    CLIENT("*\r\n", NONE, 2),
    CLIENT("*1\n$", NONE, 3),
    CLIENT("*12345678\r\n$", NONE, 9),
    CLIENT("*1\r\n+", NONE, 5),
    CLIENT("PINGX\r\n", NONE, 6),
    CLIENT("PING\t", NONE, 5),
    CLIENT("gets key\r\n", NONE, 9),
    CLIENT("*12345\r\n:", NONE, 9),
    CLIENT("$4\r\nPING\r\n", NONE, 3),
    CLIENT("PASS secret\r\n", NONE, 12),
    CLIENT("0123456789\r\n", NONE, 11),
    CLIENT("USER alice\r\n", NONE, 11),
    CLIENT("AAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n", NONE, 25),
    CLIENT("GET aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa://", NONE, OI_WIRE_FIRST),
    CLIENT("\xff\xd8\xff\xe0", NONE, 1),
    SERVER("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", NONE, 2),
    SERVER("220 mail.example.com ESMTP\r\n", NONE, 2),
    SERVER("+PONG\r\n", NONE, 2),
    SERVER("HTTP/1.1 408 Request Timeout\r\n", NONE, 2),
    SERVER("\x4a\0\0\1\x0a"
           "8",
           NONE, 4),
    SERVER("\x4a\0\0\0\x09"
           "5.0",
           NONE, 5),
    SERVER("\x4a\0\0\0\x0axy", NONE, 6),
    SERVER("\x04\0\0\0\x0a"
           "8.0",
           NONE, 5),
    SERVER("\x4a\0\0\0\x0a"
           "8\0",
           NONE, 7),
    SERVER("\x4a\0\0\0\x0a"
           "8.x",
           NONE, 8),
    SERVER("\x4a\0\0\0\x0a"
           "100.1",
           NONE, 8),
    SERVER("\x4a\0\0\0\x0a.1", NONE, 6),
    SERVER("\x4a\0\0\0\x0a"
           "10",
           MORE, 0),
    SERVER("\x4a\0\x01\0\x0a"
           "8.0",
           NONE, 3),
    SERVER("\0\0\0\0", MORE, 0),
    SERVER("\0\0\0\0\x0a"
           "8.0",
           NONE, 5),
    SERVER("\x10\0\0\0\xff\x10\x04\0oo", NONE, 8),
    SERVER("\x04\0\0\0\xff\x10\x04#", NONE, 5),
    SERVER("\x10\0\0\0\xff\xe7\x03Too", NONE, 8),
    SERVER("\0\0\x12\x04\0\0\0\0\0", NONE, 3),
    SERVER("RFB 003.008\n", NONE, 2),
    SERVER("* OK IMAP4rev1 ready\r\n", NONE, 2),
    SERVER("<?xml version='1.0'?>", NONE, 2),
    CLIENT(GREETING, NONE, 2),
    SERVER("\x4a\x05\0\0\x0a"
           "8.0",
           NONE, 2),
    SERVER("\x10\0\0\0\xff\x10\x27Too", NONE, 8),
};

static enum oi_wire detect(struct oi_wire_detector *d, const struct start *start, size_t from, size_t len)
{
    return oi_wire_detect(d, start->side, guarded(start->bytes + from, len), len);
}

START_TEST(protocols_are_told_by_their_first_bytes)
{
    const struct start *start = &starts[_i];
    struct oi_wire_detector whole = {0}, bytes = {0};
    ck_assert_int_eq(detect(&whole, start, 0, start->len), start->verdict);
    ck_assert_uint_eq(whole.kept, start->verdict == OI_WIRE_MORE ? start->len : 0);
    for (size_t i = 0; i < start->len; i++) {
        enum oi_wire verdict = detect(&bytes, start, i, 1);
        bool known = start->verdict != OI_WIRE_MORE && i + 1 >= start->needed;
        ck_assert_msg(verdict == (known ? start->verdict : OI_WIRE_MORE), "%d after %zu bytes", verdict, i + 1);
    }
    if (start->verdict != OI_WIRE_MORE) {
        ck_assert_uint_eq(bytes.kept, start->needed - 1);
        ck_assert_mem_eq(bytes.bytes, start->bytes, bytes.kept);
    }
    for (size_t at = 1; at < start->len; at++) {
        struct oi_wire_detector two = {0};
        detect(&two, start, 0, at);
        ck_assert_int_eq(detect(&two, start, at, start->len - at), start->verdict);
    }
}
END_TEST

START_TEST(a_verdict_stays)
{
    struct oi_wire_detector d = {0};
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, "GET /", 5), OI_WIRE_HTTP1);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_SERVER, "\0", 1), OI_WIRE_HTTP1);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, NULL, 10), OI_WIRE_HTTP1);
    ck_assert_uint_eq(d.kept, 0);
}
END_TEST

START_TEST(nothing_said_is_nothing_known)
{
    struct oi_wire_detector d = {0};
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_SERVER, guarded("", 0), 0), OI_WIRE_MORE);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, NULL, 0), OI_WIRE_MORE);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, "GET /", 5), OI_WIRE_HTTP1);
}
END_TEST

START_TEST(unseen_bytes_are_no_evidence)
{
    struct oi_wire_detector d = {0};
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, NULL, 10), OI_WIRE_NONE);
}
END_TEST

START_TEST(who_interrupts_is_not_understood)
{
    struct oi_wire_detector d = {0};
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, "GE", 2), OI_WIRE_MORE);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_SERVER, GREETING, sizeof GREETING), OI_WIRE_NONE);
    d = (struct oi_wire_detector){0};
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_SERVER, GREETING, 6), OI_WIRE_MORE);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, "GET /", 5), OI_WIRE_NONE);
}
END_TEST

static const struct {
    const char *command, *reply;
    enum oi_wire verdict;
} typed[] = {
    {"PING\r\n", "+PONG\r\n", OI_WIRE_RESP},
    {"ping\n", "-NOAUTH Authentication required.\r\n", OI_WIRE_RESP},
    {"GET key\r\n", "$-1\r\n", OI_WIRE_RESP},
    {"GET key\r\n", "$5\r\nhello\r\n", OI_WIRE_RESP},
    {"DEL a b\r\n", ":2\r\n", OI_WIRE_RESP},
    {"KEYS *\r\n", "*0\r\n", OI_WIRE_RESP},
    {"SET a b\r\nGET a\r\n", "+OK\r\n", OI_WIRE_RESP},
    {"GET key\r\n", "VALUE key 0 5\r\nhello\r\nEND\r\n", OI_WIRE_NONE}, /* memcached */
    {"GET key\r\n", "END\r\n", OI_WIRE_NONE},
    {"PING\r\n", "PONG\r\n", OI_WIRE_NONE}, /* NATS */
    {"TIME\r\n", "1339518083\r\n", OI_WIRE_NONE},
    {"QUIT\r\n", "221 Bye\r\n", OI_WIRE_NONE},
    {"AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n", OI_WIRE_NONE},
    {"GET key", "+OK\r\n", OI_WIRE_NONE}, /* not yet a line */
    {"*1\r\n", "+OK\r\n", OI_WIRE_NONE},
    {"\r\n", "+OK\r\n", OI_WIRE_NONE},
    {"PING\r\n", "", OI_WIRE_MORE},
};

START_TEST(a_command_on_a_line_is_told_by_its_reply)
{
    const char *command = typed[_i].command;
    struct oi_wire_detector d = {0};
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, guarded(command, strlen(command)), strlen(command)),
                     OI_WIRE_MORE);
    size_t len = strlen(typed[_i].reply);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_SERVER, guarded(typed[_i].reply, len), len), typed[_i].verdict);
    ck_assert_uint_eq(d.kept, strlen(command));
    ck_assert_mem_eq(d.bytes, command, d.kept);
    d = (struct oi_wire_detector){0};
    for (size_t i = 0; i < strlen(command); i++)
        ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_CLIENT, command + i, 1), OI_WIRE_MORE);
    ck_assert_int_eq(oi_wire_detect(&d, OI_WIRE_SERVER, typed[_i].reply, len ? 1 : 0), typed[_i].verdict);
}
END_TEST

START_TEST(no_beginning_keeps_it_waiting)
{
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        struct oi_wire_detector d = {0};
        enum oi_wire_side side = round % 2 ? OI_WIRE_CLIENT : OI_WIRE_SERVER;
        static const char bytes[] = "GET PROXY\r\n*1$/:h\x16\x03\0\x01\xff";
        size_t n = 0;
        enum oi_wire verdict;
        do {
            verdict = oi_wire_detect(&d, side, bytes + chance(&seed, sizeof bytes - 1), 1);
            n++;
        } while (verdict == OI_WIRE_MORE);
        ck_assert_uint_le(n, OI_WIRE_FIRST);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, protocols_are_told_by_their_first_bytes, 0, sizeof starts / sizeof *starts);
    tcase_add_test(tests, a_verdict_stays);
    tcase_add_test(tests, nothing_said_is_nothing_known);
    tcase_add_test(tests, unseen_bytes_are_no_evidence);
    tcase_add_test(tests, who_interrupts_is_not_understood);
    tcase_add_loop_test(tests, a_command_on_a_line_is_told_by_its_reply, 0, sizeof typed / sizeof *typed);
    tcase_add_test(tests, no_beginning_keeps_it_waiting);
    return run_suite("wire_detect", tests);
}
