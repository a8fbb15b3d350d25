/* What the files of the socket layer share. */
#ifndef OI_HOOKS_SOCKET_H
#define OI_HOOKS_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

#include "agent/thread.h"
#include "hooks/connection.h"
#include "hooks/early.h"

/* From the constructor: libc's functions. */
void oi_socket_resolve(void);
void oi_socket_bytes_resolve(void);
void oi_socket_positions_resolve(void);
void oi_socket_wait_resolve(void);

/* What a call that reads returned, in `pieces`, of a connection; NULL: nobody saw the bytes. `wished`: it asked for
 * some (an end is only seen then). */
void oi_socket_received(struct oi_connection_seen seen, int fd, const struct iovec *pieces, ssize_t got, bool wished);

/* After a call that succeeded (where it failed the array may not be there): it asked for some. */
bool oi_socket_any(const struct iovec *pieces, size_t count);

/* writev on a connection. */
ssize_t oi_socket_writev(int fd, const struct iovec *pieces, int count);

/* A call that reads is to be told. Also where a client speaks that has turned out not to speak HTTP, while the thread
 * has a request of another one: that it reads there says that it has turned away. */
static inline bool oi_socket_heard(uint32_t entry)
{
    return oi_descriptor_connected(entry) || (entry == OI_DESCRIPTOR_SERVED && oi_thread.current);
}

#define OI_HEARD(fd)                                                                                                   \
    ({                                                                                                                 \
        uint32_t entry_ = oi_descriptor(fd);                                                                           \
        __builtin_expect(entry_ != 0, false) && __builtin_expect(oi_socket_heard(entry_), false);                      \
    })

/* The system call itself, for a wrapper that runs before the constructor has found libc's function: the constructors of
 * all libraries come before ours. Not a cancellation point. Before this object is relocated not even errno can be
 * reached. */
#define OI_EARLY6(number, a, b, c, d, e, f)                                                                            \
    (oi_relocated() ? syscall((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))              \
                    : oi_early_call((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define OI_EARLY(number, a, b, c, d) OI_EARLY6(number, a, b, c, d, 0, 0)

#endif
