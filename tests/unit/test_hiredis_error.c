/* hooks/hiredis_error.c: an error reply's code, and its message without values. */
#include <errno.h>
#include <hiredis/hiredis.h>

#include "hooks/hiredis_error.h"
#include "hooks/redis_error.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

static const struct {
    const char *reply, *code, *message;
} replies[] = {
    {"WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE",
     "Operation against a key holding the wrong kind of value"},
    {"ERR wrong number of arguments for 'set' command", "ERR", "wrong number of arguments for 'set' command"},
    {"ERR wrong number of arguments for 'config|get' command", "ERR",
     "wrong number of arguments for 'config|get' command"},
    {"ERR unknown command 'FOO', with args beginning with: 'user:1' 'secret' ", "ERR",
     "unknown command 'FOO', with args beginning with: '?' '?' "},
    {"ERR unknown command `FOO`, with args beginning with: `secret`, ", "ERR",
     "unknown command `FOO`, with args beginning with: `?`, "},
    {"ERR unknown command 'my secret'", "ERR", "unknown command '?'"},
    {"ERR Error in ACL SETUSER modifier '>secret': Syntax error", "ERR",
     "Error in ACL SETUSER modifier '?': Syntax error"},
    {"ERR Error in ACL SETUSER modifier 'it's secret': Syntax error", "ERR",
     "Error in ACL SETUSER modifier '?': Syntax error"},
    {"ERR unknown subcommand 'it's'. Try CLIENT HELP.", "ERR", "unknown subcommand '?'. Try CLIENT HELP."},
    {"ERR no such key 'secret", "ERR", "no such key '?"},
    {"READONLY You can't write against a read only replica.", "READONLY",
     "You can't write against a read only replica."},
    {"MOVED 3999 127.0.0.1:6381", "MOVED", "3999 127.0.0.1:6381"},
    {"NOAUTH", "NOAUTH", ""},
    {"ERR", "ERR", ""},
    {"Err lower case", "ERR", "Err lower case"},
    {"", "ERR", ""},
    {" x", "ERR", " x"},
    {"'x'", "ERR", "'?'"},
    {"'", "ERR", "'?"},
    {"ERR ''", "ERR", "'?'"},
    {"AVERYLONGCODETHATISNOCODEOFANYSERVERATALL x", "ERR", "AVERYLONGCODETHATISNOCODEOFANYSERVERATALL x"},
};

START_TEST(error_replies)
{
    char code_text[32], message_text[200];
    struct oi_buffer code = {code_text, sizeof code_text, 0, false};
    struct oi_buffer message = {message_text, sizeof message_text, 0, false};
    size_t len = strlen(replies[_i].reply);
    oi_redis_error_reply(oi_text_of(guarded(replies[_i].reply, len), len), &code, &message);
    ck_assert_msg(oi_text_equal(oi_buffer_text(&code), oi_text_from(replies[_i].code)), "%.*s", (int)code.len, code.at);
    ck_assert_msg(oi_text_equal(oi_buffer_text(&message), oi_text_from(replies[_i].message)), "\"%.*s\"",
                  (int)message.len, message.at);
}
END_TEST

START_TEST(long_messages_are_cut_between_characters)
{
    char reply[400] = "ERR ", code_text[32], message_text[7];
    struct oi_buffer code = {code_text, sizeof code_text, 0, false};
    struct oi_buffer message = {message_text, sizeof message_text, 0, false};
    strcat(reply, "abcd\xc3\xa9\xe2\x82\xac");
    oi_redis_error_reply(oi_text_from(reply), &code, &message);
    ck_assert(oi_text_equal(oi_buffer_text(&message), OI_TEXT("abcd\xc3\xa9")));
}
END_TEST

START_TEST(names)
{
    ck_assert(oi_text_equal(oi_hiredis_error_name(REDIS_ERR_IO, ECONNREFUSED), OI_TEXT("ECONNREFUSED")));
    ck_assert(oi_text_equal(oi_hiredis_error_name(REDIS_ERR_IO, 0), OI_TEXT("REDIS_ERR_IO")));
    ck_assert(oi_text_equal(oi_hiredis_error_name(REDIS_ERR_EOF, EAGAIN), OI_TEXT("REDIS_ERR_EOF")));
    ck_assert(oi_text_equal(oi_hiredis_error_name(REDIS_ERR_OTHER, 0), OI_TEXT("REDIS_ERR_OTHER")));
    ck_assert(oi_text_equal(oi_hiredis_error_name(99, 0), OI_TEXT("REDIS_ERR_OTHER")));
}
END_TEST

/* The words of glibc, as hiredis puts them into its context. */
START_TEST(numbers)
{
    ck_assert_int_eq(oi_hiredis_error_number(OI_TEXT("Connection refused"), ENOTTY), ECONNREFUSED);
    ck_assert_int_eq(oi_hiredis_error_number(OI_TEXT("connect: Connection refused"), ENOTTY), ECONNREFUSED);
    ck_assert_int_eq(oi_hiredis_error_number(OI_TEXT("No such file or directory"), ENOTTY), ENOENT);
    ck_assert_int_eq(oi_hiredis_error_number(OI_TEXT("Verbindungsaufbau abgelehnt"), ENOTTY), ENOTTY);
    ck_assert_int_eq(oi_hiredis_error_number(OI_TEXT(""), ENOTTY), ENOTTY);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, error_replies, 0, sizeof replies / sizeof *replies);
    tcase_add_test(tests, long_messages_are_cut_between_characters);
    tcase_add_test(tests, names);
    tcase_add_test(tests, numbers);
    return run_suite("hiredis_error", tests);
}
