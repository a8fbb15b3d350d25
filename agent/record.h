/* Records as the agent itself uses them; hooks see agent/span.h. */
#ifndef OI_AGENT_RECORD_H
#define OI_AGENT_RECORD_H

#include "agent/span.h"

/* A span has started: asks for the cache lines of the record it will probably get. The last to touch them was the
 * worker, on another core, and while the real call runs they come for nothing. */
void oi_record_prefetch(void);

/* The worker has taken a record from the queue and will write it soon: asks for what the program's thread has left. */
void oi_record_prefetch_facts(const struct oi_record *record);

/* Does what was put off (oi_record_put_off). The worker only. */
void oi_record_write(struct oi_record *record);

/* What oi_records_epoch said last. */
uint32_t oi_records_image(void);

/* An empty record; NULL: all are in use. Async-signal-safe. */
struct oi_record *oi_record_take(void);

/* What the first attributes of a record came to, to be put at the front of other records at once: those of a connection
 * are the same for every span. Zeroed: empty. */
struct oi_record_front {
    uint16_t count; /* of attributes; 0: empty */
    uint16_t text_size;
    uint64_t keys_seen;
    const char *base; /* of the record that the attributes' texts pointed into */
    struct oi_attribute attributes[14];
    char text[400];
};

/* Remembers what a record holds so far. Left empty where that does not fit or a limit was met. */
void oi_record_front_take(struct oi_record_front *front, const struct oi_record *record);

/* Puts it into a record that has no attribute yet. */
void oi_record_front_put(const struct oi_record_front *front, struct oi_record *record);

/* Maps the memory for long texts, which otherwise waits for the first of them: before a system call filter. */
void oi_records_map(void);

#endif
