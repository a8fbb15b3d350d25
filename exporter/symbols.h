/* What call stacks say: functions, files and lines of addresses in loaded objects, from the objects' files.
 *
 * What was found out is remembered by address. On the worker's thread.
 */
#ifndef OI_EXPORTER_SYMBOLS_H
#define OI_EXPORTER_SYMBOLS_H

#include "agent/export.h"

struct oi_symbols;

/* NULL: no memory. */
struct oi_symbols *oi_symbols_new(const struct oi_export_host *host);

/* As in struct oi_exporter. */
void oi_symbols_describe(struct oi_symbols *symbols, const struct oi_frame *frames, size_t count, bool with_trace,
                         struct oi_code *code);

/* The texts that were given out are not used any more. */
void oi_symbols_used(struct oi_symbols *symbols);

/* In a forked child: whether the fork came in the middle of a look-up, and what is remembered cannot be trusted. */
bool oi_symbols_torn(const struct oi_symbols *symbols);

#endif
