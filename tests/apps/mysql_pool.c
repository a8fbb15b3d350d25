// build: pkg:libmariadb -pthread
/* A pool: connections that one thread opens, many share, and a third one closes. PORT, COUNT: so many times each thread
 * takes a connection, makes a statement and a prepared one that carry the connection's number, and gives it back.
 * Connection 0 is in schema shop, 1 in mysql, and so on; those from 2 on are of another user. */
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, CONNECTIONS = 4 };

static struct pooled {
    MYSQL *mysql;
    MYSQL_STMT *stmt;
    int taken;
} pool[CONNECTIONS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static unsigned int port;
static long count;

static void fail(MYSQL *mysql)
{
    fprintf(stderr, "%s\n", mysql_error(mysql));
    exit(1);
}

static void *open_all(void *unused)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        char text[64];
        pool[i].mysql = mysql_init(NULL);
        if (!mysql_real_connect(pool[i].mysql, "127.0.0.1", i < 2 ? "app" : "guest", i < 2 ? "secret" : NULL,
                                i % 2 ? "mysql" : "shop", port, NULL, 0))
            fail(pool[i].mysql);
        pool[i].stmt = mysql_stmt_init(pool[i].mysql);
        int length = snprintf(text, sizeof text, "SELECT 2 AS p%d", i);
        if (mysql_stmt_prepare(pool[i].stmt, text, (unsigned long)length))
            fail(pool[i].mysql);
    }
    mysql_thread_end();
    return unused;
}

static void *close_all(void *unused)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        mysql_stmt_close(pool[i].stmt);
        mysql_close(pool[i].mysql);
    }
    mysql_thread_end();
    return unused;
}

static int take(void)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        for (int i = 0; i < CONNECTIONS; i++) {
            if (!pool[i].taken) {
                pool[i].taken = 1;
                pthread_mutex_unlock(&lock);
                return i;
            }
        }
        pthread_cond_wait(&given, &lock);
    }
}

static void give(int i)
{
    pthread_mutex_lock(&lock);
    pool[i].taken = 0;
    pthread_cond_signal(&given);
    pthread_mutex_unlock(&lock);
}

static void *work(void *unused)
{
    (void)unused;
    long rows = 0;
    for (long round = 0; round < count; round++) {
        char text[64];
        int i = take();
        snprintf(text, sizeof text, "SELECT %ld AS c%d", round, i);
        if (mysql_query(pool[i].mysql, text))
            fail(pool[i].mysql);
        MYSQL_RES *result = mysql_store_result(pool[i].mysql);
        rows += (long)mysql_num_rows(result);
        mysql_free_result(result);
        if (mysql_stmt_execute(pool[i].stmt) || mysql_stmt_store_result(pool[i].stmt))
            fail(pool[i].mysql);
        rows += (long)mysql_stmt_num_rows(pool[i].stmt);
        mysql_stmt_free_result(pool[i].stmt);
        if (!mysql_query(pool[i].mysql, i % 2 ? "SELECT * FROM nosuch1" : "SELECT * FROM nosuch0"))
            exit(1);
        give(i);
    }
    mysql_thread_end();
    return (void *)rows;
}

static long in_threads(void *(*run)(void *), int number)
{
    pthread_t threads[THREADS];
    long sum = 0;
    for (int i = 0; i < number; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (int i = 0; i < number; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    return sum;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    port = (unsigned int)atoi(argv[1]);
    count = atol(argv[2]);
    mysql_library_init(0, NULL, NULL);
    in_threads(open_all, 1);
    printf("%ld rows\n", in_threads(work, THREADS));
    in_threads(close_all, 1);
    return 0;
}
