#include "hooks/libcurl_errors.h"

#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

#include "tests/unit/run.h"

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
        name, #name                                                                                                    \
    }

/* Numbers as the installed header has them: the table in hooks/ is by number. */
static const struct {
    CURLcode code;
    const char *name;
} rows[] = {
    ROW(CURLE_UNSUPPORTED_PROTOCOL),
    ROW(CURLE_URL_MALFORMAT),
    ROW(CURLE_COULDNT_RESOLVE_HOST),
    ROW(CURLE_COULDNT_CONNECT),
    ROW(CURLE_HTTP2),
    ROW(CURLE_PARTIAL_FILE),
    ROW(CURLE_HTTP_RETURNED_ERROR),
    ROW(CURLE_WRITE_ERROR),
    ROW(CURLE_OPERATION_TIMEDOUT),
    ROW(CURLE_HTTP_POST_ERROR),
    ROW(CURLE_SSL_CONNECT_ERROR),
    ROW(CURLE_FUNCTION_NOT_FOUND),
    ROW(CURLE_ABORTED_BY_CALLBACK),
    ROW(CURLE_TOO_MANY_REDIRECTS),
    ROW(CURLE_UNKNOWN_OPTION),
    ROW(CURLE_GOT_NOTHING),
    ROW(CURLE_SEND_ERROR),
    ROW(CURLE_RECV_ERROR),
    ROW(CURLE_PEER_FAILED_VERIFICATION),
    ROW(CURLE_FILESIZE_EXCEEDED),
    ROW(CURLE_SEND_FAIL_REWIND),
    ROW(CURLE_LOGIN_DENIED),
    ROW(CURLE_SSL_CACERT_BADFILE),
    ROW(CURLE_SSH),
    ROW(CURLE_AGAIN),
    ROW(CURLE_CHUNK_FAILED),
    ROW(CURLE_SSL_PINNEDPUBKEYNOTMATCH),
    ROW(CURLE_HTTP2_STREAM),
    ROW(CURLE_RECURSIVE_API_CALL),
    ROW(CURLE_HTTP3),
    ROW(CURLE_PROXY),
    {(CURLcode)101, "CURLE_ECH_REQUIRED"},
    {(CURLcode)102, "CURLE_102"},
    {(CURLcode)2147483647, "CURLE_2147483647"},
};

START_TEST(names_belong_to_their_numbers)
{
    char number[16];
    struct oi_text name = oi_curl_error_name((int)rows[_i].code, number);
    ck_assert_msg(oi_text_equal(name, oi_text_from(rows[_i].name)), "%d: '%.*s'", (int)rows[_i].code, (int)name.len,
                  name.at);
}
END_TEST

START_TEST(every_number_has_a_name)
{
    char number[16];
    for (int code = 1; code <= 101; code++) {
        struct oi_text name = oi_curl_error_name(code, number);
        ck_assert(name.at != number && name.len > 6 && memcmp(name.at, "CURLE_", 6) == 0);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, names_belong_to_their_numbers, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, every_number_has_a_name);
    return run_suite("libcurl_errors", tests);
}
