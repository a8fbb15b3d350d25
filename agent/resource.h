/* The resource: what the spans of this process say about where they come from.
 *
 * Specification: resource/sdk.md; semantic conventions: resource/README.md (service, telemetry, process, os, host,
 * container). Built on the worker thread (it reads files), before the program may chroot or change its user.
 */
#ifndef OI_AGENT_RESOURCE_H
#define OI_AGENT_RESOURCE_H

#include "agent/config.h"
#include "agent/export.h"

/* What the detectors read; a seam for tests. NULL members: the real places. */
struct oi_resource_sources {
    const char *proc_self;  /* default "/proc/self" */
    const char *etc;        /* default "/etc" (machine-id) */
    const char *var_lib;    /* default "/var/lib" (dbus/machine-id) */
    const char *executable; /* default: what /proc/self/exe names */
};

/* Builds the resource: telemetry.sdk.*, telemetry.distro.*, service.instance.id (a UUID of `instance`, 16 random bytes of
 * this process image), service.name, the chosen detectors, then OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, later ones
 * winning. Attributes and texts are placed in `arena`. `complain` gets one sentence for each bad pair. The result
 * points into the arena. */
struct oi_resource oi_resource_build(const struct oi_config *config, const char *version, const uint8_t instance[16],
                                     const struct oi_resource_sources *sources, char *arena, size_t arena_size,
                                     oi_config_complain *complain, void *user);

#endif
