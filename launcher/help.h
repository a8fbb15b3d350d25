/* --help, --version and the usage line. */
#ifndef OI_LAUNCHER_HELP_H
#define OI_LAUNCHER_HELP_H

#include <stdio.h>

#include "launcher/flags.h"

/* The sections of --help, in their order: `name` as in agent/config.def. */
struct oi_help_group {
    const char *name;
    const char *title;
};
extern const struct oi_help_group oi_help_groups[];
extern const size_t oi_help_group_count;

/* A setting in words: help, names it takes, default, whether it has an effect. */
void oi_help_describe(char *text, size_t size, const struct oi_flag_row *row);

void oi_help_print(FILE *out);
void oi_usage_print(FILE *out);
void oi_version_print(FILE *out);

#endif
