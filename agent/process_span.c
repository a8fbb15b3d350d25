#include "agent/process_span.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/span.h"

static const struct oi_scope scope = {"otel-instrument.process", OI_AREA_OTHER};
static struct oi_span span;
static _Atomic bool here;
static char path[PATH_MAX];
static pid_t pid;

void oi_process_span_start(void)
{
    struct oi_context context;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    pid = getpid(); /* now: a filter may forbid it at the end */
    oi_span_start(&span);
    oi_span_context(&span, &context);
    oi_root_from_process_span(&context);
    atomic_store(&here, true);
}

bool oi_process_span_here(void)
{
    return atomic_load(&here);
}

void oi_process_span_forget(void)
{
    atomic_store(&here, false);
}

void oi_process_span_end(const int *status)
{
    if (!atomic_exchange(&here, false))
        return;
    struct oi_record *record = oi_span_end(&span, &scope, OI_KIND_INTERNAL);
    const char *slash = strrchr(path, '/');
    struct oi_text name = oi_text_from(slash ? slash + 1 : path);
    oi_record_name(record, name);
    oi_record_str(record, "process.executable.name", name);
    oi_record_str(record, "process.executable.path", oi_text_from(path));
    oi_record_int(record, "process.pid", pid);
    if (status) {
        int code = *status & 0xff; /* what the parent process gets to see */
        oi_record_int(record, "process.exit.code", code);
        if (code != 0) {
            char text[12];
            int length = snprintf(text, sizeof text, "%d", code);
            oi_record_str(record, "error.type", oi_text_of(text, (size_t)length));
            oi_record_status(record, OI_STATUS_ERROR, (struct oi_text){NULL, 0});
        }
    }
    oi_record_submit(record);
    oi_root_from_process_span(NULL);
}
