/* Records as the agent itself uses them; hooks see agent/span.h. */
#ifndef OI_AGENT_RECORD_H
#define OI_AGENT_RECORD_H

#include "agent/span.h"

/* A span has started: asks for the cache lines of the record it will probably get. The last to touch them was the
 * worker, on another core, and while the real call runs they come for nothing. */
void oi_record_prefetch(void);

/* An empty record; NULL: all are in use. Async-signal-safe. */
struct oi_record *oi_record_take(void);

/* Maps the memory for long texts, which otherwise waits for the first of them: before a system call filter. */
void oi_records_map(void);

#endif
