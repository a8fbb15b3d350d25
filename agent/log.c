#include "agent/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/futex.h"
#include "agent/system.h"
#include "agent/thread.h"

enum { LINE_MAX_BYTES = 1024, BURST = 20, BURST_SECONDS = 10 };

static enum oi_log_level threshold = OI_LOG_INFO;
static dev_t known_device;
static ino_t known_inode;
static bool known;
static _Atomic bool kept; /* the worker's table holds a copy of descriptor 2 */

static _Atomic uint64_t window_start; /* monotonic seconds */
static _Atomic uint32_t window_lines, held_back;

void oi_log_init(enum oi_log_level level)
{
    int saved = errno;
    struct stat status;
    threshold = level;
    known = fstat(STDERR_FILENO, &status) == 0;
    if (known) {
        known_device = status.st_dev;
        known_inode = status.st_ino;
    }
    errno = saved;
}

static bool same(const struct stat *status)
{
    return status->st_dev == known_device && status->st_ino == known_inode;
}

static bool is_known(int fd)
{
    struct stat status;
    return known && fstat(fd, &status) == 0 && same(&status);
}

/* A system call filter may kill for what hardly a program does: pidfd_getfd is not in systemd's @system-service. Where
 * nothing can be said about it there may be one. */
static bool filtered(void)
{
    char text[4096];
    int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    ssize_t length = oi_system_read(fd, text, sizeof text - 1);
    oi_system_close(fd);
    text[length > 0 ? length : 0] = '\0';
    return !strstr(text, "\nSeccomp:\t0");
}

bool oi_log_keep_stderr(void)
{
    struct stat status;
    bool keep = is_known(STDERR_FILENO) && fstat(STDERR_FILENO, &status) == 0 && S_ISSOCK(status.st_mode) && filtered();
    atomic_store(&kept, keep);
    return keep;
}

/* The program's descriptor 2 as seen from a thread with a table of its own. Mostly not kept: even a copy would keep a
 * pipe's reader waiting for its end. */
static int borrow_stderr(void)
{
    struct stat status;
    if (atomic_load(&kept)) /* as long as the program has it too */
        return stat("/proc/self/fd/2", &status) == 0 && same(&status) ? oi_system_dup(STDERR_FILENO) : -1;
    int fd = -1;
    int process = filtered() ? -1 : (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (process >= 0) {
        fd = (int)syscall(SYS_pidfd_getfd, process, STDERR_FILENO, 0);
        oi_system_close(process);
    }
    if (fd < 0) /* older kernels, containers that forbid it, filters */
        fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd;
}

/* Takes back the signal of a write that failed, if it was not there before. */
static void take_back(int error, const sigset_t *before)
{
    int signal = error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
    if (!signal || sigismember(before, signal) == 1)
        return;
    sigset_t only;
    struct timespec none = {0, 0};
    sigemptyset(&only);
    sigaddset(&only, signal);
    sigtimedwait(&only, NULL, &none);
}

/* A pipe without a reader, or a file that has reached its limit, must not kill the program: the signals are blocked for
 * the write, and one that we raised is taken back. */
static void write_all(int fd, const char *at, size_t len, bool may_wait)
{
    sigset_t raised, before, pending;
    sigemptyset(&raised);
    sigaddset(&raised, SIGPIPE);
    sigaddset(&raised, SIGXFSZ);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &raised, &before);
    while (len > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (oi_system_poll(&ready, 1, may_wait ? 1000 : 0) != 1 || (ready.revents & POLLOUT) == 0)
            break;
        ssize_t written = oi_system_write(fd, at, may_wait || len < 4096 ? len : 4096);
        if (written < 0)
            take_back(errno, &pending);
        if (written <= 0)
            break;
        at += written;
        len -= (size_t)written;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void oi_log_write(const char *at, size_t len)
{
    int saved = errno;
    if (oi_thread.agent) {
        int fd = borrow_stderr();
        if (fd >= 0) {
            if (is_known(fd))
                write_all(fd, at, len, true);
            oi_system_close(fd);
        }
    } else if (is_known(STDERR_FILENO)) {
        write_all(STDERR_FILENO, at, len, false);
    }
    errno = saved;
}

static void print(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void print(const char *format, va_list arguments)
{
    char line[LINE_MAX_BYTES] = "otel-instrument: ";
    size_t used = strlen(line);
    int more = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    if (more < 0)
        return;
    used += (size_t)more < sizeof line - used - 1 ? (size_t)more : sizeof line - used - 2;
    line[used++] = '\n';
    oi_log_write(line, used);
}

/* Whether one more line fits into the current window; sets how many were held back before it. */
static bool allowed(uint32_t *missed)
{
    uint64_t now = oi_mono_ns() / OI_NS_PER_S;
    uint64_t start = atomic_load(&window_start);
    if (now - start >= BURST_SECONDS && atomic_compare_exchange_strong(&window_start, &start, now))
        atomic_store(&window_lines, 0);
    if (atomic_fetch_add(&window_lines, 1) < BURST) {
        *missed = atomic_exchange(&held_back, 0);
        return true;
    }
    atomic_fetch_add(&held_back, 1);
    return false;
}

void oi_log(enum oi_log_level level, const char *format, ...)
{
    uint32_t missed = 0;
    if (level > threshold || level == OI_LOG_NONE || !allowed(&missed))
        return;
    int saved = errno;
    if (missed > 0)
        oi_log_always("%u lines were held back", missed);
    va_list arguments;
    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
    errno = saved;
}

void oi_log_always(const char *format, ...)
{
    if (threshold == OI_LOG_NONE)
        return;
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    print(format, arguments);
    va_end(arguments);
    errno = saved;
}
