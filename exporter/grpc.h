/* What gRPC adds to HTTP/2 for one unary call. Pure.
 *
 * grpc/doc/PROTOCOL-HTTP2.md; retries: opentelemetry-proto docs/specification.md#failures.
 */
#ifndef OI_EXPORTER_GRPC_H
#define OI_EXPORTER_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OI_GRPC_PREFIX = 5 }; /* compressed flag and length in front of each message */

enum oi_grpc_code {
    OI_GRPC_OK,
    OI_GRPC_CANCELLED,
    OI_GRPC_UNKNOWN,
    OI_GRPC_INVALID_ARGUMENT,
    OI_GRPC_DEADLINE_EXCEEDED,
    OI_GRPC_NOT_FOUND,
    OI_GRPC_ALREADY_EXISTS,
    OI_GRPC_PERMISSION_DENIED,
    OI_GRPC_RESOURCE_EXHAUSTED,
    OI_GRPC_FAILED_PRECONDITION,
    OI_GRPC_ABORTED,
    OI_GRPC_OUT_OF_RANGE,
    OI_GRPC_UNIMPLEMENTED,
    OI_GRPC_INTERNAL,
    OI_GRPC_UNAVAILABLE,
    OI_GRPC_DATA_LOSS,
    OI_GRPC_UNAUTHENTICATED,
    OI_GRPC_CODES,
};

/* `UNAVAILABLE`; for a number that gRPC does not know, `an unknown status`. */
const char *oi_grpc_code_name(int code);

/* The prefix of a message. */
void oi_grpc_prefix(uint8_t prefix[OI_GRPC_PREFIX], bool compressed, size_t len);

/* The message of a unary answer's body. False: the body is not exactly one whole message. An empty body is none. */
bool oi_grpc_message(const uint8_t *body, size_t len, const uint8_t **message, size_t *message_len, bool *compressed);

/* grpc-status as a number; -1: not one. */
int oi_grpc_code(const char *text);

/* The status that an HTTP status means where grpc-status is missing. */
int oi_grpc_code_from_http(long http);

/* The delay in milliseconds that RetryInfo in grpc-status-details-bin asks for (base64 of google.rpc.Status, with or
 * without padding); -1: none in there. */
int64_t oi_grpc_retry_delay(const char *details);

/* Whether a call that ended with `code` may be tried again; `has_delay`: RetryInfo was there. */
bool oi_grpc_retryable(int code, bool has_delay);

#endif
