/* The OTLP exporter: encodes a batch, posts it, tries again inside the batch's budget, and says what became of it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "exporter/encode.h"
#include "exporter/grpc.h"
#include "exporter/gzip.h"
#include "exporter/retry.h"
#include "exporter/settings.h"
#include "exporter/sinks.h"
#include "exporter/transport.h"
#include "exporter/verdict.h"

#define NS_PER_MS UINT64_C(1000000)

static const size_t request_limit = (size_t)64 * 1024 * 1024; /* before compression */
static const size_t buffer_keep = (size_t)1024 * 1024;        /* memory that is kept between batches */
static const uint64_t remark_interval = 60000 * NS_PER_MS;

struct otlp {
    struct oi_exporter exporter; /* first: the same address */
    const struct oi_export_host *host;
    struct oi_otlp_settings settings;
    struct oi_transport *transport;
    struct oi_writer plain;
    struct oi_writer packed;
    uint64_t random;
    bool failing;
    uint64_t lost; /* spans, since it began to fail */
    uint64_t rejected;
    uint64_t remarked; /* monotonic ns of the last remark; 0: none yet */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- diagnostics: a line when it begins to fail and one when it works again, none a batch ------------------------- */

static void say_failed(struct otlp *otlp, const char *reason, uint64_t spans)
{
    otlp->lost += spans;
    if (otlp->failing)
        return;
    otlp->failing = true;
    otlp->host->log(OI_LOG_WARN, "cannot export traces to %s: %s; spans are dropped until it works",
                    otlp->settings.endpoint.display, reason);
}

static void say_delivered(struct otlp *otlp, const struct oi_verdict *verdict)
{
    if (otlp->failing)
        otlp->host->log(OI_LOG_WARN, "exporting traces to %s works again; %llu spans were lost",
                        otlp->settings.endpoint.display, (unsigned long long)otlp->lost);
    otlp->failing = false;
    otlp->lost = 0;
    otlp->rejected += verdict->rejected;
    uint64_t now = now_ns();
    if (!verdict->remark || (otlp->remarked && now - otlp->remarked < remark_interval))
        return;
    if (otlp->rejected > 0)
        otlp->host->log(OI_LOG_WARN, "%s rejected %llu spans: %s", otlp->settings.endpoint.display,
                        (unsigned long long)otlp->rejected, verdict->reason[0] ? verdict->reason : "no reason given");
    else
        otlp->host->log(OI_LOG_WARN, "%s: %s", otlp->settings.endpoint.display, verdict->reason);
    otlp->rejected = 0;
    otlp->remarked = now;
}

/* --- one request with its retries ------------------------------------------------------------------------------------
 */

/* Milliseconds until `deadline`, at least 1 before it; 0: it has passed. Without a deadline (0): 0 and `limited` false.
 */
static uint32_t left_ms(uint64_t deadline, bool *limited)
{
    *limited = deadline != 0;
    uint64_t now = now_ns();
    if (!*limited || now >= deadline)
        return 0;
    uint64_t left = (deadline - now + NS_PER_MS - 1) / NS_PER_MS;
    return left < INT32_MAX ? (uint32_t)left : INT32_MAX;
}

/* Waits before the next try. False: there will be none, the budget does not last. */
static bool pause_before_retry(struct otlp *otlp, const struct oi_verdict *verdict, unsigned failed, uint64_t deadline,
                               bool *hurried)
{
    int64_t delay = verdict->delay_ms >= 0 ? verdict->delay_ms : (int64_t)oi_retry_backoff(failed, &otlp->random);
    bool limited;
    uint32_t left = left_ms(deadline, &limited);
    if (limited && delay >= left)
        return false;
    /* The process is leaving or wants a flush: one more try, at once. */
    *hurried = otlp->host->wait(delay < INT32_MAX ? (uint32_t)delay : INT32_MAX);
    return true;
}

static void send(struct otlp *otlp, const uint8_t *body, size_t len, uint64_t deadline, struct oi_verdict *verdict)
{
    bool hurried = false;
    for (unsigned failed = 0;;) {
        struct oi_answer answer;
        bool limited;
        uint32_t left = left_ms(deadline, &limited);
        if (limited && left == 0)
            return;
        oi_transport_post(otlp->transport, body, len, left, &answer);
        otlp->host->unsafe_begin();
        oi_verdict(verdict, &answer, otlp->settings.grpc, time(NULL));
        otlp->host->unsafe_end();
        if (verdict->fate != OI_FATE_RETRY || hurried || otlp->host->leaving(NULL))
            return;
        failed++;
        if (!pause_before_retry(otlp, verdict, failed, deadline, &hurried))
            return;
    }
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

/* What is posted: compressed and framed as the settings say. False: no memory. */
static bool pack(struct otlp *otlp, const uint8_t **body, size_t *len)
{
    struct oi_writer *from = &otlp->plain;
    if (otlp->settings.gzip) {
        if (!oi_gzip(&otlp->packed, from->at, oi_writer_len(from)))
            return false;
        from = &otlp->packed;
    }
    if (otlp->settings.grpc) {
        if (!oi_writer_reserve(from, OI_GRPC_PREFIX))
            return false;
        uint8_t prefix[OI_GRPC_PREFIX];
        oi_grpc_prefix(prefix, otlp->settings.gzip, oi_writer_len(from));
        oi_writer_bytes(from, prefix, sizeof prefix);
    }
    *body = from->at;
    *len = oi_writer_len(from);
    return true;
}

/* How many of the records make one request that is not too long; 0: not even the first. */
static size_t encode_some(struct otlp *otlp, const struct oi_resource *resource, struct oi_record *const *records,
                          size_t count)
{
    size_t some = count;
    otlp->host->unsafe_begin();
    for (; some > 0; some = some > 1 ? (some + 1) / 2 : 0) {
        oi_writer_reset(&otlp->plain, request_limit);
        if (oi_encode_request(&otlp->plain, otlp->host, resource, records, some))
            break;
        oi_writer_trim(&otlp->plain, buffer_keep);
    }
    otlp->host->unsafe_end();
    return some;
}

static void send_part(struct otlp *otlp, size_t count, uint64_t deadline, struct oi_export_result *result)
{
    const uint8_t *body;
    size_t len;
    struct oi_verdict verdict = {.fate = OI_FATE_LOST, .reason = "no time left"};
    otlp->host->unsafe_begin();
    bool packed = pack(otlp, &body, &len);
    otlp->host->unsafe_end();
    if (packed)
        send(otlp, body, len, deadline, &verdict);
    else
        snprintf(verdict.reason, sizeof verdict.reason, "out of memory");
    if (verdict.fate != OI_FATE_DELIVERED) {
        result->failed += count;
        say_failed(otlp, verdict.reason, count);
        return;
    }
    if (verdict.rejected > count)
        verdict.rejected = count;
    result->rejected += verdict.rejected;
    result->delivered += count - verdict.rejected;
    say_delivered(otlp, &verdict);
}

static struct oi_export_result export_spans(struct oi_exporter *self, const struct oi_resource *resource,
                                            struct oi_record *const *records, size_t count)
{
    struct otlp *otlp = (struct otlp *)self;
    struct oi_export_result result = {0};
    uint64_t deadline = otlp->settings.budget_ms ? now_ns() + otlp->settings.budget_ms * NS_PER_MS : 0;
    for (size_t done = 0; done < count;) {
        size_t some = encode_some(otlp, resource, records + done, count - done);
        if (some > 0) {
            send_part(otlp, some, deadline, &result);
            done += some;
            continue;
        }
        result.failed++;
        done++;
        say_failed(otlp, "a span does not fit into a request of 64 MiB, or memory is short", 1);
    }
    otlp->host->unsafe_begin();
    oi_writer_trim(&otlp->plain, buffer_keep);
    oi_writer_trim(&otlp->packed, buffer_keep);
    otlp->host->unsafe_end();
    return result;
}

static void flush(struct oi_exporter *self)
{
    (void)self; /* nothing is held back */
}

static void forked(struct oi_exporter *self)
{
    struct otlp *otlp = (struct otlp *)self;
    oi_transport_forget(otlp->transport);
    otlp->failing = false;
    otlp->lost = otlp->rejected = otlp->remarked = 0;
}

struct oi_exporter *oi_otlp_open(const struct oi_export_host *host, bool grpc)
{
    struct otlp *otlp = calloc(1, sizeof *otlp);
    if (!otlp)
        return NULL;
    otlp->exporter = (struct oi_exporter){export_spans, flush, forked, NULL};
    otlp->host = host;
    if (getrandom(&otlp->random, sizeof otlp->random, GRND_NONBLOCK) < 0 || otlp->random == 0)
        otlp->random = now_ns() | 1;
    oi_otlp_settings(&otlp->settings, host, grpc);
    otlp->transport = oi_transport_open(host, &otlp->settings);
    if (otlp->transport)
        return &otlp->exporter;
    oi_headers_free(&otlp->settings.headers);
    free(otlp);
    return NULL;
}
