/* Which statements a client library sends to set its session up, before the program's first one. Pure. */
#ifndef OI_HOOKS_MYSQL_SETUP_H
#define OI_HOOKS_MYSQL_SETUP_H

#include <stdbool.h>

#include "agent/text.h"

/* `SET NAMES`, `SET autocommit`, … for this session alone, or `SELECT @@variables`, and nothing else. True of what a
 * program may say as well: only where it comes before any other statement it is likely to be its library's. */
bool oi_mysql_sets_up(struct oi_text sql);

#endif
