#include "tests/unit/chance.h"
#include "tests/unit/http1_messages.h"

static void give_in_pieces(const struct message *message, const struct oi_http1_wanted *only, bool told, size_t size)
{
    http1_start(&cut, message->side, message->answers);
    cut.only = only;
    cut.told = told;
    for (size_t at = 0; at < message->len; at += size)
        give_guarded(&cut, message->bytes + at, message->len - at < size ? message->len - at : size);
    http1_end(&cut);
}

/* Who names the headers that are wanted is told the same of them, and of all else, as who picks them himself. */
static void every_way_wanted(const struct message *message)
{
    static const struct oi_http1_wanted sets[] = {
        {0xffff, UINT64_MAX, false}, /* all */
        {0xffff, UINT64_MAX, true},
        {0, 0, false}, /* none */
        {0, 0, true},
        {1u << OI_HTTP1_HOST | 1u << OI_HTTP1_CONTENT_LENGTH, UINT64_C(1) << 3 | 1 << 5, false}, /* some */
        {1u << OI_HTTP1_HOST | 1u << OI_HTTP1_CONTENT_LENGTH, UINT64_C(1) << 3 | 1 << 5, true},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        http1_start(&whole, message->side, message->answers);
        whole.only = &sets[i];
        for (size_t at = 0; at < message->len; at++)
            give_guarded(&whole, message->bytes + at, 1);
        http1_end(&whole);
        for (size_t at = 1; at <= message->len; at++) {
            http1_start(&cut, message->side, message->answers);
            cut.only = &sets[i];
            cut.told = true;
            give_guarded(&cut, message->bytes, at);
            give_guarded(&cut, message->bytes + at, message->len - at);
            http1_end(&cut);
            same(&cut, whole.text, "wanted, cut at", at);
        }
        for (size_t size = 1; size <= 3; size += 2) {
            give_in_pieces(message, &sets[i], true, size);
            same(&cut, whole.text, "wanted, pieces of", size);
        }
    }
}

/* Whole, cut in two at every place, in single bytes, and in pieces of three. */
static void every_way(const struct message *message, const char *expected)
{
    http1_start(&whole, message->side, message->answers);
    give_guarded(&whole, message->bytes, message->len);
    http1_end(&whole);
    if (expected)
        same(&whole, expected, "whole", 0);
    for (size_t at = 1; at < message->len; at++) {
        http1_start(&cut, message->side, message->answers);
        give_guarded(&cut, message->bytes, at);
        give_guarded(&cut, message->bytes + at, message->len - at);
        http1_end(&cut);
        same(&cut, whole.text, "cut at", at);
    }
    for (size_t size = 1; size <= 3; size += 2) {
        give_in_pieces(message, NULL, false, size);
        same(&cut, whole.text, "pieces of", size);
    }
    every_way_wanted(message);
    http1_start(&whole, message->side, message->answers);
    give_guarded(&whole, message->bytes, message->len);
    http1_end(&whole);
}

START_TEST(messages_are_read_however_they_are_cut)
{
    every_way(&messages[_i], messages[_i].events);
}
END_TEST

START_TEST(what_is_no_http_is_refused_however_it_is_cut)
{
    every_way(&refused[_i], refused[_i].events);
}
END_TEST

START_TEST(an_uncertain_end_is_said_to_be_one)
{
    every_way(&unframed[_i], NULL);
    ck_assert_msg(strstr(whole.text, " unframed") && strstr(whole.text, " uncertain") && !strstr(whole.text, " end"),
                  "%s", whole.text);
}
END_TEST

START_TEST(bad_chunks_are_refused)
{
    char bytes[256];
    int len = snprintf(bytes, sizeof bytes, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s", chunks[_i]);
    len += chunks[_i][strlen(chunks[_i]) - 1] == ';'; /* the NUL, too */
    struct message message = {REQUESTS, 0, bytes, (size_t)len, NULL};
    every_way(&message, NULL);
    ck_assert_msg(strstr(whole.text, " malformed") && !strstr(whole.text, " end"), "%s", whole.text);
}
END_TEST

/* Another message follows each of those that leave the connection open. */
START_TEST(neighbours_do_not_disturb)
{
    const struct message *message = &messages[_i];
    static const char next[] = "\r\nGET /next HTTP/1.1\r\n\r\n";
    bool request = message->side == REQUESTS, open = strstr(message->events, " keep end") != NULL;
    if (!request || !open || strstr(message->events, "uncertain") || strstr(message->events, "CONNECT"))
        return;
    char *bytes = malloc(message->len + sizeof next), expected[4096];
    memcpy(bytes, message->bytes, message->len);
    memcpy(bytes + message->len, next, sizeof next - 1);
    size_t at = message->len + 2;
    snprintf(expected, sizeof expected, "%.*s@%zu GET /next 1.1 head %zu-%zu no body keep end %zu body 0\n closed",
             (int)(strlen(message->events) - strlen(" closed")), message->events, at, at + 20, at + 22, at + 22);
    struct message both = {REQUESTS, 0, bytes, message->len + sizeof next - 1, NULL};
    every_way(&both, expected);
    free(bytes);
}
END_TEST

START_TEST(lines_longer_than_any_buffer)
{
    enum { PATH = 100000 };
    static char bytes[PATH + 64], expected[PATH + 128];
    memcpy(bytes, "GET /", 5);
    memset(bytes + 5, 'x', PATH);
    int tail = snprintf(bytes + 5 + PATH, 64, " HTTP/1.1\r\nHost: h\r\n\r\n");
    snprintf(expected, sizeof expected, "@0 %.*s 1.1 {Host: h} head %d-%d no body keep end %d body 0\n closed",
             5 + PATH, bytes, 5 + PATH + tail - 2, 5 + PATH + tail, 5 + PATH + tail);
    size_t len = 5 + (size_t)PATH + (size_t)tail, sizes[] = {len, 4096, 1460, 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        http1_start(&cut, REQUESTS, 0);
        for (size_t at = 0; at < len; at += sizes[i])
            give_guarded(&cut, bytes + at, len - at < sizes[i] ? len - at : sizes[i]);
        http1_end(&cut);
        same(&cut, expected, "pieces of", sizes[i]);
    }
}
END_TEST

START_TEST(a_header_behind_64_kib_of_others_is_seen)
{
    enum { OTHERS = 64 * 1024 };
    static char bytes[OTHERS + 512];
    size_t len = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\n");
    while (len < OTHERS)
        len += (size_t)sprintf(bytes + len, "X-Cookie-%zu: %0100zu\r\n", len, len);
    len += (size_t)sprintf(bytes + len, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
    size_t place = len;
    len += (size_t)sprintf(bytes + len, "\r\n");
    char expected[256];
    snprintf(expected, sizeof expected,
             " {traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01} head %zu-%zu no body keep end "
             "%zu body 0\n",
             place, len, len);
    for (size_t size = len; size > 100; size /= 9) {
        http1_start(&cut, REQUESTS, 0);
        for (size_t at = 0; at < len; at += size)
            give_guarded(&cut, bytes + at, len - at < size ? len - at : size);
        ck_assert_msg(strstr(cut.text, expected) != NULL, "pieces of %zu", size);
    }
}
END_TEST

START_TEST(a_thousand_requests_and_their_answers)
{
    struct http1_text *t = &cut;
    static const char request[] = "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    http1_start(t, REQUESTS, 0);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_uint_eq(t->state.message, i);
        t->len = 0;
        http1_give(t, request, sizeof request - 1);
        ck_assert(!oi_http1_inside(&t->state));
    }
    ck_assert_uint_eq(t->state.offset, 1000 * (sizeof request - 1));
    static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
    http1_start(t, ANSWERS, 0);
    for (unsigned i = 0; i < 1000; i++) {
        t->len = 0;
        http1_give(t, answer, sizeof answer - 1);
    }
    ck_assert_uint_eq(t->state.message, 1000);
    ck_assert(!t->over);
}
END_TEST

/* sendfile and splice: the kernel says how many, nobody sees which. */
START_TEST(bodies_may_pass_unseen)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nab";
    http1_start(&cut, ANSWERS, 0);
    http1_give(&cut, head, sizeof head - 1);
    http1_give(&cut, NULL, 999900);
    ck_assert(oi_http1_inside(&cut.state));
    http1_give(&cut, NULL, 98);
    ck_assert(!oi_http1_inside(&cut.state));
    http1_give(&cut, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n", 51);
    http1_give(&cut, NULL, 16);
    http1_give(&cut, "\r\n0\r\n\r\nHTTP/1.0 200 OK\r\n\r\n", 26);
    http1_give(&cut, NULL, 12345);
    http1_end(&cut);
    same(&cut,
         "@0 1.1 200 {Content-Length: 1000000} head 42-44 length 1000000 keep end 1000044 body 1000000\n"
         "@1000044 1.1 200 {Transfer-Encoding: chunked} head 1000089-1000091 chunked keep end 1000118 body 16\n"
         "@1000118 1.0 200 head 1000135-1000137 to close end 1012482 body 12345\n closed",
         "unseen", 0);
}
END_TEST

static const struct message unseen[] = {
    REQUEST("", " unseen"),
    REQUEST("GET / HT", "@0 GET / unseen"),
    REQUEST("GET / HTTP/1.1\r\nA: b", "@0 GET / 1.1 {A unseen"),
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n",
            "@0 POST / 1.1 {Content-Length: 7} head 36-38 length 7 keep end 45 body 7\n unseen"),
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n",
            "@0 POST / 1.1 {Transfer-Encoding: chunked} head 45-47 chunked keep unseen"),
    REQUEST("GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            "@0 GET / 1.1 {Connection: close} head 35-37 no body end 37 body 0\n unseen"),
};

START_TEST(elsewhere_they_may_not)
{
    http1_start(&cut, unseen[_i].side, 0);
    give_guarded(&cut, unseen[_i].bytes, unseen[_i].len);
    http1_give(&cut, NULL, 8);
    same(&cut, unseen[_i].events, "unseen", 0);
    http1_give(&cut, "GET / HTTP/1.1\r\n\r\n", 18);
    http1_give(&cut, NULL, 8);
    http1_end(&cut);
    same(&cut, unseen[_i].events, "nothing after it", 0);
}
END_TEST

/* --- what the answers say of the requests ------------------------------------------------------------------------- */

/* The requests' side is told what an answer says, as a caller would: both sides are parsed. */
struct told {
    const char *request, *answer, *more, *events; /* of the requests */
};

#define UPGRADE "GET /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
#define UPGRADE_EVENTS                                                                                                 \
    "@0 GET /u 1.1 {Connection: upgrade} {Upgrade: websocket} head 58-60 no body keep upgrade end 60 body 0\n"
#define EXPECT "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
#define EXPECT_EVENTS "@0 PUT / 1.1 {Expect: 100-continue} {Content-Length: 3} head 57-59 length 3 keep continue"
#define NEXT "GET /n HTTP/1.1\r\n\r\n"

static const struct told told[] = {
    {"CONNECT h:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\x16\x03\x01" NEXT,
     "@0 CONNECT h:1 1.1 head 22-24 no body keep end 24 body 0\n tunnelled"},
    {"CONNECT h:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", NEXT,
     "@0 CONNECT h:1 1.1 head 22-24 no body keep end 24 body 0\n@24 GET /n 1.1 head 41-43 no body keep end 43 body 0\n "
     "closed"},
    {UPGRADE, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n", "\x81\x01x", UPGRADE_EVENTS " tunnelled"},
    {UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NEXT,
     UPGRADE_EVENTS "@60 GET /n 1.1 head 77-79 no body keep end 79 body 0\n closed"},
    {UPGRADE, "HTTP/1.1 103 Hints\r\n\r\n", NEXT, UPGRADE_EVENTS " uncertain"},
    {UPGRADE, "", NEXT, UPGRADE_EVENTS " uncertain"},
    {EXPECT, "HTTP/1.1 100 Continue\r\n\r\n", "abc" NEXT,
     EXPECT_EVENTS " end 62 body 3\n@62 GET /n 1.1 head 79-81 no body keep end 81 body 0\n closed"},
    {EXPECT, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n", "abc" NEXT,
     EXPECT_EVENTS " end 62 body 3\n@62 GET /n 1.1 head 79-81 no body keep end 81 body 0\n closed"},
    {EXPECT, "HTTP/1.1 102 P\r\n\r\n", "abc", EXPECT_EVENTS " end 62 body 3\n closed"},
    {EXPECT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", NEXT, EXPECT_EVENTS " uncertain"},
    {EXPECT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", "abc", EXPECT_EVENTS " uncertain"},
    {EXPECT, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", "", EXPECT_EVENTS " cut"},
    {EXPECT "a", "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", "bc" NEXT,
     EXPECT_EVENTS " end 62 body 3\n@62 GET /n 1.1 head 79-81 no body keep end 81 body 0\n closed"},
    /* An early answer, no expectation: the body is counted on. */
    {"PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", "abc" NEXT,
     "@0 PUT / 1.1 {Content-Length: 3} head 35-37 length 3 keep end 40 body 3\n"
     "@40 GET /n 1.1 head 57-59 no body keep end 59 body 0\n closed"},
    /* An upgrade that is decided before its body has come. */
    {"PUT / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     "abc" NEXT,
     "@0 PUT / 1.1 {Upgrade: x} {Content-Length: 3} head 47-49 length 3 keep upgrade end 52 body 3\n"
     "@52 GET /n 1.1 head 69-71 no body keep end 71 body 0\n closed"},
    {"PUT / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 101 S\r\n\r\n", "abc" NEXT,
     "@0 PUT / 1.1 {Upgrade: x} {Content-Length: 3} head 47-49 length 3 keep upgrade end 52 body 3 tunnel\n tunnelled"},
    /* Pipelined: the answer is an older request's. */
    {"GET /o HTTP/1.1\r\n\r\n" EXPECT, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "abc",
     "@0 GET /o 1.1 head 17-19 no body keep end 19 body 0\n"
     "@19 PUT / 1.1 {Expect: 100-continue} {Content-Length: 3} head 76-78 length 3 keep continue end 81 body 3\n "
     "closed"},
    {NEXT UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NEXT,
     "@0 GET /n 1.1 head 17-19 no body keep end 19 body 0\n"
     "@19 GET /u 1.1 {Connection: upgrade} {Upgrade: websocket} head 77-79 no body keep upgrade end 79 body 0\n "
     "uncertain"},
    {UPGRADE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", UPGRADE NEXT,
     UPGRADE_EVENTS
     "@60 GET /u 1.1 {Connection: upgrade} {Upgrade: websocket} head 118-120 no body keep upgrade end 120 body 0\n"
     " uncertain"},
};

static void answer(struct oi_http1 *answers, struct oi_http1 *requests, const char *bytes)
{
    struct oi_http1_event event;
    size_t len = strlen(bytes);
    do {
        size_t used = oi_http1_next(answers, bytes, len, &event);
        bytes += used;
        len -= used;
        if (event.kind == OI_HTTP1_BEGIN && requests->head.method == OI_HTTP1_METHOD_CONNECT)
            oi_http1_answers(answers, OI_HTTP1_METHOD_CONNECT);
        if (event.kind == OI_HTTP1_HEAD)
            oi_http1_answered(requests, &event);
    } while (event.kind != OI_HTTP1_MORE && event.kind != OI_HTTP1_OVER);
}

START_TEST(answers_decide_what_follows_a_request)
{
    static const struct oi_http1_wanted all = {0xffff, UINT64_MAX, true};
    const struct told *t = &told[_i];
    for (int heads = 0; heads < 2; heads++) {
        struct oi_http1 answers;
        oi_http1_init(&answers, OI_HTTP1_ANSWERS);
        http1_start(&cut, REQUESTS, 0);
        cut.only = heads ? &all : NULL;
        cut.told = heads;
        give_guarded(&cut, t->request, strlen(t->request));
        answer(&answers, &cut.state, t->answer);
        give_guarded(&cut, t->more, strlen(t->more));
        http1_end(&cut);
        same(&cut, t->events, "told", (size_t)_i);
    }
}
END_TEST

/* Pieces put together at random: all ways to cut them tell the same. */
START_TEST(chance_finds_no_difference_between_ways_to_cut)
{
    static const char *const pieces[] = {
        "GET / HTTP/1.1\r\n",
        "POST /x HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 404\n",
        "HTTP/1.1 100 C\r\n",
        "\r\n",
        "\n",
        "\r",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "A: b\r\n",
        " folded\r\n",
        "Connection: close\r\n",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n",
        "Upgrade: x\r\n",
        "CONNECT h:1 HTTP/1.1\r\n",
        ": ",
        " ",
        "\t",
        "\0",
        "Expect: 100-continue\r\n",
        "X",
        "Content-Length:",
    };
    unsigned seed = 12345;
    for (int round = 0; round < 2000; round++) {
        char bytes[512];
        size_t len = 0;
        for (int i = 0; i < 10; i++) {
            const char *piece = pieces[chance(&seed, sizeof pieces / sizeof *pieces)];
            size_t n = *piece ? strlen(piece) : 1;
            memcpy(bytes + len, piece, n);
            len += n;
        }
        enum oi_http1_side side = bytes[0] == 'H' ? ANSWERS : REQUESTS;
        static const struct oi_http1_wanted some = {1u << OI_HTTP1_CONTENT_LENGTH, 1u << 1, true};
        for (size_t step = 0; step < 6; step++) {
            static const size_t sizes[] = {512, 1, 3, 5, 512, 19};
            struct http1_text *t = step == 0 ? &whole : &cut;
            http1_start(t, side, 0);
            t->only = &some;
            t->told = step > 3;
            for (size_t at = 0, n; at < len; at += n) {
                n = len - at < sizes[step] ? len - at : sizes[step];
                http1_give(t, bytes + at, n);
            }
            http1_end(t);
            if (step > 0)
                same(&cut, whole.text, "pieces of", sizes[step]);
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, messages_are_read_however_they_are_cut, 0, COUNT(messages));
    tcase_add_loop_test(tests, what_is_no_http_is_refused_however_it_is_cut, 0, COUNT(refused));
    tcase_add_loop_test(tests, an_uncertain_end_is_said_to_be_one, 0, COUNT(unframed));
    tcase_add_loop_test(tests, bad_chunks_are_refused, 0, COUNT(chunks));
    tcase_add_loop_test(tests, neighbours_do_not_disturb, 0, COUNT(messages));
    tcase_add_test(tests, lines_longer_than_any_buffer);
    tcase_add_test(tests, a_header_behind_64_kib_of_others_is_seen);
    tcase_add_test(tests, a_thousand_requests_and_their_answers);
    tcase_add_test(tests, bodies_may_pass_unseen);
    tcase_add_loop_test(tests, elsewhere_they_may_not, 0, COUNT(unseen));
    tcase_add_loop_test(tests, answers_decide_what_follows_a_request, 0, COUNT(told));
    tcase_add_test(tests, chance_finds_no_difference_between_ways_to_cut);
    http1_interface_tests(tests);
    return run_suite("http1", tests);
}
