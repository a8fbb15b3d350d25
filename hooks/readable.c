#include "hooks/readable.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"

enum { PAGE = 4096 }; /* the smallest there is */
enum { FIRST_PAGES = 65536, SIGSET_BYTES = 8, NO_SUCH_WAY = -1 };

static uintptr_t page_of(uintptr_t address)
{
    return address / PAGE;
}

/* The kernel reads the set of signals before it says that there is no such way to change them. */
static bool kernel_reads(uintptr_t address)
{
    int saved = errno;
    uintptr_t set = address & ~(uintptr_t)(SIGSET_BYTES - 1);
    bool reads = syscall(SYS_rt_sigprocmask, NO_SUCH_WAY, set, NULL, SIGSET_BYTES) == 0 || errno != EFAULT;
    errno = saved;
    return reads;
}

bool oi_plausible(const void *at, size_t size)
{
    uintptr_t first = (uintptr_t)at;
    return size == 0 || ((intptr_t)first >= FIRST_PAGES && size <= (uintptr_t)INTPTR_MAX - first);
}

bool oi_readable(const void *at, size_t size)
{
    uintptr_t first = (uintptr_t)at, own = page_of((uintptr_t)__builtin_frame_address(0));
    if (size == 0)
        return true;
    if (!oi_plausible(at, size))
        return false;
    bool confined = oi_life_confined();
    for (uintptr_t page = page_of(first); page <= page_of(first + size - 1); page++) {
        uintptr_t address = page == page_of(first) ? first : page * PAGE;
        if (page != own && !confined && !kernel_reads(address))
            return false;
    }
    return true;
}

bool oi_pieces_readable(const struct iovec *pieces, size_t count)
{
    if (!oi_readable(pieces, count * sizeof *pieces))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!oi_readable(pieces[i].iov_base, pieces[i].iov_len))
            return false;
    return true;
}

size_t oi_page_part(const void *at, size_t size)
{
    size_t left = PAGE - (uintptr_t)at % PAGE;
    return left < size ? left : size;
}
