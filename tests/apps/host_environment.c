// build: -lhiredis -pthread
/* Hands its environment on, spoils it, or leaves its session. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

extern char **environ;

static char **words;

static void ended(const char *what, int status)
{
    printf("%s ended %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status));
    fflush(stdout);
}

/* Replaces itself by a command that prints what it was handed. */
static char *const show[] = {"sh", "-c", "echo \"TRACEPARENT=$TRACEPARENT TRACESTATE=$TRACESTATE BAGGAGE=$BAGGAGE\"",
                             NULL};

static void begin(const char *socket)
{
    printf("redis %d\n", host_get(socket, "main:1"));
    fflush(stdout);
}

static int exec_execv(const char *socket)
{
    begin(socket);
    execv("/bin/sh", show);
    return 90;
}

static int exec_execvp(const char *socket)
{
    begin(socket);
    execvp("sh", show);
    return 90;
}

static int exec_execve(const char *socket)
{
    begin(socket);
    execve("/bin/sh", show, environ);
    return 90;
}

static int exec_execvpe(const char *socket)
{
    begin(socket);
    execvpe("sh", show, environ);
    return 90;
}

static int exec_execl(const char *socket)
{
    begin(socket);
    execl("/bin/sh", show[0], show[1], show[2], (char *)NULL);
    return 90;
}

static int exec_execlp(const char *socket)
{
    begin(socket);
    execlp("sh", show[0], show[1], show[2], (char *)NULL);
    return 90;
}

static int exec_execle(const char *socket)
{
    begin(socket);
    execle("/bin/sh", show[0], show[1], show[2], (char *)NULL, environ);
    return 90;
}

/* An environment made by the program itself, with a variable that is not ours in it. */
static int exec_fexecve(const char *socket)
{
    begin(socket);
    fexecve(open("/bin/sh", O_RDONLY | O_CLOEXEC), show, environ);
    return 90;
}

static int exec_execveat(const char *socket)
{
    begin(socket);
    execveat(open("/bin", O_RDONLY | O_CLOEXEC | O_DIRECTORY), "sh", show, environ, 0);
    return 90;
}

static int exec_own(const char *socket)
{
    char *own[] = {"PATH=/usr/bin:/bin", "OWN=1", NULL};
    begin(socket);
    execve("/bin/sh", (char *[]){"sh", "-c", "echo own=$OWN home=$HOME", NULL}, own);
    return 90;
}

static int exec_spawn(const char *socket)
{
    begin(socket);
    pid_t child;
    int status = 0;
    if (posix_spawn(&child, "/bin/sh", NULL, NULL, show, environ) == 0)
        waitpid(child, &status, 0);
    ended("spawned", status);
    return 0;
}

static int exec_fork(const char *socket)
{
    begin(socket);
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/sh", show);
        _exit(90);
    }
    waitpid(child, &status, 0);
    ended("forked", status);
    return 0;
}

static int exec_vfork(const char *socket)
{
    begin(socket);
    int status = 0;
    pid_t child = vfork();
    if (child == 0) {
        execv("/bin/sh", show);
        _exit(90);
    }
    waitpid(child, &status, 0);
    ended("vforked", status);
    return 0;
}

/* exec that fails: the program goes on, and what it does afterwards is seen. */
static int exec_fails(const char *socket)
{
    begin(socket);
    for (int i = 0; i < 3; i++) {
        int result = execv("/nonexistent/program", show);
        printf("exec %d %s\n", result, strerror(errno));
        begin(socket);
    }
    return 45;
}

/* Another image of this very program: one trace, two processes. */
static int exec_self(const char *socket)
{
    begin(socket);
    execl("/proc/self/exe", "again", "plain", socket, (char *)NULL);
    return 90;
}

static int plain(const char *socket)
{
    begin(socket);
    return 46;
}

/* What setproctitle does: the texts of argv and environ are overwritten in place. */
static int overwrite(const char *socket)
{
    char *kept = strdup(socket);
    begin(kept);
    for (char **word = words; *word; word++)
        memset(*word, 'x', strlen(*word));
    for (char **word = environ; *word; word++)
        memset(*word, 'y', strlen(*word));
    begin(kept);
    return 47;
}

static int overwrite_first(const char *socket)
{
    char *kept = strdup(socket);
    for (char **word = words; *word; word++)
        memset(*word, 'x', strlen(*word));
    for (char **word = environ; *word; word++)
        memset(*word, 'y', strlen(*word));
    environ = NULL;
    begin(kept);
    return 47;
}

static int clear(const char *socket)
{
    begin(socket);
    clearenv();
    begin(socket);
    return 48;
}

/* A daemon's steps, each of which ends what the environment's parent stands for. */
static int session(const char *socket)
{
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        begin(socket);
        setsid();
        begin(socket);
        exit(0);
    }
    waitpid(child, &status, 0);
    ended("session", status);
    return 0;
}

static int listening(const char *socket_path)
{
    begin(socket_path);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    printf("bind %d\n", bind(server, (struct sockaddr *)&any, sizeof any));
    printf("listen %d\n", listen(server, 5));
    begin(socket_path);
    return 0;
}

/* A listening socket that came from the parent, as descriptor words[3]: nothing but accept is seen of it. */
static int accepting(const char *socket_path)
{
    begin(socket_path);
    int connection = accept(atoi(words[3]), NULL, NULL);
    printf("accepted %d\n", connection >= 0);
    begin(socket_path);
    return 0;
}

static const struct host_mode modes[] = {
    {"execv", exec_execv},     {"execvp", exec_execvp},
    {"execve", exec_execve},   {"execvpe", exec_execvpe},
    {"execl", exec_execl},     {"execlp", exec_execlp},
    {"execle", exec_execle},   {"own", exec_own},
    {"fexecve", exec_fexecve}, {"execveat", exec_execveat},
    {"spawn", exec_spawn},     {"fork", exec_fork},
    {"vfork", exec_vfork},     {"fails", exec_fails},
    {"self", exec_self},       {"plain", plain},
    {"overwrite", overwrite},  {"overwrite-first", overwrite_first},
    {"clear", clear},          {"session", session},
    {"listen", listening},     {"accept", accepting},
};

int main(int count, char **arguments)
{
    words = arguments;
    return host_main(count, arguments, modes, sizeof modes / sizeof modes[0]);
}
