/* The resource: what the spans of this process say about where they come from.
 *
 * Specification: resource/sdk.md; semantic conventions v1.44.0: resource/README.md (service, telemetry, process, os,
 * host, container). Built on the worker thread (it reads files), before the program may chroot or change its user.
 * docs/resource.md lists every attribute and where it comes from.
 */
#ifndef OI_AGENT_RESOURCE_H
#define OI_AGENT_RESOURCE_H

#include "agent/config.h"
#include "agent/export.h"

/* What the detectors read; a seam for tests. NULL members: the real places. */
struct oi_resource_sources {
    const char *proc_self;  /* default "/proc/self" */
    const char *etc;        /* default "/etc" (machine-id, passwd) */
    const char *var_lib;    /* default "/var/lib" (dbus/machine-id) */
    const char *executable; /* default: what /proc/self/exe names */
};

/* Builds the resource: telemetry.sdk.*, telemetry.distro.*, service.instance.id (a UUID of `instance`, 16 random bytes
 * of this process image), service.name, the chosen detectors, then OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME,
 * later ones winning. `sources` may be NULL. Attributes and texts are placed in `arena` (8-byte aligned;
 * OI_RESOURCE_ARENA bytes suffice for whatever the configuration can hold). `complain` (may be NULL) gets one sentence
 * if OTEL_RESOURCE_ATTRIBUTES is dropped. The result points into the arena. Reads files, allocates nothing, takes no
 * lock; up to 10 KiB of stack. */
enum { OI_RESOURCE_ARENA = 1024 * 1024 };
struct oi_resource oi_resource_build(const struct oi_config *config, const char *version, const uint8_t instance[16],
                                     const struct oi_resource_sources *sources, char *arena, size_t arena_size,
                                     oi_config_complain *complain, void *user);

/* Goes through the pairs of a value of OTEL_RESOURCE_ATTRIBUTES
 * (resource/sdk.md#specifying-resource-information-via-an- environment-variable): `each` gets every pair
 * percent-decoded, in order. Any error makes the value unusable as a whole: false, one sentence for `complain`, and no
 * pair is handed out. `value` NULL or empty: true, no pair. `each` and `complain` may be NULL (a mere check). Needs
 * nothing but this file: the launcher checks with it. */
typedef void oi_resource_pair(void *user, struct oi_text key, struct oi_text value);
bool oi_resource_pairs(const char *value, oi_resource_pair *each, void *each_user, oi_config_complain *complain,
                       void *complain_user);

#endif
