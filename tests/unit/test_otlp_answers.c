/* What answers mean: gRPC's framing and statuses, google.rpc.Status, Retry-After, gzip, and the verdict over all of it.
 */
#include "exporter/verdict.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/grpc.h"
#include "exporter/gzip.h"
#include "exporter/percent.h"
#include "exporter/retry.h"
#include "exporter/status.h"
#include "tests/unit/guard.h"
#include "tests/unit/run.h"

/* Sat, 01 Aug 2026 12:00:00 GMT */
static const int64_t now = 1785585600;

static const struct {
    const char *text;
    int64_t delay;
} retry_after[] = {
    {"0", 0},
    {"2", 2000},
    {" 120 ", 120000},
    {"99999999999999999999", INT64_MAX}, /* as long as one likes */
    {"Sat, 01 Aug 2026 12:00:07 GMT", 7000},
    {"Saturday, 01-Aug-26 12:00:07 GMT", 7000},
    {"Sat Aug  1 12:00:07 2026", 7000},
    {"Sat, 01 Aug 2026 11:00:00 GMT", 0},
    {"", -1},
    {"-1", -1},
    {"2.5", -1},
    {"2 s", -1},
    {"soon", -1},
};

START_TEST(reads_retry_after)
{
    int64_t delay = oi_retry_after(retry_after[_i].text, now);
    if (retry_after[_i].delay == INT64_MAX)
        ck_assert_int_ge(delay, INT64_C(1000) * INT32_MAX);
    else
        ck_assert_int_eq(delay, retry_after[_i].delay);
}
END_TEST

START_TEST(backs_off)
{
    static const uint32_t middle[] = {1000, 2000, 4000, 8000, 16000, 32000, 32000, 32000};
    uint64_t random = 42;
    for (unsigned failed = 1; failed <= 8; failed++) {
        uint32_t least = UINT32_MAX, most = 0;
        for (int i = 0; i < 2000; i++) {
            uint32_t delay = oi_retry_backoff(failed, &random);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
        }
        ck_assert_uint_ge(least, middle[failed - 1] * 8 / 10);
        ck_assert_uint_lt(least, middle[failed - 1] * 82 / 100);
        ck_assert_uint_gt(most, middle[failed - 1] * 118 / 100);
        ck_assert_uint_le(most, middle[failed - 1] * 12 / 10);
    }
}
END_TEST

/* --- gRPC --------------------------------------------------------------------------------------------------------- */

START_TEST(frames_messages)
{
    uint8_t prefix[OI_GRPC_PREFIX];
    oi_grpc_prefix(prefix, true, 0x01020304);
    ck_assert_mem_eq(prefix, "\x01\x01\x02\x03\x04", 5);
    oi_grpc_prefix(prefix, false, 7);
    ck_assert_mem_eq(prefix, "\0\0\0\0\x07", 5);
}
END_TEST

static const struct {
    const char *body;
    size_t len;
    bool good, compressed;
    size_t message;
} frames[] = {
    {"\0\0\0\0\0", 5, true, false, 0},          {"\0\0\0\0\2ab", 7, true, false, 2},
    {"\1\0\0\0\2ab", 7, true, true, 2},         {"", 0, false, false, 0},
    {"\0\0\0\0", 4, false, false, 0},           {"\0\0\0\0\2a", 6, false, false, 0},
    {"\0\0\0\0\2abc", 8, false, false, 0},      {"\2\0\0\0\0", 5, false, false, 0},
    {"\0\xFF\xFF\xFF\xFF", 5, false, false, 0}, {"\0\0\0\0\0\0\0\0\0\0", 10, false, false, 0},
};

START_TEST(reads_messages)
{
    const uint8_t *message;
    size_t len;
    bool compressed;
    const uint8_t *body = (const uint8_t *)guarded(frames[_i].body, frames[_i].len);
    ck_assert_int_eq(oi_grpc_message(body, frames[_i].len, &message, &len, &compressed), frames[_i].good);
    if (frames[_i].good) {
        ck_assert_ptr_eq(message, body + 5);
        ck_assert_uint_eq(len, frames[_i].message);
        ck_assert_int_eq(compressed, frames[_i].compressed);
    }
}
END_TEST

static const struct {
    const char *text;
    int code;
} codes[] = {{"0", 0}, {"14", 14}, {"016", 16}, {"", -1}, {"-1", -1}, {"1x", -1}, {"99999", -1}, {"OK", -1}};

START_TEST(reads_codes)
{
    ck_assert_int_eq(oi_grpc_code(codes[_i].text), codes[_i].code);
}
END_TEST

static const struct {
    const char *text, *decoded;
} percents[] = {
    {"plain", "plain"}, {"a%20b", "a b"}, {"%E2%82%AC", "\xE2\x82\xAC"}, {"100%", "100%"}, {"%4", "%4"},
    {"%zz%41", "%zzA"}, {"", ""},         {"123456789", "1234567"},
};

START_TEST(decodes_percents)
{
    char to[8];
    oi_percent_decode(to, sizeof to, percents[_i].text);
    ck_assert_str_eq(to, percents[_i].decoded);
}
END_TEST

static void put(uint8_t **to, const void *at, size_t len)
{
    memcpy(*to, at, len);
    *to += len;
}

/* Status{code 8, message, details [Any{type, RetryInfo{Duration{seconds, nanos}}}]} */
static size_t make_status(uint8_t *out, const char *type, const char *duration, size_t duration_len)
{
    uint8_t any[128], *at = any, *to = out;
    put(&at, (uint8_t[]){0x0A, (uint8_t)strlen(type)}, 2);
    put(&at, type, strlen(type));
    put(&at, (uint8_t[]){0x12, (uint8_t)(duration_len + 2), 0x0A, (uint8_t)duration_len}, 4);
    put(&at, duration, duration_len);
    put(&to,
        "\x08\x08\x12\x04"
        "busy\x1A",
        9);
    *to++ = (uint8_t)(at - any);
    put(&to, any, (size_t)(at - any));
    return (size_t)(to - out);
}

static void base64(char *to, const uint8_t *at, size_t len, bool padded)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits =
            (uint32_t)at[i] << 16 | (i + 1 < len ? (uint32_t)at[i + 1] << 8 : 0) | (i + 2 < len ? at[i + 2] : 0u);
        size_t made = len - i < 3 ? len - i + 1 : 4;
        for (size_t j = 0; j < 4; j++)
            if (j < made || padded)
                *to++ = j < made ? digits[bits >> (18 - 6 * j) & 63] : '=';
    }
    *to = '\0';
}

#define RETRY_INFO "type.googleapis.com/google.rpc.RetryInfo"

static const struct {
    const char *type, *duration;
    size_t len;
    int64_t delay;
} delays[] = {
    {RETRY_INFO, "\x08\x02", 2, 2000},
    {RETRY_INFO, "\x08\x01\x10\x80\xCA\xB5\xEE\x01", 8, 1500},
    {RETRY_INFO, "\x10\x01", 2, 1},
    {RETRY_INFO, "", 0, 0},
    {RETRY_INFO, "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, 0},
    {"type.googleapis.com/google.rpc.DebugInfo", "\x08\x02", 2, -1},
    {"x", "\x08\x02", 2, -1},
};

START_TEST(reads_retry_info)
{
    uint8_t status[256];
    char text[512];
    size_t len = make_status(status, delays[_i].type, delays[_i].duration, delays[_i].len);
    for (int padded = 0; padded < 2; padded++) {
        base64(text, status, len, padded);
        ck_assert_int_eq(oi_grpc_retry_delay(text), delays[_i].delay);
    }
    struct oi_text message = oi_status_message(status, len);
    ck_assert(oi_text_equal(message, OI_TEXT("busy")));
    for (size_t cut = 0; cut < len; cut++) {
        const uint8_t *part = (const uint8_t *)guarded(status, cut);
        oi_status_retry_delay(part, cut);
        oi_status_message(part, cut);
    }
    ck_assert_int_eq(oi_grpc_retry_delay("not base64!"), -1);
    ck_assert_int_eq(oi_grpc_retry_delay(""), -1);
}
END_TEST

/* --- gzip --------------------------------------------------------------------------------------------------------- */

START_TEST(gzip_and_back)
{
    static const size_t sizes[] = {0, 1, 100, 65536, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t len = sizes[i];
        uint8_t *text = malloc(len + 1);
        struct oi_writer packed = {0}, plain = {0};
        for (size_t j = 0; j < len; j++)
            text[j] = (uint8_t)(rand() % 17);
        ck_assert(oi_gzip(&packed, text, len));
        ck_assert(oi_gunzip(&plain, packed.at, oi_writer_len(&packed), len + 1));
        ck_assert_uint_eq(oi_writer_len(&plain), len);
        ck_assert(len == 0 || memcmp(plain.at, text, len) == 0);
        ck_assert(len == 0 || !oi_gunzip(&plain, packed.at, oi_writer_len(&packed), len - 1));
        ck_assert(!oi_gunzip(&plain, packed.at, oi_writer_len(&packed) - 1, len + 1));
        ck_assert(!oi_gunzip(&plain, (const uint8_t *)"garbage garbage", 15, len + 1));
        oi_writer_free(&packed);
        oi_writer_free(&plain);
        free(text);
    }
}
END_TEST

/* --- the verdict -------------------------------------------------------------------------------------------------- */

/* ExportTraceServiceResponse{partial_success{rejected_spans, error_message}} */
#define REJECTED_3                                                                                                     \
    "\x0A\x07\x08\x03\x12\x03"                                                                                         \
    "bad"
#define REMARK                                                                                                         \
    "\x0A\x06\x12\x04"                                                                                                 \
    "note"
#define STATUS_BUSY                                                                                                    \
    "\x08\x0E\x12\x04"                                                                                                 \
    "busy"

static const struct {
    bool grpc;
    struct oi_answer answer;
    const char *body;
    size_t len;
    enum oi_fate fate;
    int64_t delay;
    uint64_t rejected;
    bool remark;
    const char *reason;
} verdicts[] = {
    {0, {.http = 200}, "", 0, OI_FATE_DELIVERED, -1, 0, 0, ""},
    {0, {.http = 202}, "", 0, OI_FATE_DELIVERED, -1, 0, 0, ""},
    {0, {.http = 200}, "\x0A\0", 2, OI_FATE_DELIVERED, -1, 0, 0, ""},
    {0, {.http = 200}, REJECTED_3, 9, OI_FATE_DELIVERED, -1, 3, 1, "bad"},
    {0, {.http = 200}, REMARK, 8, OI_FATE_DELIVERED, -1, 0, 1, "note"},
    {0, {.http = 200}, "\x0A\x0B\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 13, OI_FATE_DELIVERED, -1, 0, 0, ""},
    {0,
     {.http = 200},
     "<html>",
     6,
     OI_FATE_DELIVERED,
     -1,
     0,
     1,
     "the answer is not one of OTLP: is a collector listening there?"},
    {0, {.http = 301}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 301"},
    {0, {.http = 400}, STATUS_BUSY, 8, OI_FATE_LOST, -1, 0, 0, "HTTP status 400: busy"},
    {0, {.http = 401}, "go \x1B[31m\n away\xE9", 16, OI_FATE_LOST, -1, 0, 0, "HTTP status 401: go [31m away?"},
    {0, {.http = 404}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 404"},
    {0, {.http = 408}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 408"},
    {0, {.http = 413}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 413"},
    {0, {.http = 500}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 500"},
    {0, {.http = 501}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 501"},
    {0, {.http = 429}, "", 0, OI_FATE_RETRY, -1, 0, 0, "HTTP status 429"},
    {0, {.http = 429, .retry_after = "3"}, "", 0, OI_FATE_RETRY, 3000, 0, 0, "HTTP status 429"},
    {0, {.http = 500, .retry_after = "3"}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 500"},
    {0, {.http = 502}, "", 0, OI_FATE_RETRY, -1, 0, 0, "HTTP status 502"},
    {0, {.http = 503}, "", 0, OI_FATE_RETRY, -1, 0, 0, "HTTP status 503"},
    {0, {.http = 504}, "", 0, OI_FATE_RETRY, -1, 0, 0, "HTTP status 504"},
    {0, {.http = 505}, "", 0, OI_FATE_LOST, -1, 0, 0, "HTTP status 505"},
    {0, {.curl = CURLE_COULDNT_CONNECT, .error = "refused"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "refused"},
    {0, {.curl = CURLE_GOT_NOTHING, .error = "empty"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "empty"},
    {0, {.curl = CURLE_RECV_ERROR, .error = "reset"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "reset"},
    {0, {.curl = CURLE_PEER_FAILED_VERIFICATION, .error = "self-signed"}, "", 0, OI_FATE_LOST, -1, 0, 0, "self-signed"},
    {0,
     {.curl = CURLE_WRITE_ERROR, .too_long = true},
     "",
     0,
     OI_FATE_LOST,
     -1,
     0,
     0,
     "the answer is longer than 4 MiB"},
    {0,
     {.curl = CURLE_OPERATION_TIMEDOUT, .abandoned = true},
     "",
     0,
     OI_FATE_RETRY,
     -1,
     0,
     0,
     "no answer before the process ended"},
    {1, {.http = 200, .grpc_status = "0"}, "\0\0\0\0\0", 5, OI_FATE_DELIVERED, -1, 0, 0, ""},
    {1, {.http = 200, .grpc_status = "0"}, "\0\0\0\0\x09" REJECTED_3, 14, OI_FATE_DELIVERED, -1, 3, 1, "bad"},
    {1, {.http = 200, .grpc_status = "0"}, "", 0, OI_FATE_LOST, -1, 0, 0, "the answer cannot be read"},
    {1, {.http = 200, .grpc_status = "0"}, "\1\0\0\0\3abc", 8, OI_FATE_LOST, -1, 0, 0, "the answer cannot be read"},
    {1,
     {.http = 200, .grpc_status = "14", .grpc_message = "try%20later"},
     "",
     0,
     OI_FATE_RETRY,
     -1,
     0,
     0,
     "UNAVAILABLE: try later"},
    {1, {.http = 200, .grpc_status = "1"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "CANCELLED"},
    {1, {.http = 200, .grpc_status = "2"}, "", 0, OI_FATE_LOST, -1, 0, 0, "UNKNOWN"},
    {1, {.http = 200, .grpc_status = "3"}, "", 0, OI_FATE_LOST, -1, 0, 0, "INVALID_ARGUMENT"},
    {1, {.http = 200, .grpc_status = "4"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "DEADLINE_EXCEEDED"},
    {1, {.http = 200, .grpc_status = "5"}, "", 0, OI_FATE_LOST, -1, 0, 0, "NOT_FOUND"},
    {1, {.http = 200, .grpc_status = "6"}, "", 0, OI_FATE_LOST, -1, 0, 0, "ALREADY_EXISTS"},
    {1, {.http = 200, .grpc_status = "7"}, "", 0, OI_FATE_LOST, -1, 0, 0, "PERMISSION_DENIED"},
    {1, {.http = 200, .grpc_status = "8"}, "", 0, OI_FATE_LOST, -1, 0, 0, "RESOURCE_EXHAUSTED"},
    {1, {.http = 200, .grpc_status = "9"}, "", 0, OI_FATE_LOST, -1, 0, 0, "FAILED_PRECONDITION"},
    {1, {.http = 200, .grpc_status = "10"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "ABORTED"},
    {1, {.http = 200, .grpc_status = "11"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "OUT_OF_RANGE"},
    {1, {.http = 200, .grpc_status = "12"}, "", 0, OI_FATE_LOST, -1, 0, 0, "UNIMPLEMENTED"},
    {1, {.http = 200, .grpc_status = "13"}, "", 0, OI_FATE_LOST, -1, 0, 0, "INTERNAL"},
    {1, {.http = 200, .grpc_status = "15"}, "", 0, OI_FATE_RETRY, -1, 0, 0, "DATA_LOSS"},
    {1, {.http = 200, .grpc_status = "16"}, "", 0, OI_FATE_LOST, -1, 0, 0, "UNAUTHENTICATED"},
    {1, {.http = 200, .grpc_status = "77"}, "", 0, OI_FATE_LOST, -1, 0, 0, "an unknown status"},
    {1,
     {.http = 503},
     "",
     0,
     OI_FATE_RETRY,
     -1,
     0,
     0,
     "HTTP status 503 without a gRPC status: is a gRPC receiver listening there?"},
    {1,
     {.http = 404},
     "",
     0,
     OI_FATE_LOST,
     -1,
     0,
     0,
     "HTTP status 404 without a gRPC status: is a gRPC receiver listening there?"},
    {1,
     {.http = 200},
     "",
     0,
     OI_FATE_LOST,
     -1,
     0,
     0,
     "HTTP status 200 without a gRPC status: is a gRPC receiver listening there?"},
};

START_TEST(verdict)
{
    struct oi_answer answer = verdicts[_i].answer;
    struct oi_verdict out;
    answer.body = (uint8_t *)(uintptr_t)guarded(verdicts[_i].body, verdicts[_i].len);
    answer.len = verdicts[_i].len;
    oi_verdict(&out, &answer, verdicts[_i].grpc, now);
    ck_assert_str_eq(out.reason, verdicts[_i].reason);
    ck_assert_int_eq(out.fate, verdicts[_i].fate);
    ck_assert_int_eq(out.delay_ms, verdicts[_i].delay);
    ck_assert_uint_eq(out.rejected, verdicts[_i].rejected);
    ck_assert_int_eq(out.remark, verdicts[_i].remark);
}
END_TEST

START_TEST(verdict_on_resource_exhausted_with_delay)
{
    uint8_t status[256];
    struct oi_answer answer = {.http = 200, .grpc_status = "8"};
    struct oi_verdict out;
    base64(answer.grpc_details, status, make_status(status, RETRY_INFO, "\x08\x02", 2), false);
    oi_verdict(&out, &answer, true, now);
    ck_assert_int_eq(out.fate, OI_FATE_RETRY);
    ck_assert_int_eq(out.delay_ms, 2000);
}
END_TEST

START_TEST(verdict_on_a_compressed_message)
{
    struct oi_writer packed = {0};
    struct oi_answer answer = {.http = 200, .grpc_status = "0", .grpc_encoding = "gzip"};
    struct oi_verdict out;
    uint8_t prefix[OI_GRPC_PREFIX];
    ck_assert(oi_gzip(&packed, (const uint8_t *)REJECTED_3, 9));
    oi_grpc_prefix(prefix, true, oi_writer_len(&packed));
    ck_assert(oi_writer_reserve(&packed, sizeof prefix));
    oi_writer_bytes(&packed, prefix, sizeof prefix);
    answer.body = packed.at;
    answer.len = oi_writer_len(&packed);
    oi_verdict(&out, &answer, true, now);
    ck_assert_int_eq(out.fate, OI_FATE_DELIVERED);
    ck_assert_uint_eq(out.rejected, 3);
    oi_writer_free(&packed);
}
END_TEST

#define ROWS(table) sizeof(table) / sizeof *(table)

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, reads_retry_after, 0, ROWS(retry_after));
    tcase_add_test(tests, backs_off);
    tcase_add_test(tests, frames_messages);
    tcase_add_loop_test(tests, reads_messages, 0, ROWS(frames));
    tcase_add_loop_test(tests, reads_codes, 0, ROWS(codes));
    tcase_add_loop_test(tests, decodes_percents, 0, ROWS(percents));
    tcase_add_loop_test(tests, reads_retry_info, 0, ROWS(delays));
    tcase_add_test(tests, gzip_and_back);
    tcase_add_loop_test(tests, verdict, 0, ROWS(verdicts));
    tcase_add_test(tests, verdict_on_resource_exhausted_with_delay);
    tcase_add_test(tests, verdict_on_a_compressed_message);
    return run_suite("otlp_answers", tests);
}
