/* The program's life: its start and end, exec and spawn, becoming a daemon.
 *
 * No spans of its own. exit and return from main flush before any exit handler runs: an exporter at work while
 * OpenSSL's runs crashes the host. exec hands the context on.
 */
#include <err.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/early.h"
#include "hooks/hook.h"
#include "hooks/libc.h"
#include "hooks/process_environment.h"

const void *const volatile oi_early_self = (const void *)&oi_early_self;

typedef int main_fn(int, char **, char **);

int __libc_start_main(main_fn *program, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

/* libc's functions, resolved by the constructor. */
#define FUNCTIONS(X)                                                                                                   \
    X(__libc_start_main)                                                                                               \
    X(exit)                                                                                                            \
    X(_exit)                                                                                                           \
    X(quick_exit)                                                                                                      \
    X(verr)                                                                                                            \
    X(verrx)                                                                                                           \
    X(error)                                                                                                           \
    X(error_at_line)                                                                                                   \
    X(execve)                                                                                                          \
    X(execvpe)                                                                                                         \
    X(fexecve)                                                                                                         \
    X(execveat)                                                                                                        \
    X(posix_spawn)                                                                                                     \
    X(posix_spawnp)                                                                                                    \
    X(setsid)                                                                                                          \
    X(daemon)

OI_LIBC_FUNCTIONS

void oi_process_resolve(void);

/* Where hooks/stubs.S goes on to. */
extern void *oi_real_vfork __attribute__((visibility("hidden")));
void *oi_real_vfork;

void oi_process_resolve(void)
{
    resolve_all();
    oi_real_vfork = oi_libc_resolve("vfork", (const void *)(uintptr_t)vfork);
}

/* --- start and end ------------------------------------------------------------------------------------------------ */

static main_fn *program_main;

static int wrapped_main(int argc, char **argv, char **environment)
{
    oi_life_main_begins();
    int status = program_main(argc, argv, environment);
    oi_life_leave(status, true);
    return status;
}

OI_HOOK(int, __libc_start_main,
        (main_fn * program, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
         void *stack_end))
{
    if (oi_active()) {
        program_main = program;
        program = wrapped_main;
    }
    return REAL(__libc_start_main) ? real.__libc_start_main_(program, argc, argv, init, fini, rtld_fini, stack_end)
                                   : 127;
}

OI_HOOK(void, exit, (int status))
{
    oi_life_leave(status, true);
    if (REAL(exit))
        real.exit_(status);
    _exit(status);
}

/* Async-signal-safe, so it starts no thread: what was made without one is lost. */
OI_HOOK(void, _exit, (int status))
{
    while (!oi_relocated())
        oi_early_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
    oi_life_leave(status, false);
    if (real._exit_)
        real._exit_(status);
    for (;;)
        syscall(SYS_exit_group, status);
}

OI_HOOK(void, _Exit, (int status))
{
    while (!oi_relocated())
        oi_early_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
    oi_life_leave(status, false);
    if (real._exit_)
        real._exit_(status);
    for (;;)
        syscall(SYS_exit_group, status);
}

OI_HOOK(void, quick_exit, (int status))
{
    oi_life_leave(status, true);
    if (REAL(quick_exit))
        real.quick_exit_(status);
    _exit(status);
}

OI_HOOK(void, verr, (int status, const char *format, va_list arguments))
{
    oi_life_leave(status, true);
    if (REAL(verr))
        real.verr_(status, format, arguments);
    exit(status);
}

OI_HOOK(void, verrx, (int status, const char *format, va_list arguments))
{
    oi_life_leave(status, true);
    if (REAL(verrx))
        real.verrx_(status, format, arguments);
    exit(status);
}

OI_HOOK(void, err, (int status, const char *format, ...))
{
    va_list arguments;
    va_start(arguments, format);
    verr(status, format, arguments);
    va_end(arguments);
}

OI_HOOK(void, errx, (int status, const char *format, ...))
{
    va_list arguments;
    va_start(arguments, format);
    verrx(status, format, arguments);
    va_end(arguments);
}

/* libc has no form of these that takes a va_list: the message is made here and handed on as one word. */
OI_HOOK(void, error, (int status, int number, const char *format, ...))
{
    char *message = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (status != 0)
        oi_life_leave(status, true);
    if (REAL(error))
        real.error_(status, number, "%s", length < 0 ? format : message);
    free(message);
}

OI_HOOK(void, error_at_line, (int status, int number, const char *file, unsigned line, const char *format, ...))
{
    char *message = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (status != 0)
        oi_life_leave(status, true);
    if (REAL(error_at_line))
        real.error_at_line_(status, number, file, line, "%s", length < 0 ? format : message);
    free(message);
}

/* --- exec and spawn ----------------------------------------------------------------------------------------------- */

static int execute(const char *file, bool use_path, char *const argv[], char *const envp[])
{
    if (use_path)
        return REAL(execvpe) ? real.execvpe_(file, argv, envp) : MISSING;
    if (real.execve_)
        return real.execve_(file, argv, envp);
    return (int)syscall(SYS_execve, file, argv, envp);
}

static int run(const char *file, bool use_path, char *const argv[], char *const envp[])
{
    struct oi_process_environment environment;
    char *const *handed = oi_process_environment(&environment, envp); /* first: the process span may end now */
    oi_life_before_exec(file, use_path);
    int result = execute(file, use_path, argv, handed);
    if (errno == E2BIG && handed != envp) /* what we added may be the byte too many */
        result = execute(file, use_path, argv, envp);
    oi_process_environment_free(&environment);
    return result;
}

OI_HOOK(int, execve, (const char *path, char *const argv[], char *const envp[]))
{
    return run(path, false, argv, envp);
}

OI_HOOK(int, execv, (const char *path, char *const argv[]))
{
    return run(path, false, argv, environ);
}

OI_HOOK(int, execvp, (const char *file, char *const argv[]))
{
    return run(file, true, argv, environ);
}

OI_HOOK(int, execvpe, (const char *file, char *const argv[], char *const envp[]))
{
    return run(file, true, argv, envp);
}

/* The arguments as an array, on the stack as libc does it: these functions must work between vfork and exec. */
#define COUNT_ARGUMENTS(list, first, count)                                                                            \
    size_t count = 1;                                                                                                  \
    va_start(list, first);                                                                                             \
    while (va_arg(list, char *))                                                                                       \
        count++;                                                                                                       \
    va_end(list);

#define COLLECT_ARGUMENTS(list, first, count, argv)                                                                    \
    argv[0] = (char *)(uintptr_t)first;                                                                                \
    va_start(list, first);                                                                                             \
    for (size_t i = 1; i <= count; i++)                                                                                \
        argv[i] = va_arg(list, char *);

OI_HOOK(int, execl, (const char *path, const char *first, ...))
{
    va_list list;
    COUNT_ARGUMENTS(list, first, count)
    char *argv[count + 1];
    COLLECT_ARGUMENTS(list, first, count, argv)
    va_end(list);
    return run(path, false, argv, environ);
}

OI_HOOK(int, execlp, (const char *file, const char *first, ...))
{
    va_list list;
    COUNT_ARGUMENTS(list, first, count)
    char *argv[count + 1];
    COLLECT_ARGUMENTS(list, first, count, argv)
    va_end(list);
    return run(file, true, argv, environ);
}

OI_HOOK(int, execle, (const char *path, const char *first, ...))
{
    va_list list;
    COUNT_ARGUMENTS(list, first, count)
    char *argv[count + 1];
    COLLECT_ARGUMENTS(list, first, count, argv)
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return run(path, false, argv, envp);
}

/* A program named by a descriptor, or by a path below one. */
static void before_exec_of(int fd, const char *path)
{
    char name[96]; /* a longer one: no process span ends here */
    int length = snprintf(name, sizeof name, "/proc/self/fd/%d%s%s", fd, *path ? "/" : "", path);
    oi_life_before_exec((size_t)length < sizeof name ? name : NULL, false);
}

OI_HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
    struct oi_process_environment environment;
    char *const *handed = oi_process_environment(&environment, envp);
    before_exec_of(fd, "");
    int result = REAL(fexecve) ? real.fexecve_(fd, argv, handed) : MISSING;
    oi_process_environment_free(&environment);
    return result;
}

OI_HOOK(int, execveat, (int fd, const char *path, char *const argv[], char *const envp[], int flags))
{
    struct oi_process_environment environment;
    const char *volatile name = path; /* declared as never NULL, which a caller need not know */
    char *const *handed = oi_process_environment(&environment, envp);
    if (!name || *name == '/' || fd == AT_FDCWD)
        oi_life_before_exec(name, false);
    else
        before_exec_of(fd, name);
    int result = REAL(execveat) ? real.execveat_(fd, path, argv, handed, flags) : MISSING;
    oi_process_environment_free(&environment);
    return result;
}

OI_HOOK(int, posix_spawn,
        (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
         char *const argv[], char *const envp[]))
{
    struct oi_process_environment environment;
    char *const *handed = oi_process_environment(&environment, envp);
    int result = REAL(posix_spawn) ? real.posix_spawn_(pid, path, actions, attributes, argv, handed) : ENOSYS;
    oi_process_environment_free(&environment);
    return result;
}

OI_HOOK(int, posix_spawnp,
        (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
         char *const argv[], char *const envp[]))
{
    struct oi_process_environment environment;
    char *const *handed = oi_process_environment(&environment, envp);
    int result = REAL(posix_spawnp) ? real.posix_spawnp_(pid, file, actions, attributes, argv, handed) : ENOSYS;
    oi_process_environment_free(&environment);
    return result;
}

/* --- becoming a daemon: the context this process was started in is not that of what it serves --------------------- */

OI_HOOK(pid_t, setsid, (void))
{
    if (!oi_relocated())
        return (pid_t)oi_early_call(SYS_setsid, 0, 0, 0, 0, 0, 0);
    pid_t result = REAL(setsid) ? real.setsid_() : MISSING;
    if (result >= 0 && oi_active() && oi_life_in_own_process())
        oi_root_detach();
    return result;
}

OI_HOOK(int, daemon, (int stay, int keep))
{
    oi_life_before_daemon();
    int result = REAL(daemon) ? real.daemon_(stay, keep) : MISSING;
    if (result == 0)
        oi_root_detach();
    return result;
}

/* A program built with AddressSanitizer refuses to start where another object is preloaded before its runtime. We
 * define none of the functions it intercepts, so the order does not matter to it. A program's own definition comes
 * before this one. */
const char *__asan_default_options(void);

OI_HOOK(const char *, __asan_default_options, (void))
{
    return "verify_asan_link_order=0";
}
