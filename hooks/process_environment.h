/* The environment that exec and posix_spawn hand on: the caller's context, as the configured propagators
 * write it (TRACEPARENT, TRACESTATE, BAGGAGE, B3, …).
 * Specification: context/env-carriers.md. Async-signal-safe, works between vfork and exec. */
#ifndef OI_HOOKS_PROCESS_ENVIRONMENT_H
#define OI_HOOKS_PROCESS_ENVIRONMENT_H

#include <stddef.h>

struct oi_process_environment {
    void *mapped; /* where the room below does not suffice */
    size_t mapped_size;
    _Alignas(16) char room[1360];
};

/* The environment to use instead of `envp`; `envp` itself where nothing changes or there is no room (a vfork child does
 * not map memory: it would stay its parent's). Never changes `envp`. errno is preserved. */
char *const *oi_process_environment(struct oi_process_environment *environment, char *const envp[]);

/* If exec failed, or after posix_spawn. */
void oi_process_environment_free(struct oi_process_environment *environment);

#endif
