/* Reading the file of a loaded object: which function an address of it belongs to, by its symbol tables.
 *
 * Read with pread, not mapped: a file that is cut short under a mapping would end the program.
 *
 * Format: the System V ABI's chapter 4 (object files). On the worker's thread, in its own descriptor table.
 */
#ifndef OI_EXPORTER_OBJECT_FILE_H
#define OI_EXPORTER_OBJECT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/image.h"

enum { OI_SYMBOL_NAME = 4096 };

struct oi_symbol {
    uint64_t start;
    char name[OI_SYMBOL_NAME];
};

/* Opens the file of a loaded object for reading, if it is still the one that was loaded. -1: not there, or another. */
int oi_object_open(const struct oi_image *image);

/* Opens the file that holds what was stripped from this one, where Debian's -dbgsym packages put it. -1: not there. */
int oi_object_open_debug(int file);

/* Whether the file has debug information of its own. */
bool oi_object_has_debug(int file);

/* The function that an instruction belongs to. `full`: from the symbol table that programs run without; otherwise from
 * that of the exported names. False: none that is known to reach that far. */
bool oi_object_symbol(int file, uint64_t address, bool full, struct oi_symbol *symbol);

#endif
