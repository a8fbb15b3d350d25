/* The interface of the HTTP/1 parser: what a caller sees besides the text of events. */
#include "tests/unit/http1_messages.h"

static const struct {
    const char *name;
    enum oi_http1_header header;
} names[] = {
    {"Host", OI_HTTP1_HOST},
    {"CONNECTION", OI_HTTP1_CONNECTION},
    {"content-length", OI_HTTP1_CONTENT_LENGTH},
    {"Transfer-Encoding", OI_HTTP1_TRANSFER_ENCODING},
    {"Upgrade", OI_HTTP1_UPGRADE},
    {"Expect", OI_HTTP1_EXPECT},
    {"Content-Type", OI_HTTP1_CONTENT_TYPE},
    {"User-Agent", OI_HTTP1_USER_AGENT},
    {"Forwarded", OI_HTTP1_FORWARDED},
    {"X-Forwarded-For", OI_HTTP1_X_FORWARDED_FOR},
    {"x-forwarded-host", OI_HTTP1_X_FORWARDED_HOST},
    {"X-Forwarded-Proto", OI_HTTP1_X_FORWARDED_PROTO},
    {"X-FORWARDED-PORT", OI_HTTP1_X_FORWARDED_PORT},
    {"Hosts", OI_HTTP1_OTHER_HEADER},
    {"Post", OI_HTTP1_OTHER_HEADER},
    {"X_Forwarded_For", OI_HTTP1_OTHER_HEADER},
    {"traceparent", OI_HTTP1_OTHER_HEADER},
};
enum { UNKNOWN = 4 }; /* the last ones */

static enum oi_http1_header header_named(const char *name, size_t len)
{
    static const struct oi_http1_wanted all = {0xffff, UINT64_MAX, false};
    struct oi_http1 state;
    struct oi_http1_event event;
    char bytes[128];
    size_t total = (size_t)snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n%.*s: 1\r\n\r\n", (int)len, name);
    const char *at = guarded(bytes, total);
    oi_http1_init(&state, REQUESTS);
    do {
        size_t used = oi_http1_next_wanted(&state, &all, at, total, &event);
        at += used;
        total -= used;
    } while (event.kind != OI_HTTP1_FIELD);
    ck_assert_uint_eq(event.len, len);
    return (enum oi_http1_header)event.header;
}

START_TEST(a_name_is_known_in_any_case_and_only_whole)
{
    char name[32];
    size_t len = strlen(names[_i].name);
    memcpy(name, names[_i].name, len);
    ck_assert_int_eq(header_named(name, len), names[_i].header);
    for (size_t at = 0; at < len; at++) {
        bool letter = name[at] != '-';
        name[at] = (char)(name[at] ^ (letter ? 0x20 : 0));
        ck_assert_int_eq(header_named(name, len), names[_i].header);
        for (int bit = 0; bit < 8; bit++) {
            char before = name[at], other = (char)(before ^ 1 << bit);
            if ((unsigned char)other <= ' ' || other == ':' || other == 0x7f || (bit == 5 && letter))
                continue;
            name[at] = other;
            ck_assert_int_eq(header_named(name, len), OI_HTTP1_OTHER_HEADER);
            name[at] = before;
        }
    }
    ck_assert_int_eq(header_named(name, len - 1), OI_HTTP1_OTHER_HEADER);
}
END_TEST

/* The only event of the wanted kind in what is given, or none. */
static bool find(struct oi_http1 *state, const char *bytes, size_t len, enum oi_http1_kind kind,
                 struct oi_http1_event *event)
{
    do {
        size_t used = oi_http1_next(state, bytes, len, event);
        bytes += used;
        len -= used;
    } while (event->kind != kind && event->kind != OI_HTTP1_MORE && event->kind != OI_HTTP1_OVER);
    return event->kind == kind;
}

START_TEST(known_headers_are_told_by_number)
{
    char bytes[128];
    int len = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\n%s: 1\r\n\r\n", names[_i].name);
    struct oi_http1 state;
    struct oi_http1_event event;
    oi_http1_init(&state, OI_HTTP1_REQUESTS);
    ck_assert(find(&state, bytes, (size_t)len, OI_HTTP1_HEADER, &event));
    ck_assert_int_eq(event.header, names[_i].header);
    ck_assert_uint_eq(event.offset, 16);
}
END_TEST

START_TEST(a_copy_of_the_state_is_a_snapshot)
{
    static const char bytes[] = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    http1_start(&whole, REQUESTS, 0);
    http1_give(&whole, bytes, sizeof bytes - 1);
    http1_end(&whole);
    for (size_t at = 0; at < sizeof bytes - 1; at++) {
        static struct http1_text ahead;
        http1_start(&cut, REQUESTS, 0);
        give_guarded(&cut, bytes, at);
        ahead = cut; /* parses on, in vain */
        give_guarded(&ahead, bytes + at, sizeof bytes - 1 - at);
        give_guarded(&ahead, "garbage", 7);
        give_guarded(&cut, bytes + at, sizeof bytes - 1 - at);
        http1_end(&cut);
        same(&cut, whole.text, "snapshot", at);
    }
}
END_TEST

/* Of each message: bytes that are said not to be looked at may be others, or none at all. */
START_TEST(what_is_not_looked_at_is_said)
{
    const struct message *message = &messages[_i];
    size_t part;
    http1_start(&cut, message->side, message->answers);
    http1_start(&whole, message->side, message->answers);
    for (size_t at = 0; at < message->len; at += part) {
        uint64_t unread = oi_http1_unread(&cut.state);
        size_t left = message->len - at;
        part = unread == 0 ? 1 : unread < left ? (size_t)unread : left;
        http1_give(&cut, unread == 0 ? message->bytes + at : NULL, part);
        http1_give(&whole, message->bytes + at, part);
        ck_assert_mem_eq(&cut.state, &whole.state, sizeof cut.state);
    }
    http1_end(&cut);
    http1_end(&whole);
    same(&cut, whole.text, "not looked at", 0);
}
END_TEST

START_TEST(the_bytes_of_a_body_are_not_looked_at)
{
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n";
    http1_start(&cut, REQUESTS, 0);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 0);
    http1_give(&cut, head, sizeof head - 2);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 0);
    http1_give(&cut, "\n", 1);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 0x1f);
    http1_start(&cut, ANSWERS, 0);
    http1_give(&cut, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n12345", 47);
    ck_assert_uint_eq(oi_http1_unread(&cut.state), 12345 - 5);
}
END_TEST

START_TEST(values_that_are_not_taken_are_passed_over)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx";
    struct oi_http1 state;
    struct oi_http1_event event;
    oi_http1_init(&state, OI_HTTP1_REQUESTS);
    ck_assert(!find(&state, bytes, sizeof bytes - 1, OI_HTTP1_VALUE, &event));
    ck_assert_uint_eq(state.message, 1);
}
END_TEST

/* Replacing a forwarded id in a copy needs to know where it stands. */
START_TEST(values_stand_in_the_bytes_given)
{
    static const char bytes[] = "GET /abc HTTP/1.1\r\nA:  b c \r\n\r\n";
    struct oi_http1 state;
    struct oi_http1_event event;
    oi_http1_init(&state, OI_HTTP1_REQUESTS);
    const char *given = guarded(bytes, sizeof bytes - 1);
    size_t used = 0;
    for (;;) {
        used += oi_http1_next(&state, given + used, sizeof bytes - 1 - used, &event);
        if (event.kind == OI_HTTP1_TARGET) {
            ck_assert_ptr_eq(event.at, given + 4);
            ck_assert_uint_eq(event.offset, 4);
        } else if (event.kind == OI_HTTP1_HEADER) {
            oi_http1_take(&state);
        } else if (event.kind == OI_HTTP1_VALUE) {
            ck_assert_ptr_eq(event.at, given + 23);
            ck_assert_uint_eq(event.len, 3);
            ck_assert_uint_eq(event.offset, 23);
            break;
        }
        ck_assert_int_ne(event.kind, OI_HTTP1_MORE);
    }
}
END_TEST

START_TEST(methods_that_frame_answers_differently_are_told)
{
    static const struct {
        const char *bytes;
        enum oi_http1_method method;
    } methods[] = {
        {"HEAD / HTTP/1.1\r\n\r\n", OI_HTTP1_METHOD_HEAD},   {"CONNECT h:1 HTTP/1.1\r\n\r\n", OI_HTTP1_METHOD_CONNECT},
        {"head / HTTP/1.1\r\n\r\n", OI_HTTP1_OTHER_METHOD},  {"GET / HTTP/1.1\r\n\r\n", OI_HTTP1_OTHER_METHOD},
        {"HEADS / HTTP/1.1\r\n\r\n", OI_HTTP1_OTHER_METHOD},
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct oi_http1 state;
        struct oi_http1_event event;
        oi_http1_init(&state, OI_HTTP1_REQUESTS);
        ck_assert(find(&state, methods[i].bytes, strlen(methods[i].bytes), OI_HTTP1_END, &event));
        ck_assert_int_eq(event.head.method, methods[i].method);
        ck_assert_uint_eq(event.message, 0);
    }
}
END_TEST

void http1_interface_tests(TCase *tests)
{
    tcase_add_loop_test(tests, a_name_is_known_in_any_case_and_only_whole, 0, COUNT(names) - UNKNOWN);
    tcase_add_test(tests, a_copy_of_the_state_is_a_snapshot);
    tcase_add_loop_test(tests, known_headers_are_told_by_number, 0, COUNT(names));
    tcase_add_test(tests, values_that_are_not_taken_are_passed_over);
    tcase_add_test(tests, values_stand_in_the_bytes_given);
    tcase_add_loop_test(tests, what_is_not_looked_at_is_said, 0, COUNT(messages));
    tcase_add_test(tests, the_bytes_of_a_body_are_not_looked_at);
    tcase_add_test(tests, methods_that_frame_answers_differently_are_told);
}
