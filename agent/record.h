/* Records as the agent itself uses them; hooks see agent/span.h. */
#ifndef OI_AGENT_RECORD_H
#define OI_AGENT_RECORD_H

#include "agent/span.h"

/* An empty record; NULL: all are in use. Async-signal-safe. */
struct oi_record *oi_record_take(void);

#endif
