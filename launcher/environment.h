/* The environment of the program to be started: a copy of ours with variables replaced. */
#ifndef OI_LAUNCHER_ENVIRONMENT_H
#define OI_LAUNCHER_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

struct oi_environment {
    char **entries; /* NULL-terminated, for execve */
    size_t count;
};

/* A copy of `from` with room for `more` further variables. False: no memory. */
bool oi_environment_copy(struct oi_environment *environment, char *const *from, size_t more);

/* The value of the first entry of that name, or NULL. */
const char *oi_environment_get(const struct oi_environment *environment, const char *name);

/* Removes every entry of that name. */
void oi_environment_unset(struct oi_environment *environment, const char *name);

/* Puts one entry in place of all of that name. False: no memory; then nothing is changed. */
bool oi_environment_set(struct oi_environment *environment, const char *name, const char *value);

/* LD_PRELOAD as it shall be: `library` (or NULL: take ours out), then what `old` held but for ours. Allocated; NULL: no
 * memory. "" if nothing is left. */
char *oi_preload_value(const char *old, const char *library);

/* LD_LIBRARY_PATH with `folder` (its first `length` bytes) in front, once. Allocated; NULL: no memory. */
char *oi_library_path_value(const char *old, const char *folder, size_t length);

#endif
