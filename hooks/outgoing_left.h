/* What is left of ours: a write took a part of our headers, and the rest of them is kept beside its connection until
 * the next bytes go out, in whichever thread, and, behind a fork, in whichever process (hooks/outgoing_shared.h): one
 * of them takes it.
 *
 * Where bytes were written meanwhile that nobody saw, it is given up: their place is not where ours belongs.
 *
 * Async-signal-safe, but for memory that is mapped by oi_sending_take for the first time and by oi_left_put. */
#ifndef OI_HOOKS_OUTGOING_LEFT_H
#define OI_HOOKS_OUTGOING_LEFT_H

#include "hooks/connection.h"

/* Room for what goes along with a write; NULL: too many are under way. oi_sending_give is in hooks/connection.h. */
struct oi_sending *oi_sending_take(struct oi_connection_seen seen);

/* Takes it, with what has gone of it; NULL: there is none. Give it back, or put it again. */
struct oi_sending *oi_left_take(struct oi_connection_seen seen, int fd);
void oi_left_put(struct oi_connection_seen seen, int fd, struct oi_sending *left);

/* Something of it has gone, and not all. */
bool oi_sending_is_cut(const struct oi_sending *sending);

#endif
