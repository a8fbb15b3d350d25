/* The statements that the program itself sends to a MySQL or MariaDB server over a connection it has opened: a CLIENT
 * span each, as libmariadb's hooks give them for the same statements.
 *
 * A span begins with the write of its statement and ends when the answer was read as a whole, its rows included, or
 * with the connection. Semantic conventions: database/mysql.md, mariadb.md.
 *
 * All functions but oi_mysql_client_init and _wanted are called with the connection held and the guard taken;
 * async-signal-safe.
 */
#ifndef OI_HOOKS_MYSQL_CLIENT_H
#define OI_HOOKS_MYSQL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct oi_connection;

struct oi_mysql_client {
    struct oi_mysql_session *session; /* NULL: nothing more can be said */
};

/* From the constructor: whether there is anything to do here at all. */
void oi_mysql_client_init(void);
bool oi_mysql_client_wanted(void);

/* The connection speaks MySQL's protocol, of which nothing has been read yet. */
void oi_mysql_client_begin(struct oi_connection *connection, int fd);

/* A command waits for its answer. */
bool oi_mysql_client_waits(const struct oi_mysql_client *client);

/* The thread has turned to this connection: its current span is the parent of the one command that waits. Until the
 * server has let the client in it is what was current when it connected. */
void oi_mysql_client_turn(const struct oi_connection *connection);

/* Bytes passed; `at` NULL: nobody saw them. `beyond`: bytes behind them that stand there too, but were not sent. */
void oi_mysql_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length, size_t beyond);
void oi_mysql_client_received(struct oi_connection *connection, const char *at, size_t length);

void oi_mysql_client_end_of_input(struct oi_connection *connection);
void oi_mysql_client_failed(struct oi_connection *connection, int error, bool sending);

/* The last descriptor is closed. */
void oi_mysql_client_end(struct oi_connection *connection);

#endif
