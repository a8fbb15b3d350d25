/* What the files of the socket layer share. */
#ifndef OI_HOOKS_SOCKET_H
#define OI_HOOKS_SOCKET_H

#include "hooks/early.h"

/* From the constructor: libc's functions. */
void oi_socket_resolve(void);
void oi_socket_bytes_resolve(void);
void oi_socket_wait_resolve(void);

/* The system call itself, for a wrapper that runs before the constructor has found libc's function: the constructors of
 * all libraries come before ours. Not a cancellation point. Before this object is relocated not even errno can be
 * reached. */
#define OI_EARLY6(number, a, b, c, d, e, f)                                                                            \
    (oi_relocated() ? syscall((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))              \
                    : oi_early_call((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define OI_EARLY(number, a, b, c, d) OI_EARLY6(number, a, b, c, d, 0, 0)

#endif
