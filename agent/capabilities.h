/* What threads may do: capabilities(7) are a thread's own, and libc ends a process whose threads cannot change their
 * identity alike. */
#ifndef OI_AGENT_CAPABILITIES_H
#define OI_AGENT_CAPABILITIES_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether thread `other` of this process has the capabilities of the calling thread, as /proc tells it. False also
 * where it does not tell. */
bool oi_capabilities_equal(pid_t other);

#endif
