// build: pkg:libmariadb
/* A client that does what its arguments say, one call of the library an argument, and prints what came back:
 *
 *   mysql_script init connect=127.0.0.1,app,secret,shop,3306,- query='SELECT 1' store fetch free close
 *
 * `name=value` passes a value, lists are divided by commas, `-` is NULL. `on=N` goes on with connection and statement
 * N.
 */
#include "mysql_script.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mysql_script_stmt.h"

static void connect_to(char *value, unsigned long flags)
{
    char *part[6] = {NULL};
    divide(value, part, 6);
    MYSQL *made = mysql_real_connect(on->mysql, part[0], part[1], part[2], part[3],
                                     part[4] ? (unsigned int)atoi(part[4]) : 0, part[5], flags);
    outcome("connect", made == on->mysql);
}

static void fetch(long most)
{
    MYSQL_ROW row = NULL;
    while (on->result && most-- > 0 && (row = mysql_fetch_row(on->result))) {
        unsigned long *lengths = mysql_fetch_lengths(on->result);
        printf("row:");
        for (unsigned int i = 0; i < mysql_num_fields(on->result); i++)
            printf(" %.*s", (int)(lengths[i] > 40 ? 40 : lengths[i]), row[i] ? row[i] : "NULL");
        putchar('\n');
    }
    outcome("fetch", row != NULL);
}

static void insert_blob(size_t size)
{
    static const char before[] = "INSERT INTO t VALUES (9, '", after[] = "')";
    char *text = malloc(size + sizeof before + sizeof after);
    size_t length = sizeof before - 1;
    memcpy(text, before, length);
    for (size_t i = 0; i < size; i++)
        text[length++] = (char)('a' + i % 26);
    memcpy(text + length, after, sizeof after - 1);
    length += sizeof after - 1;
    outcome("blob", mysql_real_query(on->mysql, text, length));
    free(text);
}

/* A statement with every byte value in a literal. */
static void insert_bytes(void)
{
    char bytes[256], text[1024] = "INSERT INTO t VALUES (8, '";
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    size_t length = strlen(text);
    length += mysql_real_escape_string(on->mysql, text + length, bytes, sizeof bytes);
    memcpy(text + length, "')", 2);
    outcome("bytes", mysql_real_query(on->mysql, text, length + 2));
}

static void loop(char *value)
{
    char *text;
    long times = strtol(value, &text, 10), rows = 0;
    for (long i = 0; i < times; i++) {
        if (mysql_query(on->mysql, text + 1))
            break;
        MYSQL_RES *result = mysql_store_result(on->mysql);
        rows += result ? (long)mysql_num_rows(result) : 0;
        mysql_free_result(result);
    }
    printf("loop: %ld\n", rows);
}

/* Rows are read, not shown. */
static void drain(void)
{
    while (mysql_fetch_row(on->result)) {
    }
    outcome("drain", 0);
}

static void change_user(char *value)
{
    char *part[3] = {NULL};
    divide(value, part, 3);
    outcome("change_user", mysql_change_user(on->mysql, part[0], part[1], part[2]));
}

static void list(char *value)
{
    char *part[2] = {NULL};
    divide(value, part, 2);
    MYSQL_RES *result = strcmp(part[0], "dbs") == 0      ? mysql_list_dbs(on->mysql, part[1])
                        : strcmp(part[0], "tables") == 0 ? mysql_list_tables(on->mysql, part[1])
                        : strcmp(part[0], "fields") == 0 ? mysql_list_fields(on->mysql, part[1], NULL)
                                                         : mysql_list_processes(on->mysql);
    outcome("list", result != NULL);
    mysql_free_result(result);
}

/* What is asked of the server besides statements. */
static int about_server(const char *name, char *value)
{
    if (IS("ping"))
        outcome(name, mysql_ping(on->mysql));
    else if (IS("reset"))
        outcome(name, mysql_reset_connection(on->mysql));
    else if (IS("kill"))
        outcome(name, mysql_kill(on->mysql, mysql_thread_id(on->mysql)));
    else if (IS("charset"))
        outcome(name, mysql_set_character_set(on->mysql, value));
    else if (IS("multi"))
        outcome(name, mysql_set_server_option(on->mysql, atoi(value) ? MYSQL_OPTION_MULTI_STATEMENTS_ON
                                                                     : MYSQL_OPTION_MULTI_STATEMENTS_OFF));
    else if (IS("list"))
        list(value);
    else if (IS("stat"))
        printf("stat: %d\n", mysql_stat(on->mysql) != NULL);
    else if (IS("refresh"))
        outcome(name, mysql_refresh(on->mysql, REFRESH_STATUS));
    else if (IS("debug"))
        outcome(name, mysql_dump_debug_info(on->mysql));
    else if (IS("shutdown"))
        outcome(name, mysql_shutdown(on->mysql, SHUTDOWN_DEFAULT));
    else
        return 0;
    return 1;
}

/* Lets a test do something meanwhile. */
static void wait_for_line(void)
{
    puts("waiting");
    fflush(stdout);
    while (getchar() != '\n') {
    }
}

/* A child that has everything its parent has, and ends. */
static void fork_and_end(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(0);
    waitpid(child, NULL, 0);
}

static int about_connection(const char *name, char *value)
{
    unsigned int tcp = MYSQL_PROTOCOL_TCP;
    my_bool yes = 1;
    unsigned int local = value && atoi(value);
    if (IS("reconnect"))
        mysql_options(on->mysql, MYSQL_OPT_RECONNECT, &yes);
    else if (IS("infile"))
        mysql_options(on->mysql, MYSQL_OPT_LOCAL_INFILE, &local);
    else if (IS("ca"))
        mysql_ssl_set(on->mysql, NULL, NULL, value, NULL, NULL);
    else if (IS("cipher"))
        printf("cipher: %d\n", mysql_get_ssl_cipher(on->mysql) != NULL);
    else if (IS("again"))
        outcome(name, mariadb_reconnect(on->mysql));
    else if (IS("lose")) /* what is sent next fails */
        shutdown(mysql_get_socket(on->mysql), SHUT_RDWR);
    else if (IS("init"))
        printf("init: %d\n", (on->mysql = mysql_init(NULL)) != NULL);
    else if (IS("init_here")) /* in memory of the program's own, the same each time */
        printf("init: %d\n", (on->mysql = mysql_init(&on->memory)) != NULL);
    else if (IS("tcp"))
        mysql_options(on->mysql, MYSQL_OPT_PROTOCOL, &tcp);
    else if (IS("defaults"))
        mysql_options(on->mysql, MYSQL_READ_DEFAULT_FILE, value);
    else if (IS("group"))
        mysql_options(on->mysql, MYSQL_READ_DEFAULT_GROUP, value);
    else if (IS("host"))
        mysql_optionsv(on->mysql, MARIADB_OPT_HOST, value);
    else if (IS("port"))
        mysql_optionsv(on->mysql, MARIADB_OPT_PORT, &(unsigned int){(unsigned int)atoi(value)});
    else if (IS("user"))
        mysql_optionsv(on->mysql, MARIADB_OPT_USER, value);
    else if (IS("password"))
        mysql_optionsv(on->mysql, MARIADB_OPT_PASSWORD, value);
    else if (IS("schema"))
        mysql_optionsv(on->mysql, MARIADB_OPT_SCHEMA, value);
    else if (IS("command"))
        mysql_options(on->mysql, MYSQL_INIT_COMMAND, value);
    else if (IS("connect"))
        connect_to(value, 0);
    else if (IS("connect_multi"))
        connect_to(value, CLIENT_MULTI_STATEMENTS);
    else if (IS("select_db"))
        outcome(name, mysql_select_db(on->mysql, value));
    else if (IS("change_user"))
        change_user(value);
    else if (IS("close"))
        mysql_close(on->mysql), on->mysql = NULL;
    else if (IS("on"))
        on = &handles[atoi(value)];
    else if (IS("wait"))
        wait_for_line();
    else if (IS("fork"))
        fork_and_end();
    else if (IS("exec"))
        fflush(stdout), execl(value, value, (char *)NULL);
    else if (IS("exit"))
        exit(atoi(value));
    else
        return 0;
    return 1;
}

static int about_query(const char *name, char *value)
{
    if (IS("query"))
        outcome(name, mysql_query(on->mysql, value));
    else if (IS("real_query"))
        outcome(name, mysql_real_query(on->mysql, value, strlen(value)));
    else if (IS("send"))
        outcome(name, mysql_send_query(on->mysql, value, strlen(value)));
    else if (IS("read"))
        outcome(name, mysql_read_query_result(on->mysql));
    else if (IS("blob"))
        insert_blob((size_t)atol(value));
    else if (IS("bytes"))
        insert_bytes();
    else if (IS("loop"))
        loop(value);
    else if (IS("store"))
        outcome(name, (on->result = mysql_store_result(on->mysql)) != NULL);
    else if (IS("use"))
        outcome(name, (on->result = mysql_use_result(on->mysql)) != NULL);
    else if (IS("fetch"))
        fetch(value ? atol(value) : 1000000);
    else if (IS("drain"))
        drain();
    else if (IS("free"))
        mysql_free_result(on->result), on->result = NULL;
    else if (IS("next"))
        outcome(name, mysql_next_result(on->mysql));
    else if (IS("commit"))
        outcome(name, mysql_commit(on->mysql));
    else if (IS("rollback"))
        outcome(name, mysql_rollback(on->mysql));
    else if (IS("autocommit"))
        outcome(name, mysql_autocommit(on->mysql, (my_bool)atoi(value)));
    else
        return 0;
    return 1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *name = argv[i], *value = strchr(name, '=');
        if (value)
            *value++ = '\0';
        if (!about_connection(name, value) && !about_server(name, value) && !about_query(name, value) &&
            !about_statement(name, value)) {
            fprintf(stderr, "%s?\n", name);
            return 2;
        }
    }
    return 0;
}
