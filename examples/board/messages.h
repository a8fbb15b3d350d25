/* The board's messages, in MariaDB. Functions that return int return 0, or -1 after a line on stderr. */
#ifndef BOARD_MESSAGES_H
#define BOARD_MESSAGES_H

#include <mysql.h>

/* Connects and makes the table if need be. NULL after a line on stderr. `socket` may be NULL. */
MYSQL *messages_open(const char *host, unsigned port, const char *socket, const char *user, const char *password,
                     const char *name);
int messages_post(MYSQL *database, const char *author, const char *text);

/* Calls `show` for the latest ten messages, newest first. */
int messages_list(MYSQL *database, void (*show)(void *user, const char *id, const char *author, const char *text),
                  void *user);
void messages_close(MYSQL *database);

#endif
