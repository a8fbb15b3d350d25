/* hooks/wire/resp.c: each conversation whole, split at every byte, byte by byte, and behind another one. */

#include "tests/unit/chance.h"
#include "tests/unit/resp_text.h"
#include "tests/unit/run.h"

struct stream {
    enum oi_resp_side side;
    const char *bytes;
    size_t len;
    const char *events;
};

#define COMMAND(literal, events)                                                                                       \
    {                                                                                                                  \
        OI_RESP_COMMANDS, "" literal, sizeof(literal) - 1, events                                                      \
    }
#define REPLY(literal, events)                                                                                         \
    {                                                                                                                  \
        OI_RESP_REPLIES, "" literal, sizeof(literal) - 1, events                                                       \
    }

static const struct stream streams[] = {
    /* Commands as clients send them. */
    COMMAND("*1\r\n$4\r\nPING\r\n", "@0 [PING] end 1 14\n"),
    COMMAND("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", "@0 [GET] [key] end 2 22\n"),
    COMMAND("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", "@0 [SET] [k] [] end 3 26\n"),
    COMMAND("*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$4\r\n\r\n\r\n\r\n",
            "@0 [SET] [a\\000b] [\\015\\012\\015\\012] end 3 32\n"),
    COMMAND("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n",
            "@0 [GET] [a] end 2 20\n@20 [GET] [b] end 2 40\n"),
    COMMAND("*01\r\n$04\r\nPING\r\n", "@0 [PING] end 1 16\n"),
    COMMAND("*0\r\n*1\r\n$4\r\nPING\r\n", "@0 end 0 4\n@4 [PING] end 1 18\n"),
    COMMAND("*-1\r\n*1\r\n$4\r\nPING\r\n", "@0 end 0 5\n@5 [PING] end 1 19\n"),
    COMMAND("*1\r\n$4\r\nPI", "@0 [PI inside"),
    COMMAND("*2\r\n$4\r\nPING\r\n", "@0 [PING] inside"),
    COMMAND("*2\r\n$3\r\nGET\r\n$80\r\n"
            "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh\r\n",
            "@0 [GET] [aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg(80)] end 2 100\n"),
    /* Typed by somebody. */
    COMMAND("PING\r\n", "@0 [PING] end 1 6\n"),
    COMMAND("PING\n", "@0 [PING] end 1 5\n"),
    COMMAND("SET key value\r\nGET key\r\n", "@0 [SET] [key] [value] end 3 15\n@15 [GET] [key] end 2 24\n"),
    COMMAND("  SET\tkey  value \r\n", "@0 [SET] [key] [value] end 3 19\n"),
    COMMAND("\r\n", "@0 end 0 2\n"),
    COMMAND("\n\nPING\r\n", "@0 end 0 1\n@1 end 0 2\n@2 [PING] end 1 8\n"),
    COMMAND("SET k \"a b\"\r\n", "@0 [SET] [k] [a b] end 3 13\n"),
    COMMAND("SET k 'a \" b'\r\n", "@0 [SET] [k] [a \" b] end 3 15\n"),
    COMMAND("SET k \"a \\\" \\\\\" \r\n", "@0 [SET] [k] [a \\\" \\\\] end 3 18\n"),
    COMMAND("SET k \"\" ''\r\n", "@0 [SET] [k] [] [] end 4 13\n"),
    COMMAND("SET k a\"b c\"d\r\n", "@0 [SET] [k] [ab cd] end 3 15\n"),
    COMMAND("SET k \"open\r\nPING\r\n", "@0 [SET] [k] [open\\015] end 3 13\n@13 [PING] end 1 19\n"),
    COMMAND("PING\r\n*1\r\n$4\r\nPING\r\n", "@0 [PING] end 1 6\n@6 [PING] end 1 20\n"),
    COMMAND("$4\r\nPING\r\n", "@0 [$4] end 1 4\n@4 [PING] end 1 10\n"),
    COMMAND("SET k v", "@0 [SET] [k] [v inside"),
    /* No commands. */
    COMMAND("*x\r\n", "@0 malformed"),
    COMMAND("*\r\n", "@0 malformed"),
    COMMAND("*1\n$4\r\nPING\r\n", "@0 malformed"),
    COMMAND("*1\rx", "@0 malformed"),
    COMMAND("*1\r\n:4\r\n", "@0 malformed"),
    COMMAND("*1\r\n$-1\r\n", "@0 malformed"),
    COMMAND("*1\r\n$4\r\nPINGxx", "@0 [PING] malformed"),
    COMMAND("*1\r\n$4\r\nPING\rx", "@0 [PING] malformed"),
    COMMAND("*1\r\n*1\r\n", "@0 malformed"),
    COMMAND("*?\r\n", "@0 streamed"),
    COMMAND("*2147483648\r\n", "@0 too long"),
    COMMAND("*1\r\n$9223372036854775808\r\n", "@0 malformed"),
    COMMAND("*99999999999999999999999\r\n", "@0 malformed"),

    /* Replies: RESP2. */
    REPLY("+OK\r\n", "@0 +OK end + 5\n"),
    REPLY("+\r\n", "@0 + end + 3\n"),
    REPLY("-ERR unknown command 'x'\r\n", "@0 -ERR unknown command 'x' end - 26\n"),
    REPLY("-WRONGPASS invalid\r\n+OK\r\n", "@0 -WRONGPASS invalid end - 20\n@20 +OK end + 25\n"),
    REPLY(":0\r\n:-12\r\n:+7\r\n", "@0 :0 end : 4\n@4 :-12 end : 10\n@10 :7 end : 15\n"),
    REPLY(":9223372036854775807\r\n", "@0 :9223372036854775807 end : 22\n"),
    REPLY(":-9223372036854775808\r\n", "@0 :-9223372036854775808 end : 23\n"),
    REPLY("$5\r\nhello\r\n", "@0 $hello end $ 11\n"),
    REPLY("$0\r\n\r\n", "@0 $ end $ 6\n"),
    REPLY("$-1\r\n", "@0 $null end $ null 5\n"),
    REPLY("$4\r\n\r\n\r\n\r\n", "@0 $\\015\\012\\015\\012 end $ 10\n"),
    REPLY("*0\r\n", "@0 *0 end * 4\n"),
    REPLY("*-1\r\n", "@0 *null end * null 5\n"),
    REPLY("*2\r\n$3\r\nfoo\r\n:5\r\n", "@0 *2 1.0$foo 1.1:5 end * 17\n"),
    REPLY("*3\r\n$-1\r\n*-1\r\n+x\r\n", "@0 *3 1.0$null 1.1*null 1.2+x end * 18\n"),
    REPLY("*2\r\n*2\r\n:1\r\n:2\r\n+x\r\n", "@0 *2 1.0*2 2.1:1 2.1:2 1.1+x end * 20\n"),
    REPLY("*1\r\n*1\r\n*1\r\n*0\r\n+a\r\n", "@0 *1 1.0*1 2.1*1 2.1*0 end * 16\n@16 +a end + 20\n"),
    REPLY("*2\r\n*0\r\n*1\r\n*1\r\n-ERR x\r\n", "@0 *2 1.0*0 1.1*1 2.2*1 2.2-ERR x end * 24\n"),
    REPLY("*2\r\n+OK\r\n-ERR in it\r\n", "@0 *2 1.0+OK 1.1-ERR in it end * 21\n"),
    REPLY("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", "@0 *3 1.0$message 1.1$c 1.2$m end * 31\n"),
    REPLY("+1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n",
          "@0 +1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\" end + 51\n"),
    REPLY("$10\r\nabc", "@0 $abc inside"),
    REPLY("*2\r\n+a\r\n", "@0 *2 1.0+a inside"),
    REPLY("-ERR x\r", "@0 -ERR x inside"),

    /* RESP3. */
    REPLY("_\r\n", "@0 _null end _ null 3\n"),
    REPLY("#t\r\n#f\r\n", "@0 #1 end # 4\n@4 #0 end # 8\n"),
    REPLY(",3.14\r\n,inf\r\n,-inf\r\n,nan\r\n,1e-7\r\n",
          "@0 ,3.14 end , 7\n@7 ,inf end , 13\n@13 ,-inf end , 20\n@20 ,nan end , 26\n@26 ,1e-7 end , 33\n"),
    REPLY("(3492890328409238509324850943850943825024385\r\n",
          "@0 (3492890328409238509324850943850943825024385 end ( 46\n"),
    REPLY("=15\r\ntxt:Some string\r\n", "@0 =txt:Some string end = 22\n"),
    REPLY("!21\r\nSYNTAX invalid syntax\r\n", "@0 !SYNTAX invalid syntax end ! 28\n"),
    REPLY("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n", "@0 %2 1.0+a 1.1:1 1.2+b 1.3:2 end % 20\n"),
    REPLY("%0\r\n~0\r\n", "@0 %0 end % 4\n@4 ~0 end ~ 8\n"),
    REPLY("~3\r\n:1\r\n#t\r\n_\r\n", "@0 ~3 1.0:1 1.1#1 1.2_null end ~ 15\n"),
    REPLY("*1\r\n%1\r\n$1\r\nk\r\n*2\r\n:1\r\n:2\r\n", "@0 *1 1.0%1 2.1$k 2.1*2 2.1:1 2.1:2 end * 27\n"),
    REPLY("%1\r\n~1\r\n:1\r\n%1\r\n:2\r\n:3\r\n", "@0 %1 1.0~1 2.1:1 1.1%1 2.2:2 2.2:3 end % 24\n"),
    REPLY(">3\r\n+message\r\n+c\r\n+m\r\n+OK\r\n", "@0 >3 1.0+message 1.1+c 1.2+m end > 22\n@22 +OK end + 27\n"),
    REPLY(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n", "@0 >2 1.0$invalidate 1.1*1 2.2$k end > 32\n"),
    REPLY("|1\r\n+ttl\r\n:3600\r\n+v\r\n", "@0 |1 1.0+ttl 1.1:3600 end | 17\n@17 +v end + 21\n"),
    REPLY("|0\r\n+v\r\n", "@0 |0 end | 4\n@4 +v end + 8\n"),
    REPLY("*3\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n:2\r\n:3\r\n",
          "@0 *3 1.0:1 1.1|1 2.1+ttl 2.1:3600 1.1:2 1.2:3 end * 33\n"),
    REPLY("*1\r\n*2\r\n|1\r\n+a\r\n*1\r\n:9\r\n:1\r\n:2\r\n",
          "@0 *1 1.0*2 2.1|1 2.1+a 2.1*1 2.1:9 2.1:1 2.1:2 end * 32\n"),
    REPLY("*2\r\n|0\r\n:1\r\n:2\r\n", "@0 *2 1.0|0 1.0:1 1.1:2 end * 16\n"),
    REPLY("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n",
          "@0 %7 1.0$server 1.1$redis 1.2$proto 1.3:3 inside"),

    /* No replies. */
    REPLY("HTTP/1.1 400 Bad Request\r\n", "@0 malformed"),
    REPLY("OK\r\n", "@0 malformed"),
    REPLY("\r\n", "@0 malformed"),
    REPLY("+OK\rx", "@0 +OK malformed"),
    REPLY(":\r\n", "@0 malformed"),
    REPLY(":1.5\r\n", "@0 malformed"),
    REPLY(":-\r\n", "@0 malformed"),
    REPLY(":9223372036854775808\r\n", "@0 malformed"),
    REPLY(":-9223372036854775809\r\n", "@0 malformed"),
    REPLY("$-2\r\n", "@0 malformed"),
    REPLY("%-1\r\n", "@0 malformed"),
    REPLY("!-1\r\n", "@0 malformed"),
    REPLY("#x\r\n", "@0 malformed"),
    REPLY("#tt\r\n", "@0 malformed"),
    REPLY("_x\r\n", "@0 malformed"),
    REPLY("$3\r\nabcd\r\n", "@0 $abc malformed"),
    REPLY("*2\r\n+a\r\nb\r\n", "@0 *2 1.0+a malformed"),
    REPLY("$?\r\n;3\r\nabc\r\n;0\r\n", "@0 streamed"),
    REPLY("*?\r\n:1\r\n.\r\n", "@0 streamed"),
    REPLY("%?\r\n", "@0 streamed"),
    REPLY("*4294967296\r\n", "@0 too long"),
    REPLY("+a\r\n.", "@0 +a end + 4\n@4 malformed"),
};

static struct resp_text text;

static void give(const char *at, size_t len)
{
    resp_give(&text, guarded(at, len), len);
}

static const char *told(const struct stream *stream, size_t piece)
{
    resp_start(&text, stream->side);
    for (size_t at = 0; at < stream->len; at += piece)
        give(stream->bytes + at, stream->len - at < piece ? stream->len - at : piece);
    resp_end(&text);
    return text.text;
}

START_TEST(streams_are_told_however_they_are_cut)
{
    const struct stream *stream = &streams[_i];
    ck_assert_str_eq(told(stream, stream->len), stream->events);
    ck_assert_str_eq(told(stream, 1), stream->events);
    ck_assert_str_eq(told(stream, 3), stream->events);
    for (size_t cut = 1; cut < stream->len; cut++) {
        resp_start(&text, stream->side);
        give(stream->bytes, cut);
        give("", 0);
        give(stream->bytes + cut, stream->len - cut);
        resp_end(&text);
        ck_assert_str_eq(text.text, stream->events);
    }
}
END_TEST

/* Behind one that is complete, and in one piece with it. */
START_TEST(what_was_before_does_not_matter)
{
    const struct stream *stream = &streams[_i];
    static const char command[] = "*1\r\n$4\r\nPING\r\n", reply[] = "*1\r\n%1\r\n$1\r\nk\r\n|1\r\n+a\r\n_\r\n$-1\r\n";
    bool commands = stream->side == OI_RESP_COMMANDS;
    size_t before = commands ? sizeof command - 1 : sizeof reply - 1;
    char both[512], expected[1024];
    memcpy(both, commands ? command : reply, before);
    memcpy(both + before, stream->bytes, stream->len);
    resp_start(&text, stream->side);
    give(both, before + stream->len);
    resp_end(&text);
    const char *second = strchr(text.text, '\n') + 1;
    /* The same text but for the offsets. */
    resp_start(&text, stream->side);
    text.state.offset = before;
    snprintf(expected, sizeof expected, "%s", second);
    give(stream->bytes, stream->len);
    resp_end(&text);
    ck_assert_str_eq(text.text, expected);
}
END_TEST

START_TEST(a_reply_larger_than_memory_is_passed_over)
{
    static const char header[] = "*2\r\n$4611686018427387904\r\n", rest[] = "\r\n:1\r\n";
    struct oi_resp state;
    struct oi_resp_event event;
    uint64_t left = UINT64_C(1) << 62, bytes = 0;
    oi_resp_init(&state, OI_RESP_REPLIES);
    for (size_t i = 0; i < sizeof header - 1;)
        i += oi_resp_next(&state, header + i, sizeof header - 1 - i, &event);
    while (left > 0) {
        size_t n = left < (size_t)1 << 61 ? (size_t)left : (size_t)1 << 61;
        ck_assert_uint_eq(oi_resp_next(&state, NULL, n, &event), n);
        ck_assert_int_eq(event.kind, OI_RESP_VALUE);
        ck_assert_ptr_null(event.at);
        bytes += event.len;
        left -= n;
        ck_assert(event.last == (left == 0));
    }
    ck_assert_uint_eq(bytes, UINT64_C(1) << 62);
    size_t at = 0;
    do
        at += oi_resp_next(&state, rest + at, sizeof rest - 1 - at, &event);
    while (event.kind != OI_RESP_END && event.kind != OI_RESP_OVER);
    ck_assert_int_eq(event.kind, OI_RESP_END);
    ck_assert_uint_eq(state.offset, sizeof header - 1 + (UINT64_C(1) << 62) + sizeof rest - 1);
}
END_TEST

START_TEST(bytes_nobody_saw_are_the_end_anywhere_else)
{
    static const char *const befores[] = {"", "+", "$", "$3", "$3\r", "*1\r\n", "+OK\r", "|1\r\n"};
    resp_start(&text, OI_RESP_REPLIES);
    give(befores[_i], strlen(befores[_i]));
    resp_give(&text, NULL, 1);
    ck_assert_ptr_nonnull(strstr(text.text, "unseen"));
    resp_start(&text, OI_RESP_REPLIES);
    give("$3\r\n", 4);
    resp_give(&text, NULL, 4); /* the line's end with it */
    ck_assert_str_eq(text.text, "@0 $ unseen");
}
END_TEST

START_TEST(nesting_has_no_bound)
{
    struct oi_resp state;
    struct oi_resp_event event;
    oi_resp_init(&state, OI_RESP_REPLIES);
    for (int depth = 0; depth < 100000; depth++) {
        static const char open[] = "*1\r\n";
        for (size_t i = 0; i < 4;)
            i += oi_resp_next(&state, open + i, 4 - i, &event);
        ck_assert_int_ne(event.kind, OI_RESP_OVER);
    }
    resp_start(&text, OI_RESP_REPLIES);
    text.state = state;
    give(":1\r\n+x\r\n", 8);
    ck_assert_str_eq(text.text, " 2.1:1 end * 400004\n@400004 +x end + 400008\n");
}
END_TEST

START_TEST(what_holds_more_than_anything_can_is_too_long)
{
    resp_start(&text, OI_RESP_REPLIES);
    give("*1\r\n", 4);
    for (int i = 0; i < 70000 && !text.over; i++)
        give("%4294967295\r\n", 13);
    ck_assert(text.over);
    ck_assert_int_eq(text.state.reason, OI_RESP_TOO_LONG);
}
END_TEST

START_TEST(an_inline_command_is_bounded)
{
    static char word[OI_RESP_INLINE_MAX + 1];
    memset(word, _i ? ' ' : 'a', sizeof word);
    resp_start(&text, OI_RESP_COMMANDS);
    give(word, OI_RESP_INLINE_MAX);
    ck_assert(!text.over);
    give(word, 1);
    ck_assert_ptr_nonnull(strstr(text.text, "too long"));
}
END_TEST

START_TEST(random_bytes_do_no_harm)
{
    static const char some[] = "*$+-:_#,(!=%~>|\r\n0123?tfx \"'\\";
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        char bytes[64];
        chance_bytes(&seed, bytes, sizeof bytes, some, sizeof some - 1);
        struct stream stream = {round % 2 ? OI_RESP_REPLIES : OI_RESP_COMMANDS, bytes, sizeof bytes, NULL};
        char whole[4096];
        snprintf(whole, sizeof whole, "%s", told(&stream, sizeof bytes));
        ck_assert_str_eq(told(&stream, 1), whole);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, streams_are_told_however_they_are_cut, 0, sizeof streams / sizeof *streams);
    tcase_add_loop_test(tests, what_was_before_does_not_matter, 0, sizeof streams / sizeof *streams);
    tcase_add_test(tests, a_reply_larger_than_memory_is_passed_over);
    tcase_add_loop_test(tests, bytes_nobody_saw_are_the_end_anywhere_else, 0, 8);
    tcase_add_test(tests, nesting_has_no_bound);
    tcase_add_test(tests, what_holds_more_than_anything_can_is_too_long);
    tcase_add_loop_test(tests, an_inline_command_is_bounded, 0, 2);
    tcase_add_test(tests, random_bytes_do_no_harm);
    return run_suite("resp", tests);
}
