#include "messages.h"

#include <stdio.h>
#include <string.h>

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "board: %s: %s\n", what, why);
    return -1;
}

MYSQL *messages_open(const char *host, unsigned port, const char *socket, const char *user, const char *password,
                     const char *name)
{
    static const char table[] = "CREATE TABLE IF NOT EXISTS messages ("
                                "id INT AUTO_INCREMENT PRIMARY KEY, author VARCHAR(64), text VARCHAR(1024))";
    MYSQL *database = mysql_init(NULL);
    if (!database)
        return NULL;
    if (!mysql_real_connect(database, host, user, password, name, port, socket, 0) ||
        mysql_query(database, table) != 0) {
        complain("database", mysql_error(database));
        mysql_close(database);
        return NULL;
    }
    return database;
}

static void bind_text(MYSQL_BIND *bind, const char *text)
{
    *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = (char *)text, .buffer_length = strlen(text)};
}

int messages_post(MYSQL *database, const char *author, const char *text)
{
    static const char insert[] = "INSERT INTO messages (author, text) VALUES (?, ?)";
    MYSQL_BIND values[2];
    bind_text(&values[0], author);
    bind_text(&values[1], text);
    MYSQL_STMT *statement = mysql_stmt_init(database);
    if (!statement)
        return complain("insert", "no memory");
    int result = 0;
    if (mysql_stmt_prepare(statement, insert, sizeof insert - 1) != 0 || mysql_stmt_bind_param(statement, values) ||
        mysql_stmt_execute(statement) != 0)
        result = complain("insert", mysql_stmt_error(statement));
    mysql_stmt_close(statement);
    return result;
}

int messages_list(MYSQL *database, void (*show)(void *user, const char *id, const char *author, const char *text),
                  void *user)
{
    if (mysql_query(database, "SELECT id, author, text FROM messages ORDER BY id DESC LIMIT 10") != 0)
        return complain("select", mysql_error(database));
    MYSQL_RES *result = mysql_store_result(database);
    if (!result)
        return complain("select", mysql_error(database));
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
        show(user, row[0], row[1] ? row[1] : "?", row[2] ? row[2] : "");
    mysql_free_result(result);
    return 0;
}

void messages_close(MYSQL *database)
{
    if (database)
        mysql_close(database);
}
