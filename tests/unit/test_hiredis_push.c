/* Replies that answer nothing, as hiredis 1.x hands them out in RESP3. Its objects are laid out by hand here, so that
 * this is tested where an older hiredis is installed, too. No library and no server. */
#include "agent/id.h"
#include "hooks/hiredis_connection.h"
#include "tests/unit/run.h"
#include "tests/unit/span_text.h"

enum { STRING = 1, ARRAY = 2, ERROR = 6, ATTRIBUTE = 11, PUSH = 12 };

static const char inside[1]; /* the library's text, for all we look */
static const struct oi_provider provider = {
    .start = (uintptr_t)inside, .end = (uintptr_t)inside + 1, .soname = "libhiredis.so.1.1.0"};
static _Alignas(8) char context[512], reader[512];
static struct oi_hiredis_connection *connection;

#define WHERE "db.system.name=\"redis\"\nserver.address=\"/redis\"\nnetwork.transport=\"unix\"\ndb.namespace=\"0\"\n"

static void put(void *object, uint16_t offset, const void *value, size_t size)
{
    memcpy((char *)object + offset, value, size);
}

static void put_pointer(void *object, uint16_t offset, const void *value)
{
    put(object, offset, &value, sizeof value);
}

static void setup(void)
{
    struct oi_db_connection where = {
        .system = OI_DB_REDIS, .transport = OI_TRANSPORT_UNIX, .host = OI_TEXT("/redis"), .database_index = -1};
    oi_id_init();
    span_text_setup();
    oi_agent.semconv_database = OI_SEMCONV_NEW;
    connection = oi_hiredis_opened(context, &provider, &where);
    ck_assert(connection);
    put_pointer(context, connection->layout->reader, reader);
    put_pointer(reader, connection->layout->reader_make, inside);
}

/* A reply of a type, whose first element, if there is one, is a string. */
static const void *reply(int type, const char *text)
{
    static _Alignas(8) char objects[64][128];
    static const void *elements[64][1];
    static int made;
    const struct oi_hiredis_layout *layout = connection->layout;
    char *object = objects[made++];
    size_t one = 1, len = text ? strlen(text) : 0;
    put(object, layout->reply_type, &type, sizeof type);
    if (type == STRING || type == ERROR) {
        put(object, layout->reply_length, &len, sizeof len);
        put_pointer(object, layout->reply_string, text);
    } else if (text) {
        const void **first = elements[made - 1];
        put(object, layout->reply_count, &one, sizeof one);
        put_pointer(object, layout->reply_first, first);
        *first = reply(STRING, text);
    }
    return object;
}

/* A call that waits for its reply, up to where the library is called. Its argument may be gone when it has returned. */
static uint64_t call(const char *name, const char *argument)
{
    const char *argv[] = {name, argument};
    bool borrow;
    struct oi_hiredis_commands *commands = oi_hiredis_collect(connection, true, &borrow);
    oi_hiredis_add_argv(commands, borrow, argument ? 2 : 1, argv, NULL);
    return oi_hiredis_sending(connection);
}

static void append(const char *name, const char *argument)
{
    const char *argv[] = {name, argument};
    bool borrow;
    oi_hiredis_add_argv(oi_hiredis_collect(connection, false, &borrow), false, argument ? 2 : 1, argv, NULL);
}

static void answer(uint64_t ticket, const void *given)
{
    oi_hiredis_answered(connection, context, ticket, given);
}

static void test_waits_after(const void *given)
{
    char key[] = "user:1";
    uint64_t ticket = call("GET", key);
    answer(ticket, given);
    ck_assert(spans == 0);
    memset(key, 'x', sizeof key - 1);
    answer(oi_hiredis_sending(connection), given);
    ck_assert(spans == 0);
    answer(oi_hiredis_sending(connection), reply(ERROR, "WRONGTYPE no"));
    ck_assert(spans == 1);
    ck_span("GET\nCLIENT ERROR no\n" WHERE "db.query.text=\"GET user:1\"\ndb.redis.args_length=2\n"
            "db.operation.name=\"GET\"\ndb.response.status_code=\"WRONGTYPE\"\nerror.type=\"WRONGTYPE\"\n");
}

START_TEST(a_message_answers_nothing)
{
    setup();
    test_waits_after(reply(PUSH, "invalidate"));
}
END_TEST

START_TEST(nor_does_one_without_elements)
{
    setup();
    test_waits_after(reply(PUSH, NULL));
}
END_TEST

START_TEST(nor_does_an_attribute)
{
    setup();
    test_waits_after(reply(ATTRIBUTE, "key-popularity"));
}
END_TEST

START_TEST(nor_the_confirmation_of_something_else)
{
    setup();
    test_waits_after(reply(PUSH, "subscribe"));
}
END_TEST

START_TEST(a_confirmation_answers_its_command)
{
    static const char *const commands[] = {"subscribe", "PSUBSCRIBE", "Unsubscribe", "punsubscribe", "SSUBSCRIBE"};
    static const char *const answers[] = {"subscribe", "psubscribe", "unsubscribe", "punsubscribe", "ssubscribe"};
    setup();
    for (int i = 0; i < 5; i++) {
        answer(call(commands[i], "a"), reply(PUSH, answers[i]));
        ck_assert(spans == i + 1);
        ck_assert(strncmp(span_text, commands[i], strlen(commands[i])) == 0);
    }
}
END_TEST

START_TEST(a_message_in_a_pipeline)
{
    setup();
    append("SUBSCRIBE", "a");
    append("GET", "k");
    answer(oi_hiredis_sending(connection), reply(PUSH, "message"));
    answer(oi_hiredis_sending(connection), reply(PUSH, "subscribe"));
    answer(oi_hiredis_sending(connection), reply(PUSH, "subscribe"));
    ck_assert(spans == 0);
    answer(oi_hiredis_sending(connection), reply(STRING, "v"));
    ck_assert(spans == 1);
    ck_span("PIPELINE\nCLIENT unset\n" WHERE "db.query.text=\"SUBSCRIBE a\nGET k\"\ndb.redis.pipeline_length=2\n"
            "db.operation.name=\"PIPELINE\"\ndb.operation.batch.size=2\n");
}
END_TEST

START_TEST(a_command_given_meanwhile_is_the_next)
{
    setup();
    char key[] = "user:1";
    answer(call("GET", key), reply(PUSH, "invalidate"));
    memset(key, 'x', sizeof key - 1);
    answer(call("GET", "user:2"), reply(STRING, "1"));
    ck_assert(spans == 1 && strstr(span_text, "db.query.text=\"GET user:1\"\n"));
    answer(oi_hiredis_sending(connection), reply(STRING, "2"));
    ck_assert(spans == 2 && strstr(span_text, "db.query.text=\"GET user:2\"\n"));
}
END_TEST

START_TEST(further_confirmations_answer_nothing)
{
    static const int types[] = {ARRAY, PUSH};
    setup();
    for (int i = 0; i < 2; i++) {
        append("SUBSCRIBE", "a");
        const char *argv[] = {"psubscribe", "a", "b", "c"};
        bool borrow;
        oi_hiredis_add_argv(oi_hiredis_collect(connection, false, &borrow), false, 4, argv, NULL);
        append("PING", NULL);
        answer(oi_hiredis_sending(connection), reply(types[i], "subscribe"));
        for (int j = 0; j < 3; j++)
            answer(oi_hiredis_sending(connection), reply(types[i], "psubscribe"));
        ck_assert_int_eq(spans, i);
        answer(oi_hiredis_sending(connection), reply(ERROR, "NOPERM no"));
        ck_assert_int_eq(spans, i + 1);
        ck_assert(strncmp(span_text, "PIPELINE\nCLIENT ERROR no\n", 25) == 0);
    }
}
END_TEST

/* Only a subscription is confirmed by what begins with its name. */
START_TEST(an_array_that_begins_with_its_command)
{
    setup();
    const char *argv[] = {"LRANGE", "a", "0", "1"};
    bool borrow;
    struct oi_hiredis_commands *commands = oi_hiredis_collect(connection, true, &borrow);
    oi_hiredis_add_argv(commands, borrow, 4, argv, NULL);
    answer(oi_hiredis_sending(connection), reply(ARRAY, "lrange"));
    answer(call("LRANGE", "b"), reply(ARRAY, "lrange"));
    ck_assert_int_eq(spans, 2);
}
END_TEST

/* What does not fit beside the rest is not shown, and nothing of the caller's is looked at again. */
START_TEST(long_arguments)
{
    setup();
    char texts[8][200];
    const char *argv[9] = {"MGET"};
    bool borrow;
    for (int i = 0; i < 8; i++) {
        memset(texts[i], 'a', sizeof texts[i] - 1);
        texts[i][sizeof texts[i] - 1] = '\0';
        argv[i + 1] = texts[i];
    }
    struct oi_hiredis_commands *commands = oi_hiredis_collect(connection, true, &borrow);
    oi_hiredis_add_argv(commands, borrow, 9, argv, NULL);
    answer(oi_hiredis_sending(connection), reply(PUSH, "invalidate"));
    ck_assert_uint_eq(commands->argument_count, 9);
    for (int i = 0; i < 9; i++) {
        const char *at = commands->arguments[i].at;
        bool fits = i <= 5;
        ck_assert_uint_eq(commands->arguments[i].len, i == 0 ? 4 : fits ? 199 : 1);
        ck_assert(fits == (at >= commands->text && at < commands->text + sizeof commands->text));
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, a_message_answers_nothing);
    tcase_add_test(tests, nor_does_one_without_elements);
    tcase_add_test(tests, nor_does_an_attribute);
    tcase_add_test(tests, nor_the_confirmation_of_something_else);
    tcase_add_test(tests, a_confirmation_answers_its_command);
    tcase_add_test(tests, a_message_in_a_pipeline);
    tcase_add_test(tests, a_command_given_meanwhile_is_the_next);
    tcase_add_test(tests, further_confirmations_answer_nothing);
    tcase_add_test(tests, an_array_that_begins_with_its_command);
    tcase_add_test(tests, long_arguments);
    return run_suite("hiredis_push", tests);
}
