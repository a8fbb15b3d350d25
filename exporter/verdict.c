#include "exporter/verdict.h"

#include <curl/curl.h>
#include <stdio.h>

#include "exporter/grpc.h"
#include "exporter/gzip.h"
#include "exporter/percent.h"
#include "exporter/retry.h"
#include "exporter/status.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"

enum { ANSWER_LIMIT = 4 * 1024 * 1024, SAID_MAX = 200 };

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse response_t;
#define RESPONSE(what) opentelemetry__proto__collector__trace__v1__export_trace_service_response__##what

/* What a receiver says goes to a terminal: one line, nothing that a terminal would act upon. */
static void printable(char *to, size_t size, struct oi_text said)
{
    size_t len = 0;
    for (size_t i = 0; i < said.len && len + 1 < size && len < SAID_MAX; i++) {
        unsigned char c = (unsigned char)said.at[i];
        if (c > ' ' && c != 0x7F && c < 0x80)
            to[len++] = (char)c;
        else if (c >= 0x80)
            to[len++] = '?';
        else if (len > 0 && to[len - 1] != ' ')
            to[len++] = ' ';
    }
    while (len > 0 && to[len - 1] == ' ')
        len--;
    to[len] = '\0';
}

/* Failures of the connection, which a later try may not meet; not those of certificates, URLs or memory. */
static bool connection_failed(int curl)
{
    switch (curl) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static void judge_connection(struct oi_verdict *out, const struct oi_answer *answer)
{
    out->fate = connection_failed(answer->curl) && !answer->too_long ? OI_FATE_RETRY : OI_FATE_LOST;
    printable(out->reason, sizeof out->reason,
              answer->too_long    ? OI_TEXT("the answer is longer than 4 MiB")
              : answer->abandoned ? OI_TEXT("no answer before the process ended")
                                  : oi_text_from(answer->error));
}

/* The message of a successful call. An empty one is plain success. */
static void judge_response(struct oi_verdict *out, const uint8_t *at, size_t len)
{
    out->fate = OI_FATE_DELIVERED;
    if (len == 0)
        return;
    response_t *response = RESPONSE(unpack)(NULL, len, at);
    if (!response) {
        out->remark = true;
        snprintf(out->reason, sizeof out->reason, "the answer is not one of OTLP: is a collector listening there?");
        return;
    }
    if (response->partial_success) {
        int64_t rejected = response->partial_success->rejected_spans;
        struct oi_text message = oi_text_from(response->partial_success->error_message);
        out->rejected = rejected > 0 ? (uint64_t)rejected : 0;
        out->remark = out->rejected > 0 || message.len > 0;
        printable(out->reason, sizeof out->reason, message);
    }
    RESPONSE(free_unpacked)(response, NULL);
}

static void judge_http(struct oi_verdict *out, const struct oi_answer *answer, int64_t now)
{
    if (answer->http >= 200 && answer->http <= 299) {
        judge_response(out, answer->body, answer->len);
        return;
    }
    bool retry = answer->http == 429 || (answer->http >= 502 && answer->http <= 504);
    out->fate = retry ? OI_FATE_RETRY : OI_FATE_LOST;
    if (retry && answer->retry_after[0])
        out->delay_ms = oi_retry_after(answer->retry_after, now);
    struct oi_text said = oi_status_message(answer->body, answer->len);
    if (!oi_text_present(said))
        said = oi_text_of((const char *)answer->body, answer->len);
    char text[SAID_MAX + 1];
    printable(text, sizeof text, said);
    snprintf(out->reason, sizeof out->reason, text[0] ? "HTTP status %ld: %s" : "HTTP status %ld", answer->http, text);
}

static void judge_message(struct oi_verdict *out, const struct oi_answer *answer)
{
    const uint8_t *message;
    size_t len;
    bool compressed;
    struct oi_writer plain = {0};
    if (!oi_grpc_message(answer->body, answer->len, &message, &len, &compressed) ||
        (compressed && !oi_gunzip(&plain, message, len, ANSWER_LIMIT))) {
        out->fate = OI_FATE_LOST;
        snprintf(out->reason, sizeof out->reason, "the answer cannot be read");
    } else {
        judge_response(out, compressed ? plain.at : message, compressed ? oi_writer_len(&plain) : len);
    }
    oi_writer_free(&plain);
}

static void judge_grpc(struct oi_verdict *out, const struct oi_answer *answer)
{
    bool missing = answer->grpc_status[0] == '\0';
    int code = missing ? oi_grpc_code_from_http(answer->http) : oi_grpc_code(answer->grpc_status);
    if (code == OI_GRPC_OK) {
        judge_message(out, answer);
        return;
    }
    if (answer->grpc_details[0])
        out->delay_ms = oi_grpc_retry_delay(answer->grpc_details);
    out->fate = oi_grpc_retryable(code, out->delay_ms >= 0) ? OI_FATE_RETRY : OI_FATE_LOST;
    char decoded[SAID_MAX + 1], text[SAID_MAX + 1];
    oi_percent_decode(decoded, sizeof decoded, answer->grpc_message);
    printable(text, sizeof text, oi_text_from(decoded));
    if (missing)
        snprintf(out->reason, sizeof out->reason,
                 "HTTP status %ld without a gRPC status: is a gRPC receiver listening there?", answer->http);
    else
        snprintf(out->reason, sizeof out->reason, text[0] ? "%s: %s" : "%s", oi_grpc_code_name(code), text);
}

void oi_verdict(struct oi_verdict *out, const struct oi_answer *answer, bool grpc, int64_t now)
{
    *out = (struct oi_verdict){.delay_ms = -1};
    if (answer->curl != CURLE_OK)
        judge_connection(out, answer);
    else if (grpc)
        judge_grpc(out, answer);
    else
        judge_http(out, answer, now);
}
