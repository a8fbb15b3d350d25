/* Trace and span ids: random, never zero. Specification: trace/sdk.md#id-generators (the random flag of W3C Level 2
 * holds).
 *
 * A generator a thread (xoroshiro128+), seeded from 16 bytes that getrandom gave this process image and a counter: no
 * system call a thread, so a sandbox that came later is not met. Async-signal-safe. */
#ifndef OI_AGENT_ID_H
#define OI_AGENT_ID_H

#include <stdint.h>

/* New seed, and new ids in every thread: at start and in a forked child. */
void oi_id_init(void);

void oi_id_trace(uint8_t out[16]);
void oi_id_span(uint8_t out[8]);

#endif
