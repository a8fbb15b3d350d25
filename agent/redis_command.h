/* What the arguments of Redis commands are. Pure; async-signal-safe. */
#ifndef OI_AGENT_REDIS_COMMAND_H
#define OI_AGENT_REDIS_COMMAND_H

#include "agent/text.h"

/* One letter an argument, the command itself left out:
 *
 *   k  key                                      v  value
 *   f  field or group name                      c  subcommand or another word of the protocol
 *   p  function name or script digest           n  how many keys follow, then those keys
 *   l  keys up to the last argument, which is a value
 *   s  options, STREAMS, keys, and as many ids  i  XADD's options and id, then fields and values
 *   *  what follows is repeated to the end
 *
 * Arguments past the pattern's end are values. NULL for a command that is not known or whose arguments are all values
 * or secrets: AUTH, HELLO, MIGRATE, … */
const char *oi_redis_pattern(struct oi_text command);

#endif
