#include "agent/span.h"

#include "agent/agent.h"
#include "agent/count.h"
#include "agent/futex.h"
#include "agent/id.h"
#include "agent/life.h"
#include "agent/record.h"
#include "agent/stack.h"
#include "agent/thread.h"

static void start(struct oi_span *span, const struct oi_context *parent, const struct oi_time *at)
{
    span->has_parent = parent && oi_context_valid(parent);
    if (span->has_parent) {
        memcpy(span->trace_id, parent->trace_id, sizeof span->trace_id);
        memcpy(span->parent_id, parent->span_id, sizeof span->parent_id);
        span->parent_remote = parent->remote;
        span->flags = parent->flags & OI_FLAG_RANDOM;
        span->tracestate = parent->tracestate;
    } else {
        oi_id_trace(span->trace_id);
        memset(span->parent_id, 0, sizeof span->parent_id);
        span->parent_remote = false;
        span->flags = OI_FLAG_RANDOM;
        span->tracestate = (struct oi_text){NULL, 0};
    }
    span->baggage = parent ? parent->baggage : (struct oi_text){NULL, 0};
    span->debug = parent && parent->decision == OI_DECISION_DEBUG;
    oi_id_span(span->span_id);
    span->stack = 0;
    if (oi_sampler_decide(&oi_agent.sampler, span->trace_id, parent)) {
        span->flags |= OI_FLAG_SAMPLED;
        oi_record_prefetch();
        if (__builtin_expect(oi_stack_wanted, false))
            span->stack = oi_stack_here();
    }
    struct oi_time now = at ? *at : oi_time_now();
    span->start_unix_ns = now.unix_ns;
    span->start_mono_ns = now.mono_ns;
}

void oi_span_start(struct oi_span *span)
{
    struct oi_context current;
    oi_life_check_fork();
    span->parent_generation = 0;
    span->parent = oi_context_active(&current, &span->parent_generation);
    start(span, &current, NULL);
}

void oi_span_start_in(struct oi_span *span, const struct oi_active *active, uint32_t generation)
{
    struct oi_context context;
    oi_life_check_fork();
    span->parent_generation = 0;
    span->parent = oi_context_of(active, generation, &context, &span->parent_generation);
    start(span, &context, NULL);
}

void oi_span_start_under(struct oi_span *span, const struct oi_context *parent)
{
    oi_span_start_then(span, parent, NULL);
}

void oi_span_start_then(struct oi_span *span, const struct oi_context *parent, const struct oi_time *at)
{
    oi_life_check_fork();
    span->parent = NULL;
    span->parent_generation = 0;
    start(span, parent, at);
}

uint32_t oi_span_image(void)
{
    oi_life_check_fork();
    return oi_records_image();
}

/* The texts belong to the parent, whose memory serves another span once it has ended. */
static bool texts_valid(const struct oi_span *span)
{
    return !span->parent ||
           atomic_load_explicit(&span->parent->generation, memory_order_acquire) == span->parent_generation;
}

void oi_span_context(const struct oi_span *span, struct oi_context *out)
{
    memcpy(out->trace_id, span->trace_id, sizeof out->trace_id);
    memcpy(out->span_id, span->span_id, sizeof out->span_id);
    out->flags = span->flags;
    out->remote = false;
    out->decision = span->debug ? OI_DECISION_DEBUG : OI_DECISION_FLAGS;
    bool valid = texts_valid(span);
    out->tracestate = valid ? span->tracestate : (struct oi_text){NULL, 0};
    out->baggage = valid ? span->baggage : (struct oi_text){NULL, 0};
}

struct oi_record *oi_span_end(const struct oi_span *span, const struct oi_scope *scope, enum oi_kind kind)
{
    if ((span->flags & OI_FLAG_SAMPLED) == 0 || !oi_agent.recording || !oi_active())
        return NULL;
    struct oi_record *record = oi_record_take();
    if (!record) {
        oi_count_made();
        oi_count_dropped(OI_DROP_MEMORY, 1);
        return NULL;
    }
    memcpy(record->trace_id, span->trace_id, sizeof record->trace_id);
    memcpy(record->span_id, span->span_id, sizeof record->span_id);
    memcpy(record->parent_id, span->parent_id, sizeof record->parent_id);
    record->flags = span->flags;
    record->kind = (uint8_t)kind;
    record->has_parent = span->has_parent;
    record->parent_remote = span->parent_remote;
    record->stack = span->stack;
    record->scope = scope;
    record->start_unix_ns = span->start_unix_ns;
    record->end_unix_ns = span->start_unix_ns + (oi_mono_ns() - span->start_mono_ns);
    if (span->tracestate.len > 0 && texts_valid(span)) {
        struct oi_buffer buffer = oi_record_text_begin(record, span->tracestate.len);
        oi_buffer_put(&buffer, span->tracestate.at, span->tracestate.len);
        struct oi_text kept = oi_record_text_end(record, &buffer);
        /* A cut list would be an invalid one. */
        record->tracestate = !buffer.truncated && texts_valid(span) ? kept : (struct oi_text){NULL, 0};
    }
    return record;
}
