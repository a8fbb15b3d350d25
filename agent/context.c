#include "agent/context.h"

#include "agent/thread.h"

/* The two roots a process may have. Written before the program's main runs, then only ended. */
static struct oi_active environment_root;
static struct oi_active process_root;
static struct oi_text environment_baggage;
static uint8_t environment_decision; /* one without a span */
static _Atomic bool detached;

static bool look(const struct oi_active *active, uint32_t generation, struct oi_context *out)
{
    if ((generation & 1) == 0)
        return false;
    *out = active->context;
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&active->generation, memory_order_relaxed) == generation;
}

static bool look_now(const struct oi_active *active, struct oi_context *out)
{
    return look(active, atomic_load_explicit(&active->generation, memory_order_acquire), out);
}

static const struct oi_active *root(struct oi_context *out, uint32_t *generation)
{
    if (!atomic_load_explicit(&detached, memory_order_relaxed)) {
        const struct oi_active *current = look_now(&process_root, out)       ? &process_root
                                          : look_now(&environment_root, out) ? &environment_root
                                                                             : NULL;
        if (current) {
            *generation = atomic_load_explicit(&current->generation, memory_order_relaxed);
            return current;
        }
        memset(out, 0, sizeof *out);
        out->baggage = environment_baggage;
        out->decision = environment_decision;
        return NULL;
    }
    memset(out, 0, sizeof *out);
    return NULL;
}

const struct oi_active *oi_context_of(const struct oi_active *active, uint32_t seen, struct oi_context *out,
                                      uint32_t *generation)
{
    if (active && atomic_load_explicit(&active->generation, memory_order_acquire) == seen && look(active, seen, out)) {
        *generation = seen;
        return active;
    }
    return root(out, generation);
}

/* The thread's own current span; NULL: it has none, or none any more. */
static const struct oi_active *own(void)
{
    if (oi_thread.current && oi_thread.current_shown && oi_gate_over())
        oi_thread.current = NULL;
    return oi_thread.current;
}

const struct oi_active *oi_context_active(struct oi_context *out, uint32_t *generation)
{
    const struct oi_active *current = own(), *found;
    found = oi_context_of(current, oi_thread.current_generation, out, generation);
    if (found != current)
        oi_thread.current = NULL;
    return found;
}

bool oi_context_current(struct oi_context *out)
{
    uint32_t generation;
    return oi_context_active(out, &generation) != NULL;
}

void oi_context_set(const struct oi_active *active)
{
    oi_context_set_again(active, active ? atomic_load_explicit(&active->generation, memory_order_acquire) : 0);
}

void oi_context_set_again(const struct oi_active *active, uint32_t generation)
{
    oi_context_exchange((struct oi_current){active, generation, false});
}

struct oi_current oi_context_now(void)
{
    return (struct oi_current){oi_thread.current, oi_thread.current_generation, oi_thread.current_shown};
}

struct oi_current oi_context_keep(void)
{
    return (struct oi_current){own(), oi_thread.current_generation, false};
}

struct oi_current oi_context_exchange(struct oi_current with)
{
    struct oi_current before = oi_context_now();
    oi_thread.current = with.active;
    oi_thread.current_generation = with.generation;
    oi_thread.current_shown = with.shown;
    return before;
}

/* A copy: the span's memory serves another request as soon as the child has closed its connection. */
static struct {
    bool is;
    struct oi_context context;
    char tracestate[OI_TRACESTATE_MAX], baggage[OI_BAGGAGE_MAX];
} inherited;

static struct oi_text copied(struct oi_text text, char *room, size_t size)
{
    if (!oi_text_present(text) || text.len > size)
        return (struct oi_text){NULL, 0};
    memcpy(room, text.at, text.len);
    return oi_text_of(room, text.len);
}

void oi_context_forked(void)
{
    struct oi_context *context = &inherited.context;
    if (oi_thread.current && look(oi_thread.current, oi_thread.current_generation, context)) {
        context->tracestate = copied(context->tracestate, inherited.tracestate, sizeof inherited.tracestate);
        context->baggage = copied(context->baggage, inherited.baggage, sizeof inherited.baggage);
        inherited.is = true;
    }
    oi_context_set(NULL);
}

static bool look_inherited(struct oi_context *out)
{
    if (inherited.is)
        *out = inherited.context;
    return inherited.is;
}

bool oi_context_for_exec(struct oi_context *out)
{
    bool of_its_own = oi_context_current(out) && oi_thread.current;
    return of_its_own || look_inherited(out) || oi_context_current(out);
}

void oi_active_begin(struct oi_active *active, const struct oi_context *context)
{
    uint32_t generation = atomic_load_explicit(&active->generation, memory_order_relaxed);
    active->context = *context;
    atomic_store_explicit(&active->generation, (generation + 1) | 1, memory_order_release);
}

void oi_active_end(struct oi_active *active)
{
    uint32_t generation = atomic_load_explicit(&active->generation, memory_order_relaxed);
    if (generation & 1)
        atomic_store_explicit(&active->generation, generation + 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

void oi_root_from_environment(const struct oi_context *context)
{
    environment_baggage = context->baggage;
    environment_decision = context->decision;
    if (oi_context_valid(context))
        oi_active_begin(&environment_root, context);
}

void oi_root_from_process_span(const struct oi_context *context)
{
    if (context)
        oi_active_begin(&process_root, context);
    else
        oi_active_end(&process_root);
}

void oi_root_forked(void)
{
    process_root.context.remote = true;
}

void oi_root_detach(void)
{
    if (!atomic_exchange_explicit(&detached, true, memory_order_relaxed))
        inherited.is = false;
}

bool oi_root_detached(void)
{
    return atomic_load_explicit(&detached, memory_order_relaxed);
}
