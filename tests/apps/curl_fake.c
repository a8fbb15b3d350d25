// build: -shared -fPIC
/* A library with libcurl's names that copies a handle in the middle of a transfer, through its own exported function,
 * as libcurl does for what a server pushes over HTTP/2. Neither it nor what uses it knows libcurl's types. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    char *data;
    struct list *next;
};

struct easy {
    struct list *headers;
};

enum { OPTION_HEADERS = 10023, FIRST_ADDITION = 12 };

struct easy *pushed;

struct easy *curl_easy_init(void)
{
    return calloc(1, sizeof(struct easy));
}

int curl_easy_setopt(struct easy *easy, int option, ...)
{
    va_list arguments;
    va_start(arguments, option);
    if (option == OPTION_HEADERS)
        easy->headers = va_arg(arguments, struct list *);
    va_end(arguments);
    return 0;
}

struct easy *curl_easy_duphandle(struct easy *easy)
{
    struct easy *copy = curl_easy_init();
    *copy = *easy;
    return copy;
}

static void show(const char *what, const struct list *list)
{
    printf("%s:", what);
    for (; list; list = list->next)
        if (list->data[0] == 'X')
            printf(" %s", list->data);
        else
            fprintf(stderr, "%s: %.*s\n", what, FIRST_ADDITION - 1, list->data);
    putchar('\n');
}

int curl_easy_perform(struct easy *easy)
{
    show("sent", easy->headers);
    pushed = curl_easy_duphandle(easy);
    show("pushed", pushed->headers);
    return 0;
}

void curl_easy_reset(struct easy *easy)
{
    memset(easy, 0, sizeof *easy);
}

void curl_easy_cleanup(struct easy *easy)
{
    free(easy);
}

int curl_easy_getinfo(struct easy *easy, int info, ...)
{
    (void)easy, (void)info;
    return 0;
}

const char *curl_easy_strerror(int code)
{
    (void)code;
    return "";
}
