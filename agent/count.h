/* What became of the spans of this process image. Counting is async-signal-safe. */
#ifndef OI_AGENT_COUNT_H
#define OI_AGENT_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum oi_drop {
    OI_DROP_QUEUE_FULL,
    OI_DROP_MEMORY,
    OI_DROP_EXPORT_FAILED,
    OI_DROP_REJECTED,
    OI_DROP_LEFT,
    OI_DROP_REASONS
};
void oi_count_made(void);
void oi_count_dropped(enum oi_drop reason, uint64_t spans);
void oi_count_delivered(uint64_t spans);

/* Whether any span was made. */
bool oi_count_any(void);

/* In a forked child. */
void oi_count_reset(void);

/* The summary line (OTEL_NATIVE_SUMMARY), on stderr. */
void oi_count_print(pid_t process);

#endif
