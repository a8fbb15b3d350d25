// build: -lhiredis -pthread
/* Closes every descriptor, as a daemon does, and takes the low numbers for files of its own in the working folder. */
#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>

enum { FILES = 11 };

static int close_loop(int first)
{
    for (int fd = first; fd < 256; fd++)
        close(fd);
    return 0;
}

static int close_from(int first)
{
    closefrom(first);
    return 0;
}

static int close_by_range(int first)
{
    return close_range((unsigned)first, UINT_MAX, 0);
}

/* Opens files until the numbers 0 to 10 are taken, and writes a line of its own into each. */
static int take_numbers(void)
{
    for (int i = 0; i < FILES; i++) {
        char name[32];
        int length = snprintf(name, sizeof name, "file-%d", i);
        int fd = open(name, O_RDWR | O_CREAT | O_APPEND, 0600);
        if (fd != i || write(fd, name, (size_t)length) != length)
            return 90;
    }
    return 0;
}

/* Closed with a span waiting in the agent and its worker at work. */
static int after(const char *socket, int (*close_all)(int))
{
    host_get(socket, "first:1");
    usleep(150000); /* time for a connection of somebody else's to be opened, of which the program cannot know */
    close_all(0);
    int failed = take_numbers();
    return failed ? failed : host_get(socket, "second:1") ? 30 : 95;
}

static int before(const char *socket, int (*close_all)(int))
{
    close_all(0);
    int failed = take_numbers();
    return failed ? failed : host_get(socket, "first:1") && host_get(socket, "second:1") ? 30 : 95;
}

static int after_loop(const char *socket)
{
    return after(socket, close_loop);
}

static int after_closefrom(const char *socket)
{
    return after(socket, close_from);
}

static int after_range(const char *socket)
{
    return after(socket, close_by_range);
}

static int before_loop(const char *socket)
{
    return before(socket, close_loop);
}

static int before_closefrom(const char *socket)
{
    return before(socket, close_from);
}

static int before_range(const char *socket)
{
    return before(socket, close_by_range);
}

/* Only the three standard ones, and nothing in their place. */
static int standard(const char *socket)
{
    host_get(socket, "first:1");
    close(0);
    close(1);
    close(2);
    return host_get(socket, "second:1") ? 30 : 95;
}

/* What the program sees of its own descriptor table, with the agent at work. */
static int list(const char *socket)
{
    redisContext *redis = host_connect(socket);
    for (int round = 0; round < 3; round++) {
        printf("asked %d:", host_ask(redis, "first:1"));
        DIR *folder = opendir("/proc/self/fd");
        for (struct dirent *entry; folder && (entry = readdir(folder));)
            if (entry->d_name[0] != '.')
                printf(" %s", entry->d_name);
        closedir(folder);
        printf(", next %d\n", dup(0));
        usleep(100000); /* the same time again */
    }
    redisFree(redis);
    return 0;
}

/* Goes on when main has ended: numbers are the lowest free ones then, too. */
static void *take_and_give(void *unused)
{
    int wrong = 0, expected = dup(0);
    for (int i = 0; i < 600000; i++) {
        close(expected);
        int next = dup(0);
        wrong += next != expected;
        if (next != expected)
            close(next), expected = dup(0);
    }
    printf("wrong %d\n", wrong);
    return unused;
}

static void *end(void *unused)
{
    (void)unused;
    pthread_exit(NULL);
}

static int without_main(const char *socket)
{
    pthread_t thread;
    printf("asked %d\n", host_get(socket, "first:1"));
    pthread_create(&thread, NULL, end, NULL); /* the first of its kind opens a library */
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, take_and_give, NULL);
    pthread_exit(NULL);
}

/* Numbers must come back as the program expects them: the lowest free one. */
static int numbers(const char *socket)
{
    for (int i = 0; i < 50; i++) {
        redisContext *redis = host_connect(socket);
        int right = host_ask(redis, "number");
        int next = dup(0);
        printf("%d %d %d\n", redis->fd, right, next);
        close(next);
        redisFree(redis);
    }
    return 0;
}

/* Hangs up on both outputs and lives on: whoever reads them must see the end now. */
static int hang_up(const char *socket)
{
    printf("asked %d\n", host_get(socket, "first:1"));
    fflush(stdout);
    close(1);
    close(2);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    return host_get(socket, "second:1") ? 32 : 95;
}

/* A pipe from before the first span; its reader waits for the end while we live. */
static int pipe_end(const char *socket)
{
    int ends[2], answer[2];
    if (pipe(ends) != 0 || pipe(answer) != 0)
        return 91;
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ends[1]);
        ssize_t got = read(ends[0], &byte, 1);
        _exit(write(answer[1], got == 0 ? "end" : "???", 3) == 3 ? 0 : 1);
    }
    int right = host_get(socket, "first:1");
    close(ends[1]);
    struct pollfd wait = {.fd = answer[0], .events = POLLIN};
    char said[4] = "";
    if (poll(&wait, 1, 10000) == 1 && read(answer[0], said, 3) != 3)
        return 92;
    printf("asked %d, reader said '%s'\n", right, said);
    return 33;
}

static const struct host_mode modes[] = {
    {"after-loop", after_loop},
    {"after-closefrom", after_closefrom},
    {"after-close_range", after_range},
    {"before-loop", before_loop},
    {"before-closefrom", before_closefrom},
    {"before-close_range", before_range},
    {"standard", standard},
    {"list", list},
    {"numbers", numbers},
    {"without-main", without_main},
    {"hang-up", hang_up},
    {"pipe-end", pipe_end},
};

HOST_MAIN(modes)
