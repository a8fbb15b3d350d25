/* Where things are: the program on PATH, our own library. */
#ifndef OI_LAUNCHER_FIND_H
#define OI_LAUNCHER_FIND_H

#include <stddef.h>

/* Finds what `command` names, as a shell does: with a slash, that file; otherwise the first executable file of that
 * name on `path` (NULL: /bin:/usr/bin), made absolute. 0, or the exit status that says why not: 127 not found, 126
 * found but not executable; `why` is then a phrase. */
int oi_find_command(const char *command, const char *path, char *found, size_t size, const char **why);

/* `to` as seen from `from`, both absolute: "../lib/x" for /usr/bin and /usr/lib/x. */
void oi_relative_path(const char *from, const char *to, char *relative, size_t size);

/* Finds the library to preload, relative to the launcher's own executable `self`: beside it in a build tree, or where
 * `libdir` lies as seen from `bindir`. Resolved, absolute. 0, or -1 with `found` holding the places looked at. */
int oi_find_library(const char *self, const char *bindir, const char *libdir, char *found, size_t size);

#endif
