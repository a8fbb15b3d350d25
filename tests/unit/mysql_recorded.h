/* Conversations of real clients with MariaDB 10.11, and what is told of them, from mysql_recorded.txt, which
 * tests/integration/mysql_record.py has written: the client's name, what was said, a line with `=`, what is told of it,
 * and an empty line. */
#ifndef OI_TESTS_MYSQL_RECORDED_H
#define OI_TESTS_MYSQL_RECORDED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mysql_recorded {
    const char *talk, *events;
};

/* How many there are; the first 16 are in `recorded`, and stay there. Without the file the program ends. */
static inline int mysql_recorded_read(struct mysql_recorded recorded[16])
{
    static char text[1 << 16];
    int count = 0;
    FILE *file = fopen(OI_UNIT_FOLDER "/mysql_recorded.txt", "r");
    if (!file || fread(text, 1, sizeof text - 1, file) == 0) {
        perror("mysql_recorded.txt");
        exit(1);
    }
    fclose(file);
    for (char *at = text, *next; at && count < 16; at = next, count++) {
        char *talk = strchr(at, '\n') + 1, *told = strstr(talk, "\n=\n");
        next = strstr(told, "\n\n");
        memset(next ? next : strrchr(told, '\n'), 0, 1);
        next = next ? next + 2 : NULL;
        *told = 0;
        recorded[count] = (struct mysql_recorded){talk, told + 3};
    }
    return count;
}

#endif
