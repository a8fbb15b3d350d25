/* The agent's life: what hooks and the constructor ask of it.
 *
 * States: not ready (before the constructor: hooks pass through), off (excluded or disabled: pass through), active,
 * leaving, left.
 */
#ifndef OI_AGENT_AGENT_H
#define OI_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/context.h"
#include "agent/propagator.h"
#include "agent/sampler.h"

struct oi_agent {
    _Atomic bool ready;  /* the constructor is through: real functions are resolved, the configuration is read */
    _Atomic bool active; /* spans are made */
    struct oi_config config;
    struct oi_sampler sampler;
    enum oi_semconv semconv_http;
    enum oi_semconv semconv_database;
    bool recording; /* spans go somewhere; otherwise ids are made and propagated, and that is all */
    struct oi_propagators propagators;
    bool orphan; /* no worker any more or, in a forked child, not yet: connections may be there from before */
};

/* Read-only for everybody but agent/life.c. */
extern struct oi_agent oi_agent __attribute__((visibility("hidden")));

/* Spans are wanted: the first thing a hook looks at. PC-relative, safe before relocation. */
static inline bool oi_active(void)
{
    return __atomic_load_n((bool *)&oi_agent.active, __ATOMIC_ACQUIRE);
}

/* Starts the worker if this process has none. From hooks that no signal handler runs: listen, accept, connect, a
 * library's initialiser or connect. Takes up to 8 KiB of stack the first time. Preserves errno. */
void oi_worker_need(void);

/* What the program is about to do; from hooks/process.c. All are bounded, preserve errno, and do nothing in a vfork
 * child. */
void oi_life_main_begins(void);
void oi_life_leave(int status, bool may_start_thread); /* exit, return from main: flush, park, not to return to work */
void oi_life_before_exec(const char *file, bool use_path); /* flush; the process goes on if exec fails. NULL: unknown */
void oi_life_before_daemon(void);                          /* flush: the parent's end is not seen */
void oi_life_before_confinement(void);                     /* chroot, setuid: load the exporter while it can be read */
void oi_life_before_identity(void);                        /* setuid, setgid, …: the worker must be able to follow */
void oi_life_before_namespace(void);                       /* what a process with a second thread may not enter */
void oi_life_sandboxed(void);  /* a system call filter: nothing new is started from here on */
void oi_life_stand_down(void); /* a filter that leaves nothing: flush, and be no more */
void oi_life_relays(void);     /* it receives exports of others: those that it sends are no sign of an SDK */
bool oi_life_relaying(void);
void oi_life_with_sdk(void); /* the program exports traces itself: say so and stand down, unless told otherwise */

/* Under a system call filter: no system call is made that the program does not make. */
bool oi_life_confined(void);

/* Another number before this process forks, by fork() and its like, than when it has. */
uint32_t oi_life_forks(void);

/* `call` is made before each of these forks, on the thread that forks, with the guard taken. For one caller, from the
 * constructor. */
void oi_life_before_fork(void (*call)(void));

/* False in a vfork child: its memory is its parent's. Async-signal-safe. */
bool oi_life_in_own_process(void);

/* What a program executed from here gets in its environment; false: there is no context to hand on. */
bool oi_life_exec_context(struct oi_context *out);

/* Whether no header that names a span was put into an environment by the program itself: those in it are what this
 * process was started with. Then they are brought up to date, else they stay. */
bool oi_life_as_started(const struct oi_text values[OI_HEADERS]);

#endif
