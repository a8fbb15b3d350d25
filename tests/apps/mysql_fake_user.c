/* Queries of the library it is linked with (mysql_fake, or the real one); with a number, so many and how long one took.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void *mysql_init(void *mysql);
void *mysql_real_connect(void *mysql, const char *host, const char *user, const char *password, const char *schema,
                         unsigned int port, const char *path, unsigned long flags);
void mysql_close(void *mysql);
int mysql_query(void *mysql, const char *text);
void *mysql_store_result(void *mysql);
void mysql_free_result(void *result);

int main(int argc, char **argv)
{
    errno = 77;
    long count = argc > 1 ? atol(argv[1]) : 1;
    void *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, "db.example", "app", "secret", "shop", 3307, NULL, 0))
        return 1;
    struct timespec start, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (long i = 0; i < count; i++) {
        if (mysql_query(mysql, "SELECT 1"))
            return 1;
        mysql_free_result(mysql_store_result(mysql));
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    if (argc > 1) {
        double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
        printf("%.1f ns\n", ns / (double)count);
    }
    int result = mysql_query(mysql, "INSERT INTO t VALUES (1)");
    mysql_close(mysql);
    printf("%d %d\n", result, errno);
    return 0;
}
