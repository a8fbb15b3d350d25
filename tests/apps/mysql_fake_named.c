// build: -I/usr/include/mariadb
/* Executes a statement of the library it is linked with (mysql_fake) twice: its parameter bound by number, then by
 * name. */
#include <mysql.h>
#include <stdio.h>
#include <string.h>

my_bool mysql_stmt_bind_named_param(MYSQL_STMT *stmt, MYSQL_BIND *binds, unsigned int count, const char **names);

static int execute(MYSQL_STMT *stmt)
{
    int failed = mysql_stmt_execute(stmt) || mysql_stmt_store_result(stmt);
    return mysql_stmt_free_result(stmt) || failed;
}

int main(void)
{
    char value[] = "first";
    MYSQL_BIND bind;
    const char *name = "name";
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, "db.example", "app", "secret", "shop", 3307, NULL, 0))
        return 1;
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    memset(&bind, 0, sizeof bind);
    bind.buffer_type = MYSQL_TYPE_STRING;
    bind.buffer = value;
    bind.buffer_length = sizeof value - 1;
    printf("%d", mysql_stmt_prepare(stmt, "SELECT ?", 8));
    printf("%d", mysql_stmt_bind_param(stmt, &bind));
    printf("%d", execute(stmt));
    printf("%d", mysql_stmt_bind_named_param(stmt, &bind, 1, &name));
    printf("%d\n", execute(stmt));
    mysql_stmt_close(stmt);
    mysql_close(mysql);
    return 0;
}
