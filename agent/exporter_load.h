/* Opening libotel-exporter.so and handing it batches; the worker's thread only. */
#ifndef OI_AGENT_EXPORTER_LOAD_H
#define OI_AGENT_EXPORTER_LOAD_H

#include "agent/export.h"

/* Opens the exporter, or the one this process inherited; builds the resource. `unusable`: the state inherited at fork
 * cannot be trusted, nothing is opened. */
void oi_exporter_load(const struct oi_export_host *host, bool unusable);

/* Exports one batch and counts what became of it. */
void oi_exporter_send(struct oi_record *const *records, uint32_t count);

/* What the exporter holds back goes out. */
void oi_exporter_flush(void);

/* In a forked child: the inherited exporter must forget its connections before it is used again. */
void oi_exporter_forked(void);

#endif
