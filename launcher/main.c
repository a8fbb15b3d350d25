/* otel-instrument [--flag value ...] [--] command [args ...]: puts the agent into the environment of a program and
 * replaces itself by it. Whatever is wrong, the program starts; what cannot work is said in one line each on stderr.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/log.h"
#include "launcher/environment.h"
#include "launcher/find.h"
#include "launcher/flags.h"
#include "launcher/help.h"
#include "launcher/probe.h"

enum { USAGE = 2, NOT_EXECUTABLE = 126 };

/* One line on stderr in one write. A reader that is gone or does not read, or a file that has reached its limit, must
 * not keep the program from starting. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[5000];
    struct sigaction ignore = {.sa_handler = SIG_IGN}, pipe, limit;
    struct pollfd stream = {.fd = STDERR_FILENO, .events = POLLOUT};
    va_list values;

    int used = snprintf(line, sizeof(line), "otel-instrument: ");
    va_start(values, format);
    int more = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, values);
    va_end(values);
    if (more < 0)
        return;
    size_t length = strlen(line);
    line[length++] = '\n';
    sigaction(SIGPIPE, &ignore, &pipe);
    sigaction(SIGXFSZ, &ignore, &limit);
    if (poll(&stream, 1, 1000) > 0 && (stream.revents & POLLOUT))
        (void)!write(STDERR_FILENO, line, length);
    sigaction(SIGPIPE, &pipe, NULL);
    sigaction(SIGXFSZ, &limit, NULL);
}

static void complain(void *user, const char *sentence)
{
    (void)user;
    say("%s", sentence);
}

static int usage(const char *error)
{
    oi_usage_print(stderr);
    say("%s", error);
    return USAGE;
}

/* The flags take the place of the variables they stand for. */
static bool apply_flags(struct oi_environment *environment, const char *const *values)
{
    for (size_t i = 0; i < oi_flag_row_count; i++)
        if (values[i] && !oi_environment_set(environment, oi_flag_rows[i].env, values[i]))
            return false;
    return true;
}

/* Reads the settings as the agent will, and says once what is wrong with them. */
static void read_settings(struct oi_config *config, struct oi_environment *environment)
{
    static char arena[OI_CONFIG_ARENA];
    char mark[OI_CONFIG_MARK];
    bool announced = oi_config_announced(environment->entries);

    oi_config_parse(config, environment->entries, arena, sizeof(arena), announced ? NULL : complain, NULL);
    oi_config_mark(environment->entries, mark);
    oi_environment_set(environment, OI_CONFIG_ANNOUNCED, mark);
}

/* Finds our library; says so if that fails. `path` is the program it is for. */
static bool find_library(char *library, size_t size, const char *path, bool quiet)
{
    char self[PATH_MAX] = "";

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        self[0] = '\0';
    bool found = oi_find_library(self, OI_BINDIR, OI_PKGLIBDIR, library, size) == 0;
    if (!found && !quiet)
        say("libotel-instrument.so not found (%s): %s runs without telemetry", library, path);
    if (found && strpbrk(library, ":;")) {
        found = false;
        if (!quiet)
            say("%s cannot be preloaded, its path has a colon or semicolon: %s runs without telemetry", library, path);
    }
    return found;
}

/* What LD_PRELOAD calls the library. The loader splits that variable at spaces too; where the path has one, the bare
 * name is looked up along LD_LIBRARY_PATH, which may hold spaces. */
static const char *preload_name(struct oi_environment *environment, const char *library)
{
    const char *slash = strrchr(library, '/');

    if (!strchr(library, ' '))
        return library;
    char *value =
        oi_library_path_value(oi_environment_get(environment, "LD_LIBRARY_PATH"), library, (size_t)(slash - library));
    return value && oi_environment_set(environment, "LD_LIBRARY_PATH", value) ? slash + 1 : NULL;
}

/* Sets or leaves LD_PRELOAD for `path`. */
static void preload(struct oi_environment *environment, const struct oi_config *config, const char *path)
{
    static struct oi_probe probe;
    char library[2 * PATH_MAX];
    bool quiet = config->log_level < OI_LOG_WARN || oi_list_matches_program(config->exclude_programs, path);
    const char *name = NULL;

    bool found = find_library(library, sizeof(library), path, quiet);
    oi_probe(&probe, path, oi_environment_get(environment, "PATH"), found ? library : NULL);
    if (found && probe.reason[0] && !quiet)
        say("%s", probe.reason);
    if (found && !probe.untouched)
        name = preload_name(environment, library);

    /* An excluded program gets it too, and the agent in it keeps still: what the program starts is another matter. */
    const char *old = oi_environment_get(environment, "LD_PRELOAD");
    char *value = oi_preload_value(old, name);
    if (value && value[0])
        oi_environment_set(environment, "LD_PRELOAD", value);
    else if (value)
        oi_environment_unset(environment, "LD_PRELOAD");
}

/* Never returns but with the exit status of what could not be started. */
static int start(const char *path, char **arguments, size_t count, char *const *environment)
{
    execve(path, arguments, environment);
    if (errno == ENOEXEC) {
        /* A script without #! is the shell's, as for execvp. */
        char **shell = calloc(count + 2, sizeof(char *));
        if (shell) {
            shell[0] = (char *)"/bin/sh";
            memcpy(shell + 1, arguments, count * sizeof(char *));
            shell[1] = (char *)path;
            execve(shell[0], shell, environment);
            free(shell);
        }
        errno = ENOEXEC;
    }
    int error = errno;
    /* The file itself has been found. */
    say("%s: %s", path, error == ENOENT ? "the interpreter it names does not exist" : strerror(error));
    return error == ENOENT ? 127 : NOT_EXECUTABLE;
}

int main(int argc, char **argv)
{
    static struct oi_flags flags;
    static struct oi_config config;
    struct oi_environment environment;
    char path[2 * PATH_MAX];
    const char *why;

    flags.values = calloc(oi_flag_row_count, sizeof(*flags.values));
    if (!flags.values || !oi_environment_copy(&environment, environ, oi_flag_row_count + 3)) {
        say("%s", strerror(ENOMEM));
        return NOT_EXECUTABLE;
    }
    switch (oi_flags_parse(&flags, argc, argv)) {
    case OI_FLAGS_HELP:
        oi_help_print(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    case OI_FLAGS_VERSION:
        oi_version_print(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    case OI_FLAGS_WRONG:
        return usage(flags.error);
    case OI_FLAGS_RUN:
        break;
    }
    const char *command = argv[flags.command];
    int status = oi_find_command(command, oi_environment_get(&environment, "PATH"), path, sizeof(path), &why);
    if (status != 0) {
        say("%s: %s", command, why);
        return status;
    }
    if (!apply_flags(&environment, flags.values)) {
        say("%s", strerror(ENOMEM));
        return NOT_EXECUTABLE;
    }
    read_settings(&config, &environment);
    preload(&environment, &config, path);
    return start(path, argv + flags.command, (size_t)(argc - flags.command), environment.entries);
}
