/* What an answer means for the batch: delivered, worth another try, or lost.
 *
 * Specification: opentelemetry-proto docs/specification.md#otlphttp-response and #failures (gRPC).
 */
#ifndef OI_EXPORTER_VERDICT_H
#define OI_EXPORTER_VERDICT_H

#include "exporter/transport.h"

enum oi_fate { OI_FATE_DELIVERED, OI_FATE_RETRY, OI_FATE_LOST };

struct oi_verdict {
    enum oi_fate fate;
    int64_t delay_ms;  /* RETRY: what the receiver asks for; -1: nothing */
    uint64_t rejected; /* DELIVERED: spans that the receiver did not take */
    bool remark;       /* DELIVERED, and `reason` has something to say */
    char reason[384];  /* printable: why not, or the receiver's remark */
};

/* `now`: Unix seconds, for dates in Retry-After. */
void oi_verdict(struct oi_verdict *out, const struct oi_answer *answer, bool grpc, int64_t now);

#endif
