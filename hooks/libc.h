/* Reaching libc's functions from their wrappers. A file names them once,
 *
 *   #define FUNCTIONS(X) X(exit) X(execve) …
 *   OI_LIBC_FUNCTIONS
 *
 * which declares `real` (a pointer each), REAL(name) and `resolve_all`, to be called by the constructor. A wrapper that
 * runs before it (another preloaded object's constructor) looks its function up on the spot.
 */
#ifndef OI_HOOKS_LIBC_H
#define OI_HOOKS_LIBC_H

#include <errno.h>
#include <stdint.h>

#include "agent/scope.h"
#include "hooks/dynamic.h"
#include "hooks/early.h"

/* A result equal to the wrapper is refused. */
static inline void *oi_libc_resolve(const char *name, const void *wrapper)
{
    int saved = errno;
    void *found = oi_dynamic_next(name);
    errno = saved;
    return found == wrapper ? NULL : found;
}

/* Before the constructor: the program may still have to read what dlerror said, which dlsym would take back. */
static __attribute__((noinline, cold, unused)) void *oi_libc_look(const char *name, const void *wrapper)
{
    if (!oi_relocated())
        return NULL;
    int saved = errno;
    void *found = oi_scope_behind_own(name, false);
    errno = saved;
    return found == wrapper ? NULL : found;
}

#define OI_LIBC_DECLARE(name) __typeof__(&name) name##_;
#define OI_LIBC_RESOLVE(name)                                                                                          \
    if (!real.name##_)                                                                                                 \
        *(void **)&real.name##_ = oi_libc_resolve(#name, (const void *)(uintptr_t)name);

#define OI_LIBC_LOOK(name)                                                                                             \
    if (__builtin_expect(!real.name##_, 0))                                                                            \
        *(void **)&real.name##_ = oi_libc_look(#name, (const void *)(uintptr_t)name);

#define OI_LIBC_FUNCTIONS                                                                                              \
    static struct {                                                                                                    \
        FUNCTIONS(OI_LIBC_DECLARE)                                                                                     \
    } real;                                                                                                            \
    static void resolve_all(void)                                                                                      \
    {                                                                                                                  \
        FUNCTIONS(OI_LIBC_RESOLVE)                                                                                     \
    }

/* The real function; NULL: libc has none. */
#define REAL(name) ({ OI_LIBC_LOOK(name) real.name##_; })

/* What a wrapper returns whose real function does not exist. */
#define MISSING (errno = ENOSYS, -1)

#endif
