/* Redis commands are recorded without values; keys stay readable, but for what in them was made by a machine. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/redact.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

#define UUID "0b5d2f4e-7c1a-4a57-9d2e-3f1c5a6b7d8e"
#define HEX32 "9f86d081884c7d659a2feaa0c55ad015"
#define SHA1 "6b1bf486c81ceb7edf3c093f4c48582e38c0e791"

static const struct {
    const char *command; /* arguments separated by one space; "" (two quotes) is an empty one */
    const char *keys;    /* with keys visible */
} rows[] = {
    /* strings */
    {"GET user:1", "GET user:1"},
    {"get user:1", "get user:1"},
    {"SET user:1 s3cret", "SET user:1 ?"},
    {"SET user:1 s3cret EX 60 NX", "SET user:1 ? ? ? ?"},
    {"SETEX k 60 s3cret", "SETEX k ? ?"},
    {"GETSET k s3cret", "GETSET k ?"},
    {"MGET a b c", "MGET a b c"},
    {"MSET a s3cret b s3cret", "MSET a ? b ?"},
    {"MSET a s3cret b", "MSET a ? b"},
    {"APPEND k s3cret", "APPEND k ?"},
    {"INCRBY k 5", "INCRBY k ?"},
    {"DEL a b", "DEL a b"},
    {"UNLINK a", "UNLINK a"},
    {"EXPIRE k 10 NX", "EXPIRE k ? ?"},
    {"RENAME a b", "RENAME a b"},
    {"COPY a b DB 1", "COPY a b ? ?"},
    {"KEYS user:*", "KEYS user:*"},
    {"SCAN 0 MATCH s3cret*", "SCAN ? ? ?"},
    {"TYPE k", "TYPE k"},
    {"BITOP AND d a b", "BITOP AND d a b"},
    {"GETEX k PERSIST", "GETEX k ?"},

    /* hashes, lists, sets */
    {"HSET h f s3cret g s3cret", "HSET h f ? g ?"},
    {"HMSET myhash field1 s3cret field2 s3cret", "HMSET myhash field1 ? field2 ?"},
    {"HGET h f", "HGET h f"},
    {"HMGET h f g", "HMGET h f g"},
    {"HDEL h f g", "HDEL h f g"},
    {"HINCRBY h f 1", "HINCRBY h f ?"},
    {"HGETALL h", "HGETALL h"},
    {"HSCAN h 0 MATCH s3cret", "HSCAN h ? ? ?"},
    {"LPUSH l s3cret s3cret", "LPUSH l ? ?"},
    {"LTRIM l 0 99", "LTRIM l ? ?"},
    {"LRANGE l 0 -1", "LRANGE l ? ?"},
    {"LINSERT l BEFORE s3cret s3cret", "LINSERT l BEFORE ? ?"},
    {"BLPOP a b 5", "BLPOP a b ?"},
    {"BRPOPLPUSH a b 5", "BRPOPLPUSH a b ?"},
    {"LMOVE a b LEFT RIGHT", "LMOVE a b ? ?"},
    {"LMPOP 2 a b LEFT", "LMPOP 2 a b ?"},
    {"BLMPOP 5 2 a b LEFT", "BLMPOP ? 2 a b ?"},
    {"SADD s s3cret s3cret", "SADD s ? ?"},
    {"SINTER a b", "SINTER a b"},
    {"SMOVE a b s3cret", "SMOVE a b ?"},
    {"SINTERCARD 2 a b LIMIT 1", "SINTERCARD 2 a b ? ?"},
    {"ZADD z 1 s3cret 2 s3cret", "ZADD z ? ? ? ?"},
    {"ZUNIONSTORE d 2 a b WEIGHTS 1 2", "ZUNIONSTORE d 2 a b ? ? ?"},
    {"ZRANGEBYSCORE z 0 s3cret", "ZRANGEBYSCORE z ? ?"},
    {"ZREMRANGEBYSCORE z 0 1", "ZREMRANGEBYSCORE z ? ?"},
    {"SORT k BY s3cret STORE d", "SORT k ? ? ? ?"},
    {"PFADD p s3cret", "PFADD p ?"},
    {"GEOADD g 1 2 s3cret", "GEOADD g ? ? ?"},

    /* streams, messages */
    {"XADD s * f s3cret g s3cret", "XADD s ? f ? g ?"},
    {"XADD s MAXLEN ~ 1000 LIMIT 5 17-1 f s3cret", "XADD s ? ? ? ? ? ? f ?"},
    {"XADD s NOMKSTREAM MINID 17 * f s3cret", "XADD s ? ? ? ? f ?"},
    {"XREAD COUNT 2 STREAMS a b 0 1-2", "XREAD ? ? STREAMS a b ? ?"},
    {"XREADGROUP GROUP g s3cret COUNT 1 STREAMS a >", "XREADGROUP ? ? ? ? ? STREAMS a ?"},
    {"XREAD STREAMS a", "XREAD STREAMS ?"},
    {"XACK s g 1-1 2-2", "XACK s g ? ?"},
    {"XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATE s g ? ?"},
    {"XINFO STREAM s FULL", "XINFO STREAM s FULL"},
    {"PUBLISH ch s3cret", "PUBLISH ch ?"},
    {"SUBSCRIBE a b", "SUBSCRIBE a b"},

    /* scripts */
    {"EVAL return'"
     "s3cret' 2 a b s3cret",
     "EVAL ? 2 a b ?"},
    {"EVAL s3cret 0 s3cret", "EVAL ? 0 ?"},
    {"EVAL s3cret 9 a b", "EVAL ? ? ? ?"},
    {"EVAL s3cret x a b", "EVAL ? ? ? ?"},
    {"EVAL s3cret -1 a", "EVAL ? ? ?"},
    {"EVAL s3cret 99999999999999999999 a", "EVAL ? ? ?"},
    {"EVALSHA " SHA1 " 1 k s3cret", "EVALSHA " SHA1 " 1 k ?"},
    {"EVALSHA s3cret! 1 k", "EVALSHA ? 1 k"},
    {"FCALL my_function 1 k s3cret", "FCALL my_function 1 k ?"},
    {"SCRIPT LOAD s3cret", "SCRIPT LOAD ?"},
    {"FUNCTION LOAD REPLACE s3cret", "FUNCTION LOAD ? ?"},

    /* secrets */
    {"AUTH s3cret", "AUTH ?"},
    {"AUTH s3cret s3cret", "AUTH ? ?"},
    {"auth s3cret", "auth ?"},
    {"HELLO 3 AUTH s3cret s3cret SETNAME x", "HELLO ? ? ? ? ? ?"},
    {"CONFIG SET requirepass s3cret", "CONFIG SET ? ?"},
    {"CONFIG GET s3cret", "CONFIG GET ?"},
    {"ACL SETUSER s3cret on >s3cret", "ACL SETUSER ? ? ?"},
    {"MIGRATE h 6379 s3cret 0 100 AUTH s3cret", "MIGRATE ? ? ? ? ? ? ?"},
    {"CLIENT SETNAME s3cret", "CLIENT SETNAME ?"},
    {"CLIENT NO-EVICT on", "CLIENT NO-EVICT ?"},
    {"RESTORE k 0 s3cret", "RESTORE k ? ?"},
    {"ECHO s3cret", "ECHO ?"},
    {"SELECT 2", "SELECT ?"},
    {"PING", "PING"},
    {"MULTI", "MULTI"},
    {"MEMORY USAGE k SAMPLES 5", "MEMORY USAGE k ? ?"},
    {"OBJECT ENCODING k", "OBJECT ENCODING k"},
    {"NOSUCH s3cret s3cret", "NOSUCH ? ?"},
    {"MY.COMMAND s3cret", "MY.COMMAND ?"},
    {"JSON.SET k $ s3cret", "JSON.SET k ? ?"},
    {"FT.SEARCH idx s3cret", "FT.SEARCH idx ?"},
    {"s3cret! a", "? ?"},
    {"GET \"\"", "GET "},
    {"\"\" a", "? ?"},
};

struct command {
    struct oi_text at[32];
    size_t count;
};

static struct command split(const char *line)
{
    struct command command = {.count = 0};
    while (*line) {
        size_t length = strcspn(line, " "), skip = length;
        if (length == 2 && line[0] == '"' && line[1] == '"')
            length = 0;
        command.at[command.count++] = oi_text_of(guarded(line, length), length);
        line += skip;
        line += *line == ' ';
    }
    return command;
}

static struct oi_text redact(const struct command *command, bool keys, size_t room)
{
    struct oi_buffer out = {.at = guarded_copy(NULL, room), .size = room};
    oi_redact_redis((struct oi_redis_args){.at = command->at, .count = command->count}, keys, &out);
    return oi_text_of(out.at, out.len);
}

static void ck_text(const char *input, struct oi_text got, const char *expected)
{
    ck_assert_msg(oi_text_equal(got, oi_text_from(expected)), "%s\n  became %.*s\n  and not %s", input, (int)got.len,
                  got.at, expected);
}

START_TEST(test_keys_visible)
{
    struct command command = split(rows[_i].command);
    ck_text(rows[_i].command, redact(&command, true, strlen(rows[_i].keys)), rows[_i].keys);
}
END_TEST

START_TEST(test_only_the_command_visible)
{
    struct command command = split(rows[_i].command);
    char expected[256];
    int length = sprintf(expected, "%.*s", (int)strcspn(rows[_i].keys, " "), rows[_i].keys);
    for (size_t i = 1; i < command.count; i++)
        length += sprintf(expected + length, " ?");
    ck_text(rows[_i].command, redact(&command, false, (size_t)length), expected);
}
END_TEST

static const struct {
    const char *key, *expected; /* NULL: unchanged */
} keys[] = {
    /* what people call their keys */
    {"user:17", NULL},
    {"api_logs", NULL},
    {"user:17:cart", NULL},
    {"cache:page:/index.html", NULL},
    {"{user1000}.following", NULL},
    {"user_preferences_2024_settings", NULL},
    {"userProfilePictureCache2", NULL},
    {"rate-limit:10.0.0.1", NULL},
    {"report:2024-01-15T09:30:00", NULL},
    {"queue:high-priority-notifications", NULL},
    {"stats:daily:20240115", NULL},
    {"order:123456789012", NULL},
    {"celery-task-meta", NULL},
    {"sidekiq:queues", NULL},
    {"authors:5", NULL},
    {"secretary:5", NULL},
    {"caf\xc3\xa9:1", NULL},

    /* made by machines */
    {"cart:" UUID, "cart:?"},
    {UUID, "?"},
    {"cart:" UUID ":items", "cart:?:items"},
    {"obj:" HEX32, "obj:?"},
    {"obj-" HEX32, "?"},
    {"obj_" HEX32 ".json", "?.json"},
    {"x:9f86d081884c7d65", "x:?"},
    {"x:9F86D081884C7D65", "x:?"},
    {"x:1234567890123456", "x:?"}, /* as long as a card's number */
    {"x:01ARZ3NDEKTSV4RRFFQ69G5FAV", "x:?"},
    {"x:V1StGXR8_Z5jdHi6B-myT", "x:?"},
    {"x:dGhpcyBpcyBhIHNlY3JldA==", "x:?"},
    {"jwt2:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "jwt2:?.?.?"},
    {"x:qwertyuiopasdfghjklzxcvbnmqwertyuiop", "x:?"},
    {"celery-task-meta-" UUID, "?"},

    /* announced */
    {"session:17", "session:?"},
    {"session:abc", "session:?"},
    {"SESSION:abc:cart", "SESSION:?:cart"},
    {"user_session:abc", "user_session:?"},
    {"accessToken:abc", "accessToken:?"},
    {"app:sess:abc.def/ghi:x", "app:sess:?:x"},
    {"session:{abc}", "session:{?}"},
    {"session::abc", "session::?"},
    {"token.abc", "token.?"},
    {"otp:123456", "otp:?"},
    {"password:bob", "password:?"},
    {"session-17ab", "?"},
    {"my_token_x9", "?"},
    {"session_timeout", NULL},
    {"session", NULL},
    {"PHPREDIS_SESSION:abc", "PHPREDIS_SESSION:?"},

    /* not to be written at all */
    {"a b:c", "?:c"},
    {"a:b\nc", "a:?"},
    {"a:\x01", "a:?"},
    {"a:\xff\xfe", "a:?"},
    {"a:b\"c", "a:?"},
    {"a:b'c", "a:?"},
    {"\x7f", "?"},
    {"", NULL},
    {":::", NULL},
};

START_TEST(test_key)
{
    const char *expected = keys[_i].expected ? keys[_i].expected : keys[_i].key;
    size_t length = strlen(keys[_i].key), room = strlen(expected);
    struct oi_buffer out = {.at = guarded_copy(NULL, room), .size = room};
    oi_redact_key(oi_text_of(guarded(keys[_i].key, length), length), &out);
    ck_text(keys[_i].key, oi_text_of(out.at, out.len), expected);
}
END_TEST

START_TEST(test_binary_arguments)
{
    struct oi_text args[] = {OI_TEXT("SET"), OI_TEXT("a\0b"), OI_TEXT("s3\0cret")};
    struct oi_buffer out = {.at = guarded_copy(NULL, 64), .size = 64};
    oi_redact_redis((struct oi_redis_args){.at = args, .count = 3}, true, &out);
    ck_text("SET with a NUL", oi_text_of(out.at, out.len), "SET ? ?");
    args[0] = OI_TEXT("SE\0T");
    ck_assert(!oi_text_present(oi_redis_command((struct oi_redis_args){.at = args, .count = 3})));
}
END_TEST

/* The Python agent cuts at a thousand characters, the dots included. */
START_TEST(test_cut_at_a_thousand)
{
    static struct oi_text args[2001];
    char expected[1001];
    args[0] = OI_TEXT("SADD");
    for (size_t i = 1; i < 2001; i++)
        args[i] = OI_TEXT("x");
    strcpy(expected, "SADD");
    while (strlen(expected) < 997)
        strcat(expected, strlen(expected) < 996 ? " ?" : " ");
    strcat(expected, "...");
    struct oi_buffer out = {.at = guarded_copy(NULL, 4000), .size = 4000};
    oi_redact_redis((struct oi_redis_args){.at = args, .count = 2001}, false, &out);
    ck_text("SADD of 2000", oi_text_of(out.at, out.len), expected);
    ck_assert(!out.truncated);
    /* 498 arguments are a thousand characters exactly: nothing is cut */
    out.len = 0;
    oi_redact_redis((struct oi_redis_args){.at = args, .count = 499}, false, &out);
    ck_assert_uint_eq(out.len, 1000);
    ck_assert(out.at[999] == '?');
}
END_TEST

/* Arguments that nobody kept are values. */
START_TEST(test_unknown_arguments)
{
    struct oi_text args[] = {OI_TEXT("MSET"), OI_TEXT("a"), OI_TEXT("s3cret"), OI_TEXT("b")};
    struct oi_buffer out = {.at = guarded_copy(NULL, 64), .size = 64};
    oi_redact_redis((struct oi_redis_args){.at = args, .count = 4, .total = 7}, true, &out);
    ck_text("MSET of 7", oi_text_of(out.at, out.len), "MSET a ? b ? ? ?");
    args[0] = OI_TEXT("BLPOP");
    out.len = 0;
    oi_redact_redis((struct oi_redis_args){.at = args, .count = 2, .total = 2}, true, &out);
    ck_text("BLPOP of 2", oi_text_of(out.at, out.len), "BLPOP ?");
    out.len = 0;
    oi_redact_redis((struct oi_redis_args){.at = NULL, .count = 0}, true, &out);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_no_room)
{
    struct command command = split(rows[_i].command);
    for (size_t room = 0; room < strlen(rows[_i].keys); room++) {
        struct oi_buffer out = {.at = guarded_copy(NULL, room), .size = room};
        oi_redact_redis((struct oi_redis_args){.at = command.at, .count = command.count}, true, &out);
        ck_assert(out.truncated && out.len <= room);
    }
}
END_TEST

START_TEST(test_appends)
{
    struct oi_text args[] = {OI_TEXT("GET"), OI_TEXT("a")};
    struct oi_buffer out = {.at = guarded_copy("PING\n     ", 10), .size = 10, .len = 5};
    oi_redact_redis((struct oi_redis_args){.at = args, .count = 2}, true, &out);
    ck_text("a second command", oi_text_of(out.at, out.len), "PING\nGET a");
}
END_TEST

START_TEST(test_procedure)
{
    struct oi_text args[] = {OI_TEXT("FCALL"), OI_TEXT("f_1"), OI_TEXT("0")};
    ck_text("FCALL", oi_redis_procedure((struct oi_redis_args){.at = args, .count = 3}), "f_1");
    args[0] = OI_TEXT("evalsha");
    args[1] = OI_TEXT(SHA1);
    ck_text("evalsha", oi_redis_procedure((struct oi_redis_args){.at = args, .count = 3}), SHA1);
    args[0] = OI_TEXT("EVAL");
    ck_assert(!oi_text_present(oi_redis_procedure((struct oi_redis_args){.at = args, .count = 3})));
    ck_assert(!oi_text_present(oi_redis_procedure((struct oi_redis_args){.at = args, .count = 1})));
}
END_TEST

static const struct {
    const char *message, *expected; /* NULL: it quotes no value */
} messages[] = {
    {"Table 'shop.nosuch' doesn't exist", NULL},
    {"Unknown column 'x' in 'field list'", NULL},
    {"Access denied for user 'app'@'localhost' (using password: YES)", NULL},
    {"You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the "
     "right "
     "syntax to use near 's3cret' WHERE x = 'y' at line 1",
     "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the "
     "right "
     "syntax to use near '?' at line 1"},
    {"right syntax to use near '' at line 1", "right syntax to use near '?' at line 1"},
    {"right syntax to use near 's3cret", "right syntax to use near '?"},
    {"Duplicate entry 's3cret' for key 'PRIMARY'", "Duplicate entry '?' for key 'PRIMARY'"},
    {"Duplicate entry 's3' for key 'cret' for key 't.email'", "Duplicate entry '?' for key 't.email'"},
    {"Incorrect integer value: 's3cret' for column 'a' at row 1",
     "Incorrect integer value: '?' for column 'a' at row 1"},
    {"Incorrect datetime value: 's3cret' for column `shop`.`t`.`d` at row 1",
     "Incorrect datetime value: '?' for column `shop`.`t`.`d` at row 1"},
    {"Incorrect integer value: 's3' for column 'cret' for column 'a' at row 1",
     "Incorrect integer value: '?' for column 'a' at row 1"},
    {"Truncated incorrect DOUBLE value: 's3'cret'", "Truncated incorrect DOUBLE value: '?'"},
    {"ERR unknown command 'FOO', with args beginning with: 's3cret' 'x' ",
     "ERR unknown command 'FOO', with args beginning with: ?"},
    {"XPATH syntax error: '~s3cret'", "XPATH syntax error: '?'"},
    {"Variable 'sql_mode' can't be set to the value of 's3cret'",
     "Variable 'sql_mode' can't be set to the value of '?'"},
    {"BIGINT value is out of range in '9223372036854775807 + 123456'", "BIGINT value is out of range in '?'"},
    {"Table has no partition for value s3cret", "Table has no partition for value ?"},
    {"Invalid utf8mb4 character string: 's3cret'", "Invalid utf8mb4 character string: '?'"},
    {"Encountered illegal value 's3cret' when converting to DECIMAL",
     "Encountered illegal value '?' when converting to DECIMAL"},
    {"File '/s3cret/x' not found (Errcode: 2 \"No such file or directory\")",
     "File '?' not found (Errcode: 2 \"No such file or directory\")"},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", NULL},
    {"", NULL},
};

START_TEST(test_message)
{
    size_t length = strlen(messages[_i].message);
    struct oi_buffer out = {.at = guarded_copy(NULL, 512), .size = 512};
    bool found = oi_redact_message(oi_text_of(guarded(messages[_i].message, length), length), &out);
    ck_assert_msg(found == (messages[_i].expected != NULL), "%s", messages[_i].message);
    ck_text(messages[_i].message, oi_text_of(out.at, out.len), messages[_i].expected ? messages[_i].expected : "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, test_keys_visible, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, test_only_the_command_visible, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, test_no_room, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, test_key, 0, sizeof keys / sizeof *keys);
    tcase_add_test(tests, test_binary_arguments);
    tcase_add_test(tests, test_cut_at_a_thousand);
    tcase_add_test(tests, test_unknown_arguments);
    tcase_add_test(tests, test_appends);
    tcase_add_test(tests, test_procedure);
    tcase_add_loop_test(tests, test_message, 0, sizeof messages / sizeof *messages);
    return run_suite("redact_redis", tests);
}
