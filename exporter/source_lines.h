/* Where in the source an address is, by the debug information of an object: with elfutils' libdw, which is opened when
 * it is first needed. Where it is missing, nothing is known.
 *
 * On the worker's thread. Files are mapped, but no descriptor is kept: what is open survives a fork.
 */
#ifndef OI_EXPORTER_SOURCE_LINES_H
#define OI_EXPORTER_SOURCE_LINES_H

#include "agent/export.h"

/* One function's place; the caller of an inlined function has one, too. */
struct oi_place {
    char *symbol; /* of the linker, or the qualified name; malloc'ed; NULL: not known */
    char *file;   /* absolute; malloc'ed; NULL: not known */
    int line;     /* 0: not known */
};

/* An object's debug information. */
struct oi_lines;

/* Takes over the file, also where it fails. NULL: it cannot be used. */
struct oi_lines *oi_lines_open(const struct oi_export_host *host, int file);

/* The places of the instruction at `address`, the innermost first; returns how many, at most `most`. The caller frees
 * their texts. */
size_t oi_lines_find(struct oi_lines *lines, uint64_t address, struct oi_place *places, size_t most);

#endif
