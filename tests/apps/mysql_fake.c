// build: -shared -fPIC
/* A library with the names of MySQL's libmysqlclient and none of MariaDB's own, with handles of another layout, whose
 * server is version 8.0.36 of MySQL and answers every statement with one row, or with a count if it begins with
 * `INSERT`; prepared ones have one parameter. */
#include <stdlib.h>
#include <string.h>

typedef struct {
    int connected, rows;
} MYSQL;
typedef struct {
    int rows;
} MYSQL_RES;
typedef struct {
    int rows;
} MYSQL_STMT;

MYSQL *mysql_init(MYSQL *mysql);
MYSQL *mysql_real_connect(MYSQL *mysql, const char *host, const char *user, const char *password, const char *schema,
                          unsigned int port, const char *path, unsigned long flags);
void mysql_close(MYSQL *mysql);
int mysql_real_query(MYSQL *mysql, const char *text, unsigned long length);
int mysql_query(MYSQL *mysql, const char *text);
MYSQL_RES *mysql_store_result(MYSQL *mysql);
void mysql_free_result(MYSQL_RES *result);
unsigned int mysql_errno(MYSQL *mysql);
const char *mysql_error(MYSQL *mysql);
unsigned int mysql_field_count(MYSQL *mysql);
unsigned long long mysql_affected_rows(MYSQL *mysql);
unsigned long long mysql_num_rows(MYSQL_RES *result);
char mysql_more_results(MYSQL *mysql);
const char *mysql_get_server_info(MYSQL *mysql);
const char *mysql_get_host_info(MYSQL *mysql);

MYSQL *mysql_init(MYSQL *mysql)
{
    return mysql ? mysql : calloc(1, sizeof *mysql);
}

MYSQL *mysql_real_connect(MYSQL *mysql, const char *host, const char *user, const char *password, const char *schema,
                          unsigned int port, const char *path, unsigned long flags)
{
    (void)host, (void)user, (void)password, (void)schema, (void)port, (void)path, (void)flags;
    mysql->connected = 1;
    return mysql;
}

void mysql_close(MYSQL *mysql)
{
    free(mysql);
}

int mysql_real_query(MYSQL *mysql, const char *text, unsigned long length)
{
    mysql->rows = length < 6 || memcmp(text, "INSERT", 6) != 0;
    return 0;
}

int mysql_query(MYSQL *mysql, const char *text)
{
    return mysql_real_query(mysql, text, strlen(text));
}

MYSQL_RES *mysql_store_result(MYSQL *mysql)
{
    static MYSQL_RES result = {1};
    return mysql->rows ? &result : NULL;
}

void mysql_free_result(MYSQL_RES *result)
{
    (void)result;
}

unsigned int mysql_errno(MYSQL *mysql)
{
    (void)mysql;
    return 0;
}

const char *mysql_error(MYSQL *mysql)
{
    (void)mysql;
    return "";
}

unsigned int mysql_field_count(MYSQL *mysql)
{
    return (unsigned int)mysql->rows;
}

unsigned long long mysql_affected_rows(MYSQL *mysql)
{
    (void)mysql;
    return 7;
}

unsigned long long mysql_num_rows(MYSQL_RES *result)
{
    return (unsigned long long)result->rows;
}

char mysql_more_results(MYSQL *mysql)
{
    (void)mysql;
    return 0;
}

const char *mysql_get_server_info(MYSQL *mysql)
{
    return mysql->connected ? "8.0.36" : NULL;
}

const char *mysql_get_host_info(MYSQL *mysql)
{
    return mysql->connected ? "db.example via TCP/IP" : NULL;
}

MYSQL_STMT *mysql_stmt_init(MYSQL *mysql);
int mysql_stmt_prepare(MYSQL_STMT *stmt, const char *text, unsigned long length);
char mysql_stmt_bind_param(MYSQL_STMT *stmt, void *binds);
char mysql_stmt_bind_named_param(MYSQL_STMT *stmt, void *binds, unsigned int count, const char **names);
int mysql_stmt_execute(MYSQL_STMT *stmt);
int mysql_stmt_store_result(MYSQL_STMT *stmt);
char mysql_stmt_free_result(MYSQL_STMT *stmt);
char mysql_stmt_close(MYSQL_STMT *stmt);
unsigned int mysql_stmt_errno(MYSQL_STMT *stmt);
const char *mysql_stmt_error(MYSQL_STMT *stmt);
unsigned int mysql_stmt_field_count(MYSQL_STMT *stmt);
unsigned long mysql_stmt_param_count(MYSQL_STMT *stmt);
unsigned long long mysql_stmt_affected_rows(MYSQL_STMT *stmt);
unsigned long long mysql_stmt_num_rows(MYSQL_STMT *stmt);

MYSQL_STMT *mysql_stmt_init(MYSQL *mysql)
{
    (void)mysql;
    return calloc(1, sizeof(MYSQL_STMT));
}

int mysql_stmt_prepare(MYSQL_STMT *stmt, const char *text, unsigned long length)
{
    stmt->rows = length < 6 || memcmp(text, "INSERT", 6) != 0;
    return 0;
}

char mysql_stmt_bind_param(MYSQL_STMT *stmt, void *binds)
{
    (void)stmt, (void)binds;
    return 0;
}

char mysql_stmt_bind_named_param(MYSQL_STMT *stmt, void *binds, unsigned int count, const char **names)
{
    (void)stmt, (void)binds, (void)count, (void)names;
    return 0;
}

int mysql_stmt_execute(MYSQL_STMT *stmt)
{
    (void)stmt;
    return 0;
}

int mysql_stmt_store_result(MYSQL_STMT *stmt)
{
    (void)stmt;
    return 0;
}

char mysql_stmt_free_result(MYSQL_STMT *stmt)
{
    (void)stmt;
    return 0;
}

char mysql_stmt_close(MYSQL_STMT *stmt)
{
    free(stmt);
    return 0;
}

unsigned int mysql_stmt_errno(MYSQL_STMT *stmt)
{
    (void)stmt;
    return 0;
}

const char *mysql_stmt_error(MYSQL_STMT *stmt)
{
    (void)stmt;
    return "";
}

unsigned int mysql_stmt_field_count(MYSQL_STMT *stmt)
{
    return (unsigned int)stmt->rows;
}

unsigned long mysql_stmt_param_count(MYSQL_STMT *stmt)
{
    (void)stmt;
    return 1;
}

unsigned long long mysql_stmt_affected_rows(MYSQL_STMT *stmt)
{
    (void)stmt;
    return 7;
}

unsigned long long mysql_stmt_num_rows(MYSQL_STMT *stmt)
{
    return (unsigned long long)stmt->rows;
}
