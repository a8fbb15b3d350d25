/* What the parts of mysql_script.c share: the handles, and what is printed of a call. */
#ifndef MYSQL_SCRIPT_H
#define MYSQL_SCRIPT_H

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 4, PARAMETERS = 8, COLUMNS = 8, WIDTH = 64 };

static struct handle {
    MYSQL *mysql, memory;
    MYSQL_RES *result;
    MYSQL_STMT *stmt;
} handles[HANDLES], *on = handles;

/* Divides a list in place; `-` is NULL. */
static int divide(char *list, char **items, int most)
{
    int count = 0;
    for (char *item = list; item && count < most; count++) {
        items[count] = item;
        item = strchr(item, ',');
        if (item)
            *item++ = '\0';
        if (strcmp(items[count], "-") == 0)
            items[count] = NULL;
    }
    return count;
}

static void outcome(const char *what, int result)
{
    printf("%s: %d", what, result);
    if (on->mysql && mysql_errno(on->mysql))
        printf(" %u %s %s", mysql_errno(on->mysql), mysql_sqlstate(on->mysql), mysql_error(on->mysql));
    putchar('\n');
}

static void stmt_outcome(const char *what, int result)
{
    printf("%s: %d", what, result);
    if (mysql_stmt_errno(on->stmt))
        printf(" %u %s", mysql_stmt_errno(on->stmt), mysql_stmt_error(on->stmt));
    putchar('\n');
}

#define IS(word) (strcmp(name, word) == 0)

#endif
