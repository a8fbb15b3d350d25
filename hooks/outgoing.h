/* Bytes that go out over a connection, with what of ours goes along: trace headers, in front of the empty line that
 * ends a request's headers.
 *
 * A write in which that place lies is read ahead before the real call, and handed to the kernel in one sendmsg with our
 * headers in between. The kernel may take a part of it. The program is told about its own bytes only; of what is left
 * of ours the connection remembers which, and it goes out with the next write, in front of that, whoever makes it.
 * Where the kernel took nothing but bytes of ours, it is asked again, until it takes one of the program's or refuses:
 * every error that is returned is a real one.
 *
 * No lock is held across a real call, and bytes of two threads that write at once are in no other order than without
 * us. Writes to connections that were not opened by the program, and all that cannot be told from such, are none of
 * this.
 */
#ifndef OI_HOOKS_OUTGOING_H
#define OI_HOOKS_OUTGOING_H

#include <sys/types.h>
#include <sys/uio.h>

#include "hooks/connection.h"

struct oi_outgoing {
    struct oi_connection_seen seen;
    struct oi_sending *sending; /* NULL: the real function does it all */
    bool adds;                  /* oi_outgoing_send is to be called, not the real function */
    bool ahead;                 /* it was read ahead */
    int owed;                   /* the error that this call fails with; 0: none */
    uint64_t from;              /* of the program's bytes, the first one that is not sent */
    struct oi_http_ahead at;
};

/* From the constructor: libc's functions. */
void oi_outgoing_resolve(void);

/* Before a write of `count` pieces, of an array that can be read (hooks/readable.h); what its pieces name need not be.
 * `may_add`: nothing forbids to send more than these. With `adds`, these pieces must not be sent by anybody else. */
void oi_outgoing_begin(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, bool may_add);

/* Before bytes that TLS is to take, from `from` to `total` of one piece, over a connection that the program has opened:
 * reads ahead, up to where headers of a request end. What of ours goes there is then in out->sending, and out->at says
 * where; it is to be given back. With the guard held. */
void oi_outgoing_look(struct oi_outgoing *out, struct oi_connection_seen seen, int fd, const struct iovec *piece,
                      uint64_t from, uint64_t total, bool may_add);

/* Sends them, and ends it all: the real function's result, about the program's bytes. */
ssize_t oi_outgoing_send(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, int flags);

/* After the real function: it returned `put`. */
void oi_outgoing_end(struct oi_outgoing *out, int fd, const struct iovec *pieces, size_t count, ssize_t put);

/* Before a call that cannot take anything of ours along: sends what is left. False: the call fails, with errno set. */
bool oi_outgoing_flush(int fd, int flags);

/* Agent code may run. Where a signal handler interrupted it, what passes now is missed. */
bool oi_outgoing_telling(struct oi_connection_seen seen);

/* What a call that sends returned; `pieces` NULL: nobody saw the bytes. */
void oi_outgoing_sent(struct oi_connection_seen seen, int fd, const struct iovec *pieces, uint64_t from, ssize_t put);

/* The connection is one that the program opened: calls on it may read what they are given before it is sent. */
bool oi_outgoing_concerns(int fd);

/* The call is to be made again, and nothing has happened. */
bool oi_would_block(int error);

/* The connection is gone. Other failures are the call's (a file that sendfile cannot read, an address that is none, no
 * memory): the program goes on in another way. */
bool oi_connection_gone(int error);

#endif
