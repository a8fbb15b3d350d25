/* Which span is the parent: the current context of a thread.
 *
 * Follows the table of parents in docs/context.md and the Context part of the OpenTelemetry specification
 * (specification/context/README.md, specification/trace/api.md#spancontext).
 *
 * A thread's current context follows evidence only, and an ended span is nobody's current: the thread holds a
 * reference (address and generation) to an `oi_active`, whose memory is type-stable, and every look checks the
 * generation. All functions are async-signal-safe.
 */
#ifndef OI_AGENT_CONTEXT_H
#define OI_AGENT_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/text.h"

enum {
    OI_FLAG_SAMPLED = 0x01, /* W3C Trace Context: the caller may have recorded */
    OI_FLAG_RANDOM = 0x02,  /* W3C Trace Context Level 2: the trace id's low 7 bytes are random */
    OI_TRACESTATE_MAX = 512,
    OI_BAGGAGE_MAX = 8192,
};

/* What a caller said about sampling that the flags cannot hold. Of these, only `debug` is for spans further down too.
 */
enum oi_decision {
    OI_DECISION_FLAGS,    /* the flags say all */
    OI_DECISION_DEBUG,    /* keep this trace in any case (B3, Jaeger); the sampled flag is set with it */
    OI_DECISION_DEFER,    /* whoever receives it shall decide (B3 without a state, X-Ray's `?`) */
    OI_DECISION_KEEP,     /* without a span, B3's lone `1`: what is done for this caller is to be kept */
    OI_DECISION_DENY,     /* likewise its lone `0`: not to be kept */
    OI_DECISION_EXCLUDED, /* in this process: no span for the request, nor for anything below it, whatever the sampler
                           */
};

/* What travels from a parent to a child, in process or over the wire. */
struct oi_context {
    uint8_t trace_id[16]; /* all zero: no context */
    uint8_t span_id[8];
    uint8_t flags;
    bool remote;               /* came from another process */
    uint8_t decision;          /* enum oi_decision; may be present without a valid span */
    struct oi_text tracestate; /* the header's value; absent or empty: none */
    struct oi_text baggage;    /* likewise; may be present without a valid span */
};

static inline bool oi_context_valid(const struct oi_context *context)
{
    uint64_t trace[2], span;
    memcpy(trace, context->trace_id, sizeof trace);
    memcpy(&span, context->span_id, sizeof span);
    return (trace[0] | trace[1]) != 0 && span != 0;
}

/* A span that others may be children of. Odd generation: alive. Memory is never returned. */
struct oi_active {
    _Atomic uint32_t generation;
    struct oi_context context;
};

/* The context new work of this thread belongs to: the thread's current span if alive, else the process's root (its
 * process span, or what the environment named while it still counts). False where there is none; *out is then
 * zeroed but for baggage and decision. The texts stay valid while the span is alive. */
bool oi_context_current(struct oi_context *out);

/* The same, and which active span it is with its generation, for those who look again later (agent/span.c). */
const struct oi_active *oi_context_active(struct oi_context *out, uint32_t *generation);

/* The same of one that was seen before, in that generation, whatever the thread's current span is. Where it has ended
 * since, or is NULL: what is left where a thread has no current span. */
const struct oi_active *oi_context_of(const struct oi_active *active, uint32_t seen, struct oi_context *out,
                                      uint32_t *generation);

/* Makes `active` (NULL: none) the current span of this thread. */
void oi_context_set(const struct oi_active *active);

/* The same for one that was found before, with its generation then; where it has ended since: none. */
void oi_context_set_again(const struct oi_active *active, uint32_t generation);

/* A thread's current span, to be set later. `shown`: as a descriptor said, for as long as that says anything
 * (oi_gate_show). */
struct oi_current {
    const struct oi_active *active;
    uint32_t generation;
    bool shown;
};

/* As it stands. */
struct oi_current oi_context_now(void);

/* What the thread does now belongs to it, and so will something of it that is done later, whenever that is. */
struct oi_current oi_context_keep(void);

/* Sets what is current and returns what was: around a function that is called for somebody else. */
struct oi_current oi_context_exchange(struct oi_current with);

/* In a forked child: the thread starts with no current span. What it would have inherited is kept for what is executed
 * from here, until the process serves somebody itself. */
void oi_context_forked(void);

/* The context for a program executed from here: as oi_context_current, or what was inherited. */
bool oi_context_for_exec(struct oi_context *out);

/* Marks an active span as alive or as ended; ended, it is nobody's current at once. */
void oi_active_begin(struct oi_active *active, const struct oi_context *context);
void oi_active_end(struct oi_active *active);

/* The process's root context, from the environment or its process span. `oi_root_detach` makes the environment's
 * one no longer count (the process listens, accepts or left its session: it is a daemon). */
void oi_root_from_environment(const struct oi_context *context);
void oi_root_from_process_span(const struct oi_context *context); /* NULL: it has ended */
void oi_root_forked(void); /* in a forked child: the process span is another process's now */
void oi_root_detach(void);
bool oi_root_detached(void);

#endif
