/* How a Redis command failed, in words that hold no values: whoever saw it, a library's hooks or the wire. Pure;
 * async-signal-safe. */
#ifndef OI_HOOKS_REDIS_ERROR_H
#define OI_HOOKS_REDIS_ERROR_H

#include "agent/text.h"

/* Splits an error reply (`WRONGTYPE Operation against …`) into its code and the rest. The server quotes in some of them
 * what the program sent (`Error in ACL SETUSER modifier '>secret'`): what stands in quotes becomes ?, unless it is the
 * name of a command. */
void oi_redis_error_reply(struct oi_text reply, struct oi_buffer *code, struct oi_buffer *message);

/* errno in libc's words, which do not depend on the locale. Absent: this libc has none. */
struct oi_text oi_redis_error_words(int number);

#endif
