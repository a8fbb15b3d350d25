#include "launcher/find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY "libotel-instrument.so"

/* 0, 126 or 127 as for oi_find_command. */
static int check(const char *path, const char **why)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        *why = absent ? "no such file or directory" : strerror(errno);
        return absent ? 127 : 126;
    }
    if (S_ISDIR(status.st_mode)) {
        *why = "is a directory";
        return 126;
    }
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0) {
        *why = "permission denied";
        return 126;
    }
    return 0;
}

int oi_find_command(const char *command, const char *path, char *found, size_t size, const char **why)
{
    int verdict = 127;

    if (strchr(command, '/')) {
        if ((size_t)snprintf(found, size, "%s", command) >= size) {
            *why = strerror(ENAMETOOLONG);
            return 126;
        }
        return check(found, why);
    }
    *why = "command not found";
    if (!path)
        path = "/bin:/usr/bin";
    for (const char *at = path; *command; at++) {
        size_t length = strcspn(at, ":");
        char here[PATH_MAX] = "";
        const char *reason;
        if ((length == 0 || at[0] != '/') && !getcwd(here, sizeof(here)))
            here[0] = '\0';
        int written = snprintf(found, size, "%s%s%.*s%s%s", here, here[0] && length ? "/" : "", (int)length, at,
                               length && at[length - 1] == '/' ? "" : "/", command);
        if (written > 0 && (size_t)written < size) {
            int status = check(found, &reason);
            if (status == 0)
                return 0;
            /* A directory of that name is no find; what may not be executed is, unless a later one may. */
            if (status == 126 && strcmp(reason, "is a directory") != 0) {
                verdict = 126;
                *why = "permission denied";
            }
        }
        at += length;
        if (*at == '\0')
            break;
    }
    return verdict;
}

/* Length of the directory part common to both. */
static size_t common_directories(const char *a, const char *b)
{
    size_t common = 0;

    for (size_t i = 0;; i++) {
        bool end_a = a[i] == '/' || a[i] == '\0', end_b = b[i] == '/' || b[i] == '\0';
        if (end_a && end_b)
            common = i;
        if (a[i] != b[i] || a[i] == '\0')
            return common;
    }
}

void oi_relative_path(const char *from, const char *to, char *relative, size_t size)
{
    size_t common = common_directories(from, to), used = 0;
    const char *rest = to + common;

    relative[0] = '\0';
    for (const char *at = from + common; *at; at++)
        if (at[0] == '/' && at[1] != '/' && at[1] != '\0' && used + 4 < size)
            used += (size_t)snprintf(relative + used, size - used, "%s..", used ? "/" : "");
    rest += strspn(rest, "/");
    if (*rest && used + 1 < size)
        snprintf(relative + used, size - used, "%s%s", used ? "/" : "", rest);
}

int oi_find_library(const char *self, const char *bindir, const char *libdir, char *found, size_t size)
{
    const char *slash = strrchr(self, '/');
    int here = slash ? (int)(slash - self) : 0;
    char relative[PATH_MAX], tries[3][2 * PATH_MAX + 64] = {"", "", ""}, resolved[PATH_MAX];
    size_t used = 0;

    oi_relative_path(bindir, libdir, relative, sizeof(relative));
    if (slash) {
        /* The places are tried in this order: a build tree knows nothing of what is installed. A path cut short is no
         * path that exists, so the results of snprintf do not matter. */
        (void)!snprintf(tries[0], sizeof(tries[0]), "%.*s/.libs/" LIBRARY, here, self);
        (void)!snprintf(tries[1], sizeof(tries[1]), "%.*s/%s/" LIBRARY, here, self, relative);
    }
    (void)!snprintf(tries[2], sizeof(tries[2]), "%s/" LIBRARY, libdir);
    for (int i = 0; i < 3; i++)
        if (tries[i][0] && realpath(tries[i], resolved) && access(resolved, R_OK) == 0 && strlen(resolved) < size) {
            strcpy(found, resolved);
            return 0;
        }
    found[0] = '\0';
    for (int i = 0; i < 3 && used + 1 < size; i++)
        if (tries[i][0])
            used += (size_t)snprintf(found + used, size - used, "%s%s", used ? ", " : "", tries[i]);
    return -1;
}
