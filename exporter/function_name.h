/* Names of functions as people write them: qualified, without arguments. */
#ifndef OI_EXPORTER_FUNCTION_NAME_H
#define OI_EXPORTER_FUNCTION_NAME_H

#include "agent/export.h"

/* The name behind a linker symbol; malloc'ed, NULL: no memory. What compilers append to parts and copies of a function
 * (.cold, .constprop.0) is left out; a C++ name is decoded by libstdc++, opened for that the first time, and stays as
 * it is where there is none. */
char *oi_function_name(const struct oi_export_host *host, const char *symbol);

/* Cuts a decoded C++ name in place: `int ns::f<int>(char) const` becomes `ns::f<int>`. */
void oi_function_name_bare(char *name);

/* Cuts what compilers append to a symbol, in place. */
void oi_function_name_whole(char *symbol);

#endif
