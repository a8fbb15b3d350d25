/* google.rpc.Status: what a receiver says about an error, in the body of an HTTP answer or in grpc-status-details-bin.
 *
 * google/rpc/status.proto and error_details.proto; three fields of each are of interest, so they are read where they
 * stand. Pure; never reads past `len`.
 */
#ifndef OI_EXPORTER_STATUS_H
#define OI_EXPORTER_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/text.h"

/* Status.message; absent: none, or the bytes are no such message. */
struct oi_text oi_status_message(const uint8_t *at, size_t len);

/* RetryInfo.retry_delay among Status.details in milliseconds, rounded up; -1: none. */
int64_t oi_status_retry_delay(const uint8_t *at, size_t len);

#endif
