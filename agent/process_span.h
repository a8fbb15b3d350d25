/* The span of the process itself (OTEL_NATIVE_PROCESS_SPAN). Semantic conventions: cli/cli-spans.md, execution (callee)
 * span. */
#ifndef OI_AGENT_PROCESS_SPAN_H
#define OI_AGENT_PROCESS_SPAN_H

#include <stdbool.h>

/* Starts it, under the environment's TRACEPARENT if there is one, and makes it the process's root. From the
 * constructor. */
void oi_process_span_start(void);

/* Whether this process has one that is not ended. */
bool oi_process_span_here(void);

/* Ends it. `status`: the exit status; NULL: unknown (the process goes on as another program). Async-signal-safe. */
void oi_process_span_end(const int *status);

/* In a forked child: it is the parent's, and stays the parent of what the child does. */
void oi_process_span_forget(void);

#endif
