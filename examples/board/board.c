/* A message board for the command line.
 *
 *   board [AUTHOR TEXT]     posts a message if one is given, then shows the board
 *
 * Messages live in MariaDB, the list of the latest actions in Redis, and the weather comes from an HTTP API:
 *
 *   BOARD_DB_SOCKET   MariaDB's unix socket (default: the client library's)
 *   BOARD_DB_HOST, BOARD_DB_PORT, BOARD_DB_USER, BOARD_DB_PASSWORD, BOARD_DB_NAME
 *   BOARD_REDIS_HOST, BOARD_REDIS_PORT (the host may be the path of a unix socket)
 *   BOARD_API         base URL of the weather API
 */
#include <stdio.h>
#include <stdlib.h>

#include "api_logs.h"
#include "messages.h"
#include "weather.h"

static const char *setting(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

static unsigned port(const char *name, const char *fallback)
{
    return (unsigned)strtoul(setting(name, fallback), NULL, 10);
}

static void show_message(void *user, const char *id, const char *author, const char *text)
{
    (void)user;
    printf("  #%s %s: %s\n", id, author, text);
}

static void show_action(void *user, const char *action)
{
    (void)user;
    printf("  %s\n", action);
}

static int post(MYSQL *database, redisContext *logs, const char *author, const char *text)
{
    if (messages_post(database, author, text) != 0)
        return -1;
    char action[128];
    snprintf(action, sizeof action, "post by %s", author);
    return api_logs_add(logs, action);
}

static int show(MYSQL *database, redisContext *logs, const char *weather)
{
    printf("Weather: %s\n", weather);
    puts("Messages:");
    if (messages_list(database, show_message, NULL) != 0 || api_logs_add(logs, "list") != 0)
        return -1;
    puts("Latest actions:");
    return api_logs_list(logs, show_action, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 1 && argc != 3) {
        fprintf(stderr, "usage: %s [AUTHOR TEXT]\n", argv[0]);
        return 2;
    }
    int status = 1;
    char weather[64];
    MYSQL *database = messages_open(setting("BOARD_DB_HOST", "localhost"), port("BOARD_DB_PORT", "3306"),
                                    getenv("BOARD_DB_SOCKET"), setting("BOARD_DB_USER", "board"),
                                    getenv("BOARD_DB_PASSWORD"), setting("BOARD_DB_NAME", "board"));
    redisContext *logs = api_logs_open(setting("BOARD_REDIS_HOST", "127.0.0.1"), (int)port("BOARD_REDIS_PORT", "6379"));
    if (database && logs && weather_now(setting("BOARD_API", "http://127.0.0.1:8000"), weather, sizeof weather) == 0 &&
        (argc == 1 || post(database, logs, argv[1], argv[2]) == 0) && show(database, logs, weather) == 0)
        status = 0;
    api_logs_close(logs);
    messages_close(database);
    return status;
}
