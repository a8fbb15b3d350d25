/* Whether what a program gives to a call is memory. Where we have to read it before the kernel does, an address that is
 * none must stay the kernel's to refuse.
 */
#ifndef OI_HOOKS_READABLE_H
#define OI_HOOKS_READABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* True: `size` bytes at `at` can be read. What lies on the page of the caller's stack frame can, of the rest the kernel
 * is asked, page by page: 0.1 µs. Under a system call filter that is not asked: then only the addresses that no program
 * can have are refused. Async-signal-safe; errno is kept. */
bool oi_readable(const void *at, size_t size);

/* A program can have memory there: for what is counted and not looked at. Asks nobody. */
bool oi_plausible(const void *at, size_t size);

/* The array and all that it names. */
bool oi_pieces_readable(const struct iovec *pieces, size_t count);

/* How many bytes from `at` on lie on one page, at most `size`. */
size_t oi_page_part(const void *at, size_t size);

#endif
