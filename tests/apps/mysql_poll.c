// build: pkg:libmariadb
/* Several connections on one thread through the non-blocking interface, driven by poll.
 *
 *   mysql_poll PORT connect query='SELECT SLEEP(1)' store free close / connect query='SELECT 1' store free close
 *
 * The words between two slashes are what one connection does, one operation each; all of them are in flight at once.
 * What came back is printed at the end, connection by connection.
 */
#include <mysql.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TASKS = 16, WIDTH = 64 };

struct task {
    MYSQL *mysql, *connected;
    MYSQL_STMT *stmt;
    MYSQL_RES *result, *fields;
    MYSQL_ROW row;
    const char *says;
    char **words;
    int count, at;
    char *value;
    int status; /* what the library waits for */
    int number;
    my_bool flag;
    MYSQL_BIND bind[2];
    char text[2][WIDTH];
    unsigned long length[2];
    char output[8192];
    size_t used;
};

static unsigned int port;
static const char *path; /* of a socket, in its place */

static void say(struct task *task, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    task->used += (size_t)vsnprintf(task->output + task->used, sizeof task->output - task->used, format, arguments);
    va_end(arguments);
}

/* Each operation: begun with `ready` below zero, gone on with what has happened. */
#define OPERATION(name, start, cont)                                                                                   \
    static int do_##name(struct task *t, int ready)                                                                    \
    {                                                                                                                  \
        return ready < 0 ? start : cont;                                                                               \
    }

OPERATION(connect,
          mysql_real_connect_start(&t->connected, t->mysql, path ? "localhost" : "127.0.0.1", "app",
                                   t->value ? t->value : "secret", "shop", port, path, CLIENT_MULTI_STATEMENTS),
          mysql_real_connect_cont(&t->connected, t->mysql, ready))
OPERATION(close, mysql_close_start(t->mysql), mysql_close_cont(t->mysql, ready))
OPERATION(query, mysql_query_start(&t->number, t->mysql, t->value), mysql_query_cont(&t->number, t->mysql, ready))
OPERATION(real_query, mysql_real_query_start(&t->number, t->mysql, t->value, strlen(t->value)),
          mysql_real_query_cont(&t->number, t->mysql, ready))
OPERATION(send, mysql_send_query_start(&t->number, t->mysql, t->value, strlen(t->value)),
          mysql_send_query_cont(&t->number, t->mysql, ready))
OPERATION(read, mysql_read_query_result_start(&t->flag, t->mysql),
          mysql_read_query_result_cont(&t->flag, t->mysql, ready))
OPERATION(next, mysql_next_result_start(&t->number, t->mysql), mysql_next_result_cont(&t->number, t->mysql, ready))
OPERATION(store, mysql_store_result_start(&t->result, t->mysql), mysql_store_result_cont(&t->result, t->mysql, ready))
OPERATION(fetch, mysql_fetch_row_start(&t->row, t->result), mysql_fetch_row_cont(&t->row, t->result, ready))
OPERATION(free, mysql_free_result_start(t->result), mysql_free_result_cont(t->result, ready))
OPERATION(commit, mysql_commit_start(&t->flag, t->mysql), mysql_commit_cont(&t->flag, t->mysql, ready))
OPERATION(rollback, mysql_rollback_start(&t->flag, t->mysql), mysql_rollback_cont(&t->flag, t->mysql, ready))
OPERATION(autocommit, mysql_autocommit_start(&t->flag, t->mysql, (my_bool)atoi(t->value)),
          mysql_autocommit_cont(&t->flag, t->mysql, ready))
OPERATION(select_db, mysql_select_db_start(&t->number, t->mysql, t->value),
          mysql_select_db_cont(&t->number, t->mysql, ready))
OPERATION(change_user, mysql_change_user_start(&t->flag, t->mysql, t->value, NULL, "mysql"),
          mysql_change_user_cont(&t->flag, t->mysql, ready))
OPERATION(ping, mysql_ping_start(&t->number, t->mysql), mysql_ping_cont(&t->number, t->mysql, ready))
OPERATION(reset, mysql_reset_connection_start(&t->number, t->mysql),
          mysql_reset_connection_cont(&t->number, t->mysql, ready))
OPERATION(charset, mysql_set_character_set_start(&t->number, t->mysql, t->value),
          mysql_set_character_set_cont(&t->number, t->mysql, ready))
OPERATION(list_fields, mysql_list_fields_start(&t->fields, t->mysql, t->value, NULL),
          mysql_list_fields_cont(&t->fields, t->mysql, ready))
OPERATION(stat, mysql_stat_start(&t->says, t->mysql), mysql_stat_cont(&t->says, t->mysql, ready))
OPERATION(refresh, mysql_refresh_start(&t->number, t->mysql, REFRESH_STATUS),
          mysql_refresh_cont(&t->number, t->mysql, ready))
OPERATION(debug, mysql_dump_debug_info_start(&t->number, t->mysql),
          mysql_dump_debug_info_cont(&t->number, t->mysql, ready))
OPERATION(multi,
          mysql_set_server_option_start(&t->number, t->mysql,
                                        atoi(t->value) ? MYSQL_OPTION_MULTI_STATEMENTS_ON
                                                       : MYSQL_OPTION_MULTI_STATEMENTS_OFF),
          mysql_set_server_option_cont(&t->number, t->mysql, ready))
OPERATION(kill, mysql_kill_start(&t->number, t->mysql, mysql_thread_id(t->mysql)),
          mysql_kill_cont(&t->number, t->mysql, ready))
OPERATION(shutdown, mysql_shutdown_start(&t->number, t->mysql, SHUTDOWN_DEFAULT),
          mysql_shutdown_cont(&t->number, t->mysql, ready))
OPERATION(prepare, mysql_stmt_prepare_start(&t->number, t->stmt, t->value, strlen(t->value)),
          mysql_stmt_prepare_cont(&t->number, t->stmt, ready))
OPERATION(long, mysql_stmt_send_long_data_start(&t->flag, t->stmt, 0, t->value, strlen(t->value)),
          mysql_stmt_send_long_data_cont(&t->flag, t->stmt, ready))
OPERATION(execute, mysql_stmt_execute_start(&t->number, t->stmt), mysql_stmt_execute_cont(&t->number, t->stmt, ready))
OPERATION(sstore, mysql_stmt_store_result_start(&t->number, t->stmt),
          mysql_stmt_store_result_cont(&t->number, t->stmt, ready))
OPERATION(sfetch, mysql_stmt_fetch_start(&t->number, t->stmt), mysql_stmt_fetch_cont(&t->number, t->stmt, ready))
OPERATION(snext, mysql_stmt_next_result_start(&t->number, t->stmt),
          mysql_stmt_next_result_cont(&t->number, t->stmt, ready))
OPERATION(sfree, mysql_stmt_free_result_start(&t->flag, t->stmt), mysql_stmt_free_result_cont(&t->flag, t->stmt, ready))
OPERATION(sreset, mysql_stmt_reset_start(&t->flag, t->stmt), mysql_stmt_reset_cont(&t->flag, t->stmt, ready))
OPERATION(sclose, mysql_stmt_close_start(&t->flag, t->stmt), mysql_stmt_close_cont(&t->flag, t->stmt, ready))

/* Rows are read, not shown. */
static int do_drain(struct task *t, int ready)
{
    int status = do_fetch(t, ready);
    while (status == 0 && t->row)
        status = do_fetch(t, -1);
    return status;
}

static int do_sdrain(struct task *t, int ready)
{
    int status = do_sfetch(t, ready);
    while (status == 0 && (t->number == 0 || t->number == MYSQL_DATA_TRUNCATED))
        status = do_sfetch(t, -1);
    return status;
}

/* These never wait. */
static int do_use(struct task *t, int ready)
{
    (void)ready;
    t->result = mysql_use_result(t->mysql);
    return 0;
}

static int do_stmt(struct task *t, int ready)
{
    (void)ready;
    t->stmt = mysql_stmt_init(t->mysql);
    return 0;
}

static int do_bind(struct task *t, int ready)
{
    (void)ready;
    char *comma = strchr(t->value, ',');
    for (int i = 0; i < 2; i++) {
        const char *from = i == 0 ? t->value : comma ? comma + 1 : "";
        snprintf(t->text[i], WIDTH, "%.*s", i == 0 && comma ? (int)(comma - t->value) : WIDTH - 1, from);
        t->length[i] = strlen(t->text[i]);
        t->bind[i] = (MYSQL_BIND){
            .buffer_type = MYSQL_TYPE_STRING, .buffer = t->text[i], .length = &t->length[i], .buffer_length = WIDTH};
    }
    t->flag = mysql_stmt_bind_param(t->stmt, t->bind);
    return 0;
}

/* What is sent next fails. */
static int do_lose(struct task *t, int ready)
{
    (void)ready;
    shutdown(mysql_get_socket(t->mysql), SHUT_RDWR);
    return 0;
}

static int do_ca(struct task *t, int ready)
{
    (void)ready;
    mysql_ssl_set(t->mysql, NULL, NULL, t->value, NULL, NULL);
    return 0;
}

static int do_reconnect(struct task *t, int ready)
{
    (void)ready;
    mysql_options(t->mysql, MYSQL_OPT_RECONNECT, &(my_bool){1});
    return 0;
}

/* Leaves the rest undone. */
static int do_abandon(struct task *t, int ready)
{
    (void)ready;
    t->at = t->count;
    return 0;
}

/* With whatever else is in flight. */
static int do_quit(struct task *t, int ready)
{
    (void)t, (void)ready;
    exit(0);
}

#define ROW(name) {#name, do_##name},
static const struct operation {
    const char *name;
    int (*run)(struct task *task, int ready);
} operations[] = {ROW(connect) ROW(close) ROW(query) ROW(real_query) ROW(send) ROW(read) ROW(next) ROW(store) ROW(fetch)
                      ROW(free) ROW(commit) ROW(rollback) ROW(autocommit) ROW(select_db) ROW(change_user) ROW(ping)
                          ROW(reset) ROW(prepare) ROW(long) ROW(execute) ROW(sstore) ROW(sfetch) ROW(snext) ROW(sfree)
                              ROW(sreset) ROW(sclose) ROW(use) ROW(stmt) ROW(bind) ROW(abandon) ROW(quit) ROW(charset)
                                  ROW(list_fields) ROW(stat) ROW(refresh) ROW(debug) ROW(multi) ROW(kill) ROW(shutdown)
                                      ROW(lose) ROW(ca) ROW(drain) ROW(sdrain) ROW(reconnect)};

static const struct operation *operation_of(struct task *task)
{
    char *word = task->words[task->at];
    char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    task->value = equals ? equals + 1 : NULL;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strlen(operations[i].name) == length && memcmp(operations[i].name, word, length) == 0)
            return &operations[i];
    fprintf(stderr, "%s?\n", word);
    exit(2);
}

static void report(struct task *task, const struct operation *operation)
{
    if (operation->run == do_close) {
        say(task, "close\n");
        return;
    }
    if (operation->run == do_list_fields)
        mysql_free_result(task->fields);
    say(task, "%s: %d %d", operation->name, task->number, task->flag);
    if (operation->run == do_fetch)
        say(task, " %s", task->row ? task->row[0] : "end");
    if (mysql_errno(task->mysql))
        say(task, " %u %s", mysql_errno(task->mysql), mysql_error(task->mysql));
    say(task, "\n");
}

/* Goes on as far as nothing has to be waited for. `ready`: what has happened; -1: nothing is under way. */
static void go_on(struct task *task, int ready)
{
    while (task->at < task->count) {
        const struct operation *operation = operation_of(task);
        if (ready < 0)
            task->number = task->flag = 0;
        task->status = operation->run(task, ready);
        if (task->status != 0)
            return;
        ready = -1;
        report(task, operation);
        task->at++;
    }
}

static int happened(const struct task *task, short revents)
{
    int ready = (revents & (POLLIN | POLLHUP | POLLERR) ? MYSQL_WAIT_READ : 0) |
                (revents & POLLOUT ? MYSQL_WAIT_WRITE : 0) | (revents & POLLPRI ? MYSQL_WAIT_EXCEPT : 0);
    return ready & task->status;
}

static int wait_for_all(struct task *tasks, int count)
{
    struct pollfd waiting[TASKS];
    struct task *who[TASKS];
    nfds_t number = 0;
    for (int i = 0; i < count; i++) {
        if (tasks[i].at >= tasks[i].count)
            continue;
        int status = tasks[i].status;
        waiting[number] = (struct pollfd){
            .fd = mysql_get_socket(tasks[i].mysql),
            .events = (short)((status & MYSQL_WAIT_READ ? POLLIN : 0) | (status & MYSQL_WAIT_WRITE ? POLLOUT : 0))};
        who[number++] = &tasks[i];
    }
    if (number == 0)
        return 0;
    poll(waiting, number, -1);
    for (nfds_t i = 0; i < number; i++) {
        int ready = happened(who[i], waiting[i].revents);
        if (ready)
            go_on(who[i], ready);
    }
    return 1;
}

int main(int argc, char **argv)
{
    static struct task tasks[TASKS];
    int count = 0;
    if (argc < 3)
        return 2;
    path = argv[1][0] == '/' ? argv[1] : NULL;
    port = path ? 0 : (unsigned int)atoi(argv[1]);
    for (int i = 2; i < argc && count < TASKS; count++) {
        struct task *task = &tasks[count];
        task->mysql = mysql_init(NULL);
        mysql_options(task->mysql, MYSQL_OPT_NONBLOCK, NULL);
        task->words = &argv[i];
        while (i < argc && strcmp(argv[i], "/") != 0)
            i++, task->count++;
        i++;
        go_on(task, -1);
    }
    while (wait_for_all(tasks, count)) {
    }
    for (int i = 0; i < count; i++)
        printf("%d\n%s", i, tasks[i].output);
    return 0;
}
