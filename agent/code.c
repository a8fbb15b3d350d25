#include "agent/code.h"

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/stack.h"

static bool wants_trace(const struct oi_record *record)
{
    uint32_t least = oi_agent.config.stacktrace_min_duration;
    return least != UINT32_MAX &&
           (record->status == OI_STATUS_ERROR || record->end_unix_ns - record->start_unix_ns >= least * OI_NS_PER_MS);
}

static void describe(struct oi_exporter *exporter, struct oi_record *record)
{
    struct oi_frame frames[OI_STACK_FRAMES];
    struct oi_code code = {0};
    bool called_by_first, trace = wants_trace(record);
    size_t count = oi_stack_frames(record->stack, frames, &called_by_first);
    bool caller = oi_agent.config.code_attributes && called_by_first;
    if (count == 0 || (!caller && !trace))
        return;
    exporter->describe(exporter, frames, count, trace, &code);
    if (caller) {
        oi_record_str_owned(record, "code.function.name", code.function);
        oi_record_str_owned(record, "code.file.path", code.file);
        if (code.line > 0)
            oi_record_int(record, "code.line.number", code.line);
    }
    if (trace)
        oi_record_str_owned(record, "code.stacktrace", code.trace);
}

void oi_code_describe(struct oi_exporter *exporter, struct oi_record *const *records, uint32_t count)
{
    static bool said;
    if (!oi_stack_wanted)
        return;
    for (uint32_t i = 0; i < count; i++)
        describe(exporter, records[i]);
    if (!said && oi_stack_overflowed()) {
        said = true;
        oi_log(OI_LOG_WARN, "more different call stacks than can be kept; further ones are left out");
    }
}
