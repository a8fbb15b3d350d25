// build: pkg:libmariadb -pthread
/* THREADS threads, each with a connection of its own, each COUNT times a text query and a prepared one. */
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static char **arguments; /* port, count */

static void fail(MYSQL *mysql)
{
    fprintf(stderr, "%s\n", mysql_error(mysql));
    exit(1);
}

static void *work(void *unused)
{
    (void)unused;
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, "127.0.0.1", "app", "secret", "shop", (unsigned int)atoi(arguments[1]), NULL, 0))
        fail(mysql);
    MYSQL_STMT *stmt = mysql_stmt_init(mysql);
    if (mysql_stmt_prepare(stmt, "SELECT 2", 8))
        fail(mysql);
    long rows = 0;
    for (int i = 0; i < atoi(arguments[2]); i++) {
        if (mysql_query(mysql, "SELECT 1"))
            fail(mysql);
        MYSQL_RES *result = mysql_store_result(mysql);
        rows += (long)mysql_num_rows(result);
        mysql_free_result(result);
        if (mysql_stmt_execute(stmt) || mysql_stmt_store_result(stmt))
            fail(mysql);
        rows += (long)mysql_stmt_num_rows(stmt);
        mysql_stmt_free_result(stmt);
    }
    mysql_stmt_close(stmt);
    mysql_close(mysql);
    mysql_thread_end();
    return (void *)rows;
}

int main(int argc, char **argv)
{
    enum { THREADS = 8 };
    if (argc < 3)
        return 2;
    arguments = argv;
    mysql_library_init(0, NULL, NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    long rows = 0;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        rows += (long)result;
    }
    printf("%ld rows\n", rows);
    return 0;
}
