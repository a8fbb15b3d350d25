/* The command line: flags of agent/config.def, then the command.
 *
 * Follows what Python's argparse makes of the same line, because command lines are copied from Python services: `--flag
 * value`,
 * `--flag=value`, unique prefixes, `--`; the last of several wins; after the command nothing is looked at.
 */
#ifndef OI_LAUNCHER_FLAGS_H
#define OI_LAUNCHER_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

struct oi_flag_row {
    const char *env;
    const char *flag; /* without the dashes; NULL: the variable has none */
    const char *fallback;
    const char *limits;
    const char *type;   /* BOOL, UINT … */
    const char *group;  /* GENERAL, TRACES … */
    const char *effect; /* as oi_row_text(note): "", "~", "!" and what to use instead */
    const char *help;
};
extern const struct oi_flag_row oi_flag_rows[];
extern const size_t oi_flag_row_count;

enum oi_flags_wish { OI_FLAGS_RUN, OI_FLAGS_HELP, OI_FLAGS_VERSION, OI_FLAGS_WRONG };

struct oi_flags {
    const char **values; /* one a row of oi_flag_rows: the value given, or NULL; room is the caller's */
    int command;         /* index of the command in argv */
    char error[4096];    /* what is wrong, one line without a newline */
};

enum oi_flags_wish oi_flags_parse(struct oi_flags *flags, int argc, char *const *argv);

#endif
