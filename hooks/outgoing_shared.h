/* What is left of our headers, where every process that has the connection finds it: in memory that a fork copies the
 * way to, and not the content of. There is some for each connection on which headers were cut, and for each HTTP one
 * that is open when the process forks: after that, either of the two may write the bytes that come next, whoever has
 * sent the first part of our headers.
 *
 * A place that has ended stays memory that can be read and written, so that a thread which comes late does no harm; it
 * may serve another connection then, whose name (its cookie) is another.
 *
 * Async-signal-safe, but for memory that is mapped. */
#ifndef OI_HOOKS_OUTGOING_SHARED_H
#define OI_HOOKS_OUTGOING_SHARED_H

#include "hooks/connection.h"

/* Makes it, unless it is there. False: there is no room, no memory, or a system call filter. */
bool oi_outgoing_share(struct oi_connection_seen seen);

/* Something is left in it. */
bool oi_outgoing_shares(const struct oi_connection *connection);

/* Moves it there; with oi_outgoing_share before. False: something else is left already. */
bool oi_outgoing_shared_put(const struct oi_connection *connection, const struct oi_sending *left);

/* Moves it from there: one process does. False: nothing is left. */
bool oi_outgoing_shared_take(const struct oi_connection *connection, struct oi_sending *left);

/* Headers that were cut would not be found by another process, to which a fork may have copied the connection: none are
 * added then. */
bool oi_outgoing_unfindable(const struct oi_connection *connection);

/* For oi_life_before_fork. */
void oi_outgoing_before_fork(void);

#endif
