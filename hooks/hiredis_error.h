/* How a Redis call failed, in words that hold no values. Pure; async-signal-safe. */
#ifndef OI_HOOKS_HIREDIS_ERROR_H
#define OI_HOOKS_HIREDIS_ERROR_H

#include "agent/text.h"

/* A name for redisContext.err, given errno: `ECONNREFUSED`, `REDIS_ERR_EOF`. */
struct oi_text oi_hiredis_error_name(int error, int number);

/* errno as the text of a failure, redisContext.errstr, tells it; where it does not, `number`. For a failure that is
 * looked at later: functions of the program's have run since. */
int oi_hiredis_error_number(struct oi_text text, int number);

#endif
