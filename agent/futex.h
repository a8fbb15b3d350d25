/* Waiting and time: the few system calls the agent makes on a program's thread. Async-signal-safe; errno is preserved.
 */
#ifndef OI_AGENT_FUTEX_H
#define OI_AGENT_FUTEX_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OI_NS_PER_MS UINT64_C(1000000)
#define OI_NS_PER_S UINT64_C(1000000000)
#define OI_FOREVER UINT64_MAX

static inline uint64_t oi_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * OI_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t oi_mono_ns(void)
{
    return oi_clock_ns(CLOCK_MONOTONIC);
}

/* Waits while *word == expected, until the monotonic time `until_ns` (OI_FOREVER: without end). May return early. False
 * when the time is over. */
static inline bool oi_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t until_ns)
{
    int saved = errno;
    struct timespec until = {.tv_sec = (time_t)(until_ns / OI_NS_PER_S), .tv_nsec = (long)(until_ns % OI_NS_PER_S)};
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, until_ns == OI_FOREVER ? NULL : &until,
                      NULL, FUTEX_BITSET_MATCH_ANY);
    bool over = rc < 0 && errno == ETIMEDOUT;
    errno = saved;
    return !over;
}

static inline void oi_futex_wake(_Atomic uint32_t *word, int waiters)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, NULL, NULL, 0);
    errno = saved;
}

#endif
