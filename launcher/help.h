/* --help, --version and the usage line. */
#ifndef OI_LAUNCHER_HELP_H
#define OI_LAUNCHER_HELP_H

#include <stdio.h>

void oi_help_print(FILE *out);
void oi_usage_print(FILE *out);
void oi_version_print(FILE *out);

#endif
