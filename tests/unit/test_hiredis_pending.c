/* Commands that wait for their reply: which function is called, in which context, and what becomes of the slots. No
 * library and no server: the calls are those hiredis makes. */
#include <setjmp.h>

#include "agent/id.h"
#include "agent/thread.h"
#include "hooks/hiredis_pending.h"
#include "tests/unit/run.h"

#if HIREDIS_MAJOR < 1
#define SONAME "libhiredis.so.0.14"
#else
#define SONAME "libhiredis.so.1.1.0"
#endif

static const struct oi_provider provider = {.soname = SONAME};
static redisAsyncContext context;
static struct oi_hiredis_connection *connection;
static struct oi_active command_context, loop_context;
static jmp_buf back;
static uint8_t inside; /* the span that was current there, by its first byte; 0: none */
static int calls;
static void *value;

static uint8_t current(void)
{
    struct oi_context now;
    return oi_context_current(&now) ? now.span_id[0] : 0;
}

static void look(redisAsyncContext *from, void *reply, void *data)
{
    ck_assert(from == &context && !oi_thread.busy);
    (void)reply;
    calls++;
    value = data;
    inside = current();
}

static void leave(redisAsyncContext *from, void *reply, void *data)
{
    look(from, reply, data);
    longjmp(back, 1);
}

static void begin_active(struct oi_active *active, uint8_t id)
{
    struct oi_context started = {.trace_id = {1}, .span_id = {id}};
    oi_active_begin(active, &started);
}

static void setup(void)
{
    struct oi_db_connection where = {.system = OI_DB_REDIS};
    oi_id_init();
    oi_hiredis_pending_init();
    connection = oi_hiredis_opened(&context, &provider, &where);
    ck_assert(connection);
    connection->asynchronous = true;
    begin_active(&command_context, 1);
    begin_active(&loop_context, 2);
}

/* A command given in the one context, whose reply comes in the other. */
static struct oi_hiredis_pending *given(const char *command, redisCallbackFn *function, void *data)
{
    const char *argv[] = {command, "k"};
    struct oi_hiredis_given command_given = {.argv = argv, .argc = 2};
    oi_context_set(&command_context);
    struct oi_hiredis_pending *pending = oi_hiredis_pending_begin(connection, &command_given, function, data);
    oi_context_set(&loop_context);
    return pending;
}

START_TEST(a_reply_runs_in_the_context_of_its_command)
{
    setup();
    oi_hiredis_pending_run(&context, &context, given("GET", look, &calls));
    ck_assert(calls == 1 && value == &calls && inside == 1 && current() == 2);
    ck_assert_uint_eq(connection->pending_count, 0);
}
END_TEST

START_TEST(an_ended_context_is_none)
{
    setup();
    struct oi_hiredis_pending *pending = given("GET", look, NULL);
    oi_active_end(&command_context);
    begin_active(&command_context, 3); /* the memory serves another one */
    oi_hiredis_pending_run(&context, NULL, pending);
    ck_assert(calls == 1 && inside == 0 && current() == 2);
}
END_TEST

START_TEST(messages_have_no_context)
{
    setup();
    struct oi_hiredis_pending *pending = given("MONITOR", look, &calls);
    oi_hiredis_pending_run(&context, &context, pending);
    ck_assert_int_eq(inside, 1);
    oi_hiredis_pending_run(&context, &context, pending);
    ck_assert(calls == 2 && value == &calls && inside == 0 && current() == 2);
    ck_assert_uint_eq(connection->pending_count, 1);
}
END_TEST

START_TEST(what_is_left_by_longjmp_goes_with_the_connection)
{
    setup();
    struct oi_hiredis_pending *pending = given("GET", leave, NULL);
    if (setjmp(back) == 0)
        oi_hiredis_pending_run(&context, NULL, pending);
    ck_assert(calls == 1 && !oi_thread.busy);
    oi_hiredis_pending_run(&context, NULL, given("GET", look, NULL));
    ck_assert(calls == 2 && current() == 2);
    ck_assert_uint_eq(connection->pending_count, 1);
    oi_hiredis_pending_forget(connection);
    ck_assert(connection->pending_count == 0 && !connection->pending);
}
END_TEST

START_TEST(a_refused_command_gives_its_slot_back)
{
    setup();
    struct oi_hiredis_pending *pending = given("GET", look, NULL);
    oi_hiredis_pending_given(pending, pending->use, &context, false, 0);
    ck_assert(calls == 0 && connection->pending_count == 0);
    pending = given("UNSUBSCRIBE", look, NULL);
    oi_hiredis_pending_given(pending, pending->use, &context, true, 0);
    ck_assert(calls == 0 && connection->pending_count == 0);
}
END_TEST

/* The function that hiredis may call again is the same one, with the same value, for as long as the connection lives.
 */
START_TEST(kept_slots_serve_the_same_function_only)
{
    setup();
    struct oi_hiredis_pending *first = given("SUBSCRIBE", look, NULL);
    oi_hiredis_pending_run(&context, &context, first);
    ck_assert(given("SUBSCRIBE", look, &calls) != first);
    ck_assert(given("GET", look, NULL) != first);
    ck_assert(given("SUBSCRIBE", leave, NULL) != first);
    ck_assert(given("SUBSCRIBE", look, NULL) == first);
    ck_assert_uint_eq(connection->pending_count, 4);
}
END_TEST

START_TEST(there_is_an_end_to_what_is_kept)
{
    static int values[300];
    setup();
    int had = 0;
    for (int i = 0; i < 300; i++)
        had += given("SUBSCRIBE", look, &values[i]) != NULL;
    ck_assert_int_eq(had, 256);
    oi_hiredis_pending_forget(connection);
    for (int i = 0; i < 256; i++)
        ck_assert_ptr_nonnull(given("SUBSCRIBE", look, &values[i]));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, a_reply_runs_in_the_context_of_its_command);
    tcase_add_test(tests, an_ended_context_is_none);
    tcase_add_test(tests, messages_have_no_context);
    tcase_add_test(tests, what_is_left_by_longjmp_goes_with_the_connection);
    tcase_add_test(tests, a_refused_command_gives_its_slot_back);
    tcase_add_test(tests, kept_slots_serve_the_same_function_only);
    tcase_add_test(tests, there_is_an_end_to_what_is_kept);
    return run_suite("hiredis_pending", tests);
}
