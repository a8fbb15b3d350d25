/* One request's part of a write, with ours in it, handed to the kernel: for hooks/outgoing.c. */
#ifndef OI_HOOKS_OUTGOING_SEND_H
#define OI_HOOKS_OUTGOING_SEND_H

#include "hooks/outgoing.h"

/* Pieces that are handed on in one call, ours among them. An array that has more goes in several. */
enum { OI_OUTGOING_PIECES = 16 };

void oi_outgoing_send_resolve(void);

/* The program's bytes from out->from to out->at.end (of `total`), and ours: how many of its own have gone, or -1. What
 * a further call fails with, after bytes of the program's have gone, is for the program's next one. */
ssize_t oi_outgoing_transmit(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, int flags,
                             uint64_t total);

/* Not closed, by another thread, since the call began: what comes next would go to a stranger. */
bool oi_outgoing_is_open(struct oi_connection_seen seen);

#endif
