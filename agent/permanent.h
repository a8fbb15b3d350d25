/* Memory that is never given back: for tables that readers walk without a lock. Zeroed, 16-byte aligned, lock-free to
 * take. Not the program's allocator: hooks run inside allocators and between fork and exec. */
#ifndef OI_AGENT_PERMANENT_H
#define OI_AGENT_PERMANENT_H

#include <stddef.h>

/* `size` bytes (at most 64 KiB less a little); NULL: no memory. May map memory. */
void *oi_permanent(size_t size);

#endif
