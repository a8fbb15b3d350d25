/* A resource while it is made: between resource.c, which says what belongs into it, and resource_detect.c, which finds
 * it out. Attributes grow from the arena's start, texts from its end downwards. */
#ifndef OI_AGENT_RESOURCE_BUILDER_H
#define OI_AGENT_RESOURCE_BUILDER_H

#include "agent/resource.h"

struct oi_resource_builder {
    struct oi_attribute *attributes;
    size_t count;
    char *text_top;
    struct oi_resource_sources sources; /* no member NULL but `executable`, which is absent where it cannot be read */
};

/* Sets an attribute; one with the same key is replaced. An absent text sets nothing. Keys and texts are copied; bytes
 * that are not UTF-8 become `?`. */
void oi_resource_put_text(struct oi_resource_builder *builder, struct oi_text key, struct oi_text value);
void oi_resource_put_int(struct oi_resource_builder *builder, struct oi_text key, int64_t value);

/* Runs the detectors of a list such as `process,host` (`*`: all). */
void oi_resource_detect(struct oi_resource_builder *builder, const char *detectors);

/* The last component of a path. */
struct oi_text oi_resource_base_name(const char *path);

#endif
