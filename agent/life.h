/* Start, fork and end of the agent in a process; the parts that other agent files need. Hooks see agent/agent.h. */
#ifndef OI_AGENT_LIFE_H
#define OI_AGENT_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A page that fork wipes (MADV_WIPEONFORK): 0 in a child nobody announced, whichever way it was made. */
extern _Atomic uint32_t *oi_life_marker __attribute__((visibility("hidden")));

void oi_life_became_child(bool by_handler);

/* Before ids are made: notices a fork. One load. */
static inline void oi_life_check_fork(void)
{
    if (oi_life_marker && atomic_load_explicit(oi_life_marker, memory_order_relaxed) == 0)
        oi_life_became_child(false);
}

/* The constructor's work: reads the settings, maps memory, makes the agent active. */
void oi_life_start(void);

/* As oi_life_leave, on the keeper's thread (agent/last_thread.h). */
void oi_life_leave_by_last_thread(void);

/* The folder of the preloaded object, where the exporter lies too. */
extern const char *oi_life_folder __attribute__((visibility("hidden")));

/* The random bytes of this process image: service.instance.id. */
extern uint8_t oi_life_instance[16] __attribute__((visibility("hidden")));

/* The launcher has complained about the settings already. */
extern bool oi_life_config_announced __attribute__((visibility("hidden")));

#endif
