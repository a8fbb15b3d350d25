/* When to try again. Pure.
 *
 * Specification: protocol/exporter.md#retry, opentelemetry-proto docs/specification.md#otlphttp-throttling.
 */
#ifndef OI_EXPORTER_RETRY_H
#define OI_EXPORTER_RETRY_H

#include <stdint.h>

/* Milliseconds that a Retry-After header asks for: seconds or an HTTP date (RFC 9110 §10.2.3), seen from `now` (Unix
 * seconds). A date in the past: 0. -1: the text is neither. */
int64_t oi_retry_after(const char *text, int64_t now);

/* Milliseconds before the next try after `failed` failed ones (1 or more): 1 s, 2 s, 4 s … up to 32 s, each ±20 %.
 * `random` is the generator's state, not 0. */
uint32_t oi_retry_backoff(unsigned failed, uint64_t *random);

#endif
