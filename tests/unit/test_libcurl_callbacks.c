/* The functions libcurl is given in place of the program's: each calls the program's with its own arguments, in the
 * context of the call that added the transfer. libcurl is played: what it was told last is what it calls. */
#include <setjmp.h>
#include <stdarg.h>

#include "agent/thread.h"
#include "hooks/libcurl.h"
#include "tests/unit/run.h"

static struct oi_curl_handle *handle;
static CURL *const easy = (CURL *)&handle, *const other_easy = (CURL *)&other_easy;
static struct oi_active adding, driving;
static char first, second; /* values of the program's */

/* --- libcurl ------------------------------------------------------------------------------------------------------ */

static struct {
    int option;
    void *value;
} told[64];
static size_t told_count;
static CURL *told_to;

static CURLcode setopt(CURL *to, CURLoption option, ...)
{
    va_list values;
    size_t i = 0;
    va_start(values, option);
    void *value = va_arg(values, void *);
    va_end(values);
    told_to = to;
    while (i < told_count && told[i].option != (int)option)
        i++;
    ck_assert_uint_lt(i, 64);
    told_count += i == told_count;
    told[i].option = (int)option;
    told[i].value = value;
    return CURLE_OK;
}

static void *has(int option)
{
    for (size_t i = 0; i < told_count; i++)
        if (told[i].option == option)
            return told[i].value;
    return NULL;
}

static void *functions[libcurl_function_count] = {[index_curl_easy_setopt] = (void *)setopt};
static const struct oi_provider provider = {.functions = functions};
static const struct oi_call call = {.provider = &provider};

/* --- the program -------------------------------------------------------------------------------------------------- */

static uint8_t current(void)
{
    struct oi_context now;
    return oi_context_current(&now) ? now.span_id[0] : 0;
}

static void begin_active(struct oi_active *active, uint8_t id)
{
    struct oi_context started = {.trace_id = {1}, .span_id = {id}};
    oi_active_begin(active, &started);
}

/* What the program's function was called with. */
static struct {
    int calls;
    int row;
    uint8_t context;
    void *data;
    char sum[64];
} seen;

static void note(int row, void *data)
{
    seen.calls++;
    seen.row = row;
    seen.data = data;
    seen.context = current();
    ck_assert(!oi_thread.busy);
    errno = EXDEV;
}

/* Told apart by their arguments: each puts them into `seen.sum`. */
#define SUM(format, ...) snprintf(seen.sum, sizeof seen.sum, format, __VA_ARGS__)

static size_t on_bytes(int row, const char *bytes, size_t size, size_t count, void *data)
{
    note(row, data);
    SUM("%c %zu %zu", *bytes, size, count);
    return 77;
}

static size_t own_WRITE(char *bytes, size_t size, size_t count, void *data)
{
    return on_bytes(OI_CURL_CALLBACK_WRITE, bytes, size, count, data);
}

static size_t own_READ(char *bytes, size_t size, size_t count, void *data)
{
    return on_bytes(OI_CURL_CALLBACK_READ, bytes, size, count, data);
}

static size_t own_HEADER(char *bytes, size_t size, size_t count, void *data)
{
    return on_bytes(OI_CURL_CALLBACK_HEADER, bytes, size, count, data);
}

static int own_PROGRESS(void *data, double down, double had, double up, double sent)
{
    note(OI_CURL_CALLBACK_PROGRESS, data);
    SUM("%g %g %g %g", down, had, up, sent);
    return 77;
}

static int own_XFERINFO(void *data, curl_off_t down, curl_off_t had, curl_off_t up, curl_off_t sent)
{
    note(OI_CURL_CALLBACK_XFERINFO, data);
    SUM("%ld %ld %ld %ld", (long)down, (long)had, (long)up, (long)sent);
    return 77;
}

static int own_SEEK(void *data, curl_off_t offset, int origin)
{
    note(OI_CURL_CALLBACK_SEEK, data);
    SUM("%ld %d", (long)offset, origin);
    return 77;
}

static curlioerr own_IOCTL(CURL *of, int command, void *data)
{
    note(OI_CURL_CALLBACK_IOCTL, data);
    SUM("%d %d", of == easy, command);
    return (curlioerr)77;
}

static int own_DEBUG(CURL *of, curl_infotype type, char *text, size_t size, void *data)
{
    note(OI_CURL_CALLBACK_DEBUG, data);
    SUM("%d %d %c %zu", of == easy, (int)type, *text, size);
    return 77;
}

static int own_SOCKOPT(void *data, curl_socket_t socket, curlsocktype purpose)
{
    note(OI_CURL_CALLBACK_SOCKOPT, data);
    SUM("%d %d", socket, (int)purpose);
    return 77;
}

static curl_socket_t own_OPENSOCKET(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    note(OI_CURL_CALLBACK_OPENSOCKET, data);
    SUM("%d %d", (int)purpose, address->family);
    return 77;
}

static CURLcode own_SSL_CTX(CURL *of, void *context, void *data)
{
    note(OI_CURL_CALLBACK_SSL_CTX, data);
    SUM("%d %d", of == easy, context == &second);
    return (CURLcode)77;
}

static int own_RESOLVER_START(void *state, void *reserved, void *data)
{
    note(OI_CURL_CALLBACK_RESOLVER_START, data);
    SUM("%d %d", state == &second, reserved == NULL);
    return 77;
}

static int own_TRAILER(struct curl_slist **list, void *data)
{
    note(OI_CURL_CALLBACK_TRAILER, data);
    SUM("%d", *list == (void *)&second);
    return 77;
}

static int own_PREREQ(void *data, char *remote, char *local, int remote_port, int local_port)
{
    note(OI_CURL_CALLBACK_PREREQ, data);
    SUM("%s %s %d %d", remote, local, remote_port, local_port);
    return 77;
}

/* What libcurl calls each with, and what that looks like above. */
static char bytes[] = "b";
static struct curl_sockaddr address = {.family = 5};
static struct curl_slist *trailers = (struct curl_slist *)(void *)&second;
static char remote[] = "r", local[] = "l";
#define CALLED(X)                                                                                                      \
    X(WRITE, (bytes, 2, 3, data), "b 2 3")                                                                             \
    X(READ, (bytes, 2, 3, data), "b 2 3")                                                                              \
    X(HEADER, (bytes, 2, 3, data), "b 2 3")                                                                            \
    X(PROGRESS, (data, 1.5, 2, 3, 4), "1.5 2 3 4")                                                                     \
    X(XFERINFO, (data, 1, 2, 3, 4), "1 2 3 4")                                                                         \
    X(SEEK, (data, 1L << 40, SEEK_END), "1099511627776 2")                                                             \
    X(IOCTL, (easy, 1, data), "1 1")                                                                                   \
    X(DEBUG, (easy, CURLINFO_HEADER_IN, bytes, 3, data), "1 1 b 3")                                                    \
    X(SOCKOPT, (data, 9, CURLSOCKTYPE_IPCXN), "9 0")                                                                   \
    X(OPENSOCKET, (data, CURLSOCKTYPE_ACCEPT, &address), "1 5")                                                        \
    X(SSL_CTX, (easy, &second, data), "1 1")                                                                           \
    X(RESOLVER_START, (&second, NULL, data), "1 1")                                                                    \
    X(TRAILER, (&trailers, data), "1")                                                                                 \
    X(PREREQ, (data, remote, local, 80, 4000), "r l 80 4000")

/* Calls what libcurl was told last, as it would. */
#define AS_LIBCURL(name, arguments, sum)                                                                               \
    static int libcurl_calls_##name(void)                                                                              \
    {                                                                                                                  \
        void *data = has(data_of[OI_CURL_CALLBACK_##name]);                                                            \
        __typeof__(&own_##name) function = (__typeof__(&own_##name))has(function_of[OI_CURL_CALLBACK_##name]);         \
        ck_assert_ptr_nonnull(function);                                                                               \
        return (int)function arguments;                                                                                \
    }
#define FUNCTION(name, function, ...) function,
#define DATA(name, function, data, ...) data,
#define OWN(name, ...) (oi_curl_function *)own_##name,
#define CALL(name, ...) libcurl_calls_##name,
#define EXPECTED(name, arguments, sum) sum,
static const int function_of[] = {OI_CURL_CALLBACKS(FUNCTION)}, data_of[] = {OI_CURL_CALLBACKS(DATA)};
static oi_curl_function *const own[] = {OI_CURL_CALLBACKS(OWN)};
CALLED(AS_LIBCURL)
static int (*const libcurl_calls[])(void) = {CALLED(CALL)};
static const char *const expected[] = {CALLED(EXPECTED)};

/* As curl_easy_setopt's hook does. */
static void set(int option, void *value)
{
    setopt(easy, (CURLoption)option, value);
    ck_assert(oi_curl_callbacks_remember(&handle->set.callbacks, (CURLoption)option, value));
    if (handle->place.open)
        oi_curl_callbacks_lend(&call, easy, handle);
}

static void begin(void)
{
    oi_context_set(&adding);
    oi_curl_callbacks_begin(&call, easy, handle);
    handle->place.open = true;
    oi_context_set(&driving);
}

static void end(void)
{
    handle->place.open = false;
    oi_curl_callbacks_take_back(&call, easy, handle);
}

static void setup(void)
{
    static struct oi_curl_handle state;
    handle = &state;
    oi_curl_callbacks_init(&handle->set.callbacks);
    begin_active(&adding, 1);
    begin_active(&driving, 2);
}

static void assert_called(int row, void *data, const char *sum)
{
    seen.calls = 0;
    errno = EEXIST;
    ck_assert_int_eq(libcurl_calls[row](), 77);
    ck_assert_int_eq(errno, EXDEV);
    ck_assert_int_eq(seen.calls, 1);
    ck_assert_ptr_eq(seen.data, data);
    ck_assert_str_eq(seen.sum, sum);
    ck_assert_int_eq(current(), 2);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

START_TEST(each_runs_in_the_context_of_the_adding)
{
    set(function_of[_i], (void *)own[_i]);
    set(data_of[_i], &first);
    begin();
    ck_assert(has(function_of[_i]) != (void *)own[_i] && has(data_of[_i]) == handle);
    assert_called(_i, &first, expected[_i]);
    ck_assert_int_eq(seen.row, _i);
    ck_assert_int_eq(seen.context, 1);
    end();
    ck_assert(has(function_of[_i]) == (void *)own[_i] && has(data_of[_i]) == &first);
    assert_called(_i, &first, expected[_i]);
    ck_assert_int_eq(seen.context, 2);
}
END_TEST

START_TEST(each_may_be_set_in_the_middle_of_a_transfer)
{
    begin();
    set(data_of[_i], &first);
    set(function_of[_i], (void *)own[_i]);
    assert_called(_i, &first, expected[_i]);
    ck_assert_int_eq(seen.context, 1);
    set(data_of[_i], &second);
    ck_assert_ptr_eq(has(data_of[_i]), handle);
    /* What is read is taken at a transfer's start: another value is for the next one. */
    assert_called(_i, _i == OI_CURL_CALLBACK_READ ? &first : &second, expected[_i]);
    ck_assert_int_eq(seen.context, 1);
    end();
    ck_assert(has(function_of[_i]) == (void *)own[_i] && has(data_of[_i]) == &second);
    begin();
    assert_called(_i, &second, expected[_i]);
    end();
}
END_TEST

START_TEST(each_may_be_set_back_in_the_middle_of_a_transfer)
{
    set(function_of[_i], (void *)own[_i]);
    set(data_of[_i], &first);
    begin();
    set(function_of[_i], NULL);
    if (_i != OI_CURL_CALLBACK_WRITE && _i != OI_CURL_CALLBACK_HEADER)
        ck_assert(has(function_of[_i]) == NULL && has(data_of[_i]) == &first);
    end();
    ck_assert(has(function_of[_i]) == NULL && has(data_of[_i]) == &first);
}
END_TEST

START_TEST(what_is_not_set_is_not_touched)
{
    begin();
    end();
    ck_assert_uint_eq(told_count, 0);
    set(CURLOPT_WRITEDATA, stdout);
    set(CURLOPT_HEADERDATA, stdout);
    told_count = 0;
    begin();
    end();
    ck_assert_uint_eq(told_count, 0);
    ck_assert(!oi_curl_callbacks_remember(&handle->set.callbacks, CURLOPT_URL, &first));
    ck_assert(!oi_curl_callbacks_remember(&handle->set.callbacks, CURLOPT_CLOSESOCKETFUNCTION, &first));
}
END_TEST

/* libcurl's default: the standard streams. */
START_TEST(values_that_are_not_set)
{
    set(CURLOPT_WRITEFUNCTION, (void *)own_WRITE);
    set(CURLOPT_READFUNCTION, (void *)own_READ);
    begin();
    assert_called(OI_CURL_CALLBACK_WRITE, stdout, "b 2 3");
    assert_called(OI_CURL_CALLBACK_READ, stdin, "b 2 3");
    end();
    ck_assert(has(CURLOPT_WRITEDATA) == stdout && has(CURLOPT_READDATA) == stdin);
}
END_TEST

/* Without a function of their own, headers that have a value go to the one for the body. */
START_TEST(headers_go_where_the_body_goes)
{
    set(CURLOPT_WRITEFUNCTION, (void *)own_WRITE);
    set(CURLOPT_WRITEDATA, &first);
    set(CURLOPT_HEADERDATA, &second);
    begin();
    assert_called(OI_CURL_CALLBACK_HEADER, &second, "b 2 3");
    ck_assert(seen.row == OI_CURL_CALLBACK_WRITE && seen.context == 1);
    set(CURLOPT_HEADERFUNCTION, (void *)own_HEADER);
    assert_called(OI_CURL_CALLBACK_HEADER, &second, "b 2 3");
    ck_assert(seen.row == OI_CURL_CALLBACK_HEADER && seen.context == 1);
    end();
    ck_assert(has(CURLOPT_HEADERFUNCTION) == (void *)own_HEADER && has(CURLOPT_HEADERDATA) == &second);
    set(CURLOPT_HEADERFUNCTION, NULL);
    begin();
    end();
    ck_assert(has(CURLOPT_HEADERFUNCTION) == NULL && has(CURLOPT_HEADERDATA) == &second);
}
END_TEST

/* libcurl may go on calling what it had in its hands: then ours does what libcurl would do. */
START_TEST(a_function_set_back_while_bytes_are_left)
{
    char written[10] = "";
    FILE *file = fmemopen(written, sizeof written, "w");
    set(CURLOPT_WRITEFUNCTION, (void *)own_WRITE);
    set(CURLOPT_HEADERFUNCTION, (void *)own_HEADER);
    begin();
    set(CURLOPT_WRITEDATA, file);
    set(CURLOPT_WRITEFUNCTION, NULL);
    set(CURLOPT_HEADERFUNCTION, NULL);
    bytes[0] = 'z';
    size_t (*function)(char *, size_t, size_t, void *) =
        (size_t(*)(char *, size_t, size_t, void *))has(CURLOPT_WRITEFUNCTION);
    ck_assert_uint_eq(function(bytes, 1, 1, has(CURLOPT_WRITEDATA)), 1);
    function = (size_t(*)(char *, size_t, size_t, void *))has(CURLOPT_HEADERFUNCTION);
    ck_assert_uint_eq(function(bytes, 1, 1, has(CURLOPT_HEADERDATA)), 1);
    fclose(file);
    ck_assert_str_eq(written, "z");
    end();
    ck_assert(has(CURLOPT_WRITEFUNCTION) == NULL && has(CURLOPT_WRITEDATA) == file);
}
END_TEST

/* One value for both. */
START_TEST(progress_in_the_old_and_the_new_way)
{
    set(CURLOPT_PROGRESSFUNCTION, (void *)own_PROGRESS);
    set(CURLOPT_XFERINFOFUNCTION, (void *)own_XFERINFO);
    set(CURLOPT_XFERINFODATA, &first);
    begin();
    assert_called(OI_CURL_CALLBACK_PROGRESS, &first, "1.5 2 3 4");
    set(CURLOPT_PROGRESSFUNCTION, NULL);
    ck_assert_ptr_null(has(CURLOPT_PROGRESSFUNCTION));
    assert_called(OI_CURL_CALLBACK_XFERINFO, &first, "1 2 3 4");
    end();
    ck_assert(has(CURLOPT_XFERINFODATA) == &first);
}
END_TEST

/* Its parts may have values of their own. */
START_TEST(an_old_form_reads_as_it_did)
{
    set(CURLOPT_READFUNCTION, (void *)own_READ);
    set(CURLOPT_READDATA, &first);
    begin();
    ck_assert_ptr_eq(has(CURLOPT_READDATA), handle);
    set(CURLOPT_HTTPPOST, &second);
    ck_assert(has(CURLOPT_READFUNCTION) == (void *)own_READ && has(CURLOPT_READDATA) == &first);
    end();
    begin();
    ck_assert(has(CURLOPT_READFUNCTION) == (void *)own_READ && has(CURLOPT_READDATA) == &first);
    end();
}
END_TEST

START_TEST(a_copy_has_the_programs_own)
{
    set(function_of[_i], (void *)own[_i]);
    set(data_of[_i], &first);
    begin();
    told_count = 0;
    oi_curl_callbacks_restore(&call, other_easy, handle);
    ck_assert_ptr_eq(told_to, other_easy);
    ck_assert(has(function_of[_i]) == (void *)own[_i] && has(data_of[_i]) == &first);
    ck_assert_uint_eq(told_count, 2);
    end();
}
END_TEST

START_TEST(a_transfer_added_without_a_context_has_none)
{
    set(CURLOPT_WRITEFUNCTION, (void *)own_WRITE);
    oi_context_set(NULL);
    oi_curl_callbacks_begin(&call, easy, handle);
    handle->place.open = true;
    oi_context_set(&driving);
    assert_called(OI_CURL_CALLBACK_WRITE, stdout, "b 2 3");
    ck_assert_int_eq(seen.context, 0);
}
END_TEST

START_TEST(a_context_that_has_ended_is_nobodys)
{
    set(CURLOPT_WRITEFUNCTION, (void *)own_WRITE);
    begin();
    oi_active_end(&adding);
    assert_called(OI_CURL_CALLBACK_WRITE, stdout, "b 2 3");
    ck_assert_int_eq(seen.context, 0);
    begin_active(&adding, 3); /* its memory is another span's now */
    assert_called(OI_CURL_CALLBACK_WRITE, stdout, "b 2 3");
    ck_assert_int_eq(seen.context, 0);
}
END_TEST

static jmp_buf back;

static size_t leave(char *at, size_t size, size_t count, void *data)
{
    on_bytes(OI_CURL_CALLBACK_WRITE, at, size, count, data);
    longjmp(back, 1);
}

START_TEST(a_function_that_jumps_out_holds_nothing)
{
    set(CURLOPT_WRITEFUNCTION, (void *)leave);
    begin();
    if (setjmp(back) == 0)
        libcurl_calls_WRITE();
    ck_assert(seen.calls == 1 && seen.context == 1 && !oi_thread.busy);
    end();
    ck_assert_ptr_eq(has(CURLOPT_WRITEFUNCTION), (void *)leave);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, each_runs_in_the_context_of_the_adding, 0, OI_CURL_CALLBACK_COUNT);
    tcase_add_loop_test(tests, each_may_be_set_in_the_middle_of_a_transfer, 0, OI_CURL_CALLBACK_COUNT);
    tcase_add_loop_test(tests, each_may_be_set_back_in_the_middle_of_a_transfer, 0, OI_CURL_CALLBACK_COUNT);
    tcase_add_loop_test(tests, a_copy_has_the_programs_own, 0, OI_CURL_CALLBACK_COUNT);
    tcase_add_test(tests, what_is_not_set_is_not_touched);
    tcase_add_test(tests, values_that_are_not_set);
    tcase_add_test(tests, headers_go_where_the_body_goes);
    tcase_add_test(tests, a_function_set_back_while_bytes_are_left);
    tcase_add_test(tests, progress_in_the_old_and_the_new_way);
    tcase_add_test(tests, an_old_form_reads_as_it_did);
    tcase_add_test(tests, a_transfer_added_without_a_context_has_none);
    tcase_add_test(tests, a_context_that_has_ended_is_nobodys);
    tcase_add_test(tests, a_function_that_jumps_out_holds_nothing);
    return run_suite("libcurl_callbacks", tests);
}
