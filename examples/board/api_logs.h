/* The latest actions, in the Redis list `api_logs`. Functions that return int return 0, or -1 after a line on stderr.
 */
#ifndef BOARD_API_LOGS_H
#define BOARD_API_LOGS_H

#include <hiredis/hiredis.h>

/* `host` may be the path of a unix socket; `port` then does not count. */
redisContext *api_logs_open(const char *host, int port);  /* NULL after a line on stderr */
int api_logs_add(redisContext *logs, const char *action); /* keeps the latest five */
int api_logs_list(redisContext *logs, void (*show)(void *user, const char *action), void *user);
void api_logs_close(redisContext *logs);

#endif
