// build: pkg:libmariadb
/* The non-blocking interface: the library runs its own functions on stacks of its own. PORT, COUNT. */
#include <mysql.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wait_for(MYSQL *mysql, int status)
{
    struct pollfd waiting = {.fd = mysql_get_socket(mysql),
                             .events = (short)((status & MYSQL_WAIT_READ ? POLLIN : 0) |
                                               (status & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                                               (status & MYSQL_WAIT_EXCEPT ? POLLPRI : 0))};
    poll(&waiting, 1, status & MYSQL_WAIT_TIMEOUT ? (int)mysql_get_timeout_value_ms(mysql) : -1);
    return (waiting.revents & POLLIN ? MYSQL_WAIT_READ : 0) | (waiting.revents & POLLOUT ? MYSQL_WAIT_WRITE : 0) |
           (waiting.revents & POLLPRI ? MYSQL_WAIT_EXCEPT : 0) | (waiting.revents ? 0 : MYSQL_WAIT_TIMEOUT);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    MYSQL *mysql = mysql_init(NULL), *connected = NULL;
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, NULL);
    int status = mysql_real_connect_start(&connected, mysql, "127.0.0.1", "app", "secret", "shop",
                                          (unsigned int)atoi(argv[1]), NULL, 0);
    while (status)
        status = mysql_real_connect_cont(&connected, mysql, wait_for(mysql, status));
    printf("connect: %d %u\n", connected == mysql, mysql_errno(mysql));
    for (int i = 0; i < atoi(argv[2]); i++) {
        static const char text[] = "SELECT 'asynchronous'";
        int error = 1;
        status = mysql_real_query_start(&error, mysql, text, strlen(text));
        while (status)
            status = mysql_real_query_cont(&error, mysql, wait_for(mysql, status));
        MYSQL_RES *result = NULL;
        status = mysql_store_result_start(&result, mysql);
        while (status)
            status = mysql_store_result_cont(&result, mysql, wait_for(mysql, status));
        printf("query: %d %s\n", error, result ? mysql_fetch_row(result)[0] : mysql_error(mysql));
        status = mysql_free_result_start(result);
        while (status)
            status = mysql_free_result_cont(result, wait_for(mysql, status));
    }
    /* A blocking call on the same handle. */
    printf("query: %d\n", mysql_query(mysql, "DO 1"));
    status = mysql_close_start(mysql);
    while (status)
        status = mysql_close_cont(mysql, wait_for(mysql, status));
    return 0;
}
