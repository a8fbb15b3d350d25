#include "agent/count.h"

#include <stdatomic.h>

#include "agent/log.h"

static _Atomic uint64_t made, delivered, dropped[OI_DROP_REASONS];

void oi_count_made(void)
{
    atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
}

void oi_count_delivered(uint64_t spans)
{
    atomic_fetch_add_explicit(&delivered, spans, memory_order_relaxed);
}

void oi_count_dropped(enum oi_drop reason, uint64_t spans)
{
    atomic_fetch_add_explicit(&dropped[reason], spans, memory_order_relaxed);
}

bool oi_count_any(void)
{
    return atomic_load(&made) > 0;
}

void oi_count_reset(void)
{
    atomic_store(&made, 0);
    atomic_store(&delivered, 0);
    for (int i = 0; i < OI_DROP_REASONS; i++)
        atomic_store(&dropped[i], 0);
}

void oi_count_print(pid_t process)
{
    oi_log_always("summary of process %d: spans made %llu, delivered %llu, dropped: queue full %llu, no memory %llu, "
                  "export failed %llu, rejected %llu, too late %llu",
                  (int)process, (unsigned long long)made, (unsigned long long)delivered,
                  (unsigned long long)dropped[OI_DROP_QUEUE_FULL], (unsigned long long)dropped[OI_DROP_MEMORY],
                  (unsigned long long)dropped[OI_DROP_EXPORT_FAILED], (unsigned long long)dropped[OI_DROP_REJECTED],
                  (unsigned long long)dropped[OI_DROP_LEFT]);
}
