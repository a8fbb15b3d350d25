/* How many bytes have been written to a TCP connection, by whomever and however: the kernel's own count. What passed
 * unseen (a system call of the program's own, io_uring, another process) shows in it. Async-signal-safe. */
#ifndef OI_HOOKS_WRITTEN_H
#define OI_HOOKS_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>

/* From the first one on. Unix sockets, and some kernels, do not say. */
enum { OI_WRITTEN_UNKNOWN = -1 };
int64_t oi_written(int fd);

/* Not more than these, of which is known that they have been written: two system calls, three where it is more. */
bool oi_written_is(int fd, uint64_t bytes);

#endif
