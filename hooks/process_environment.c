#include "hooks/process_environment.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/agent.h"
#include "agent/propagation.h"
#include "agent/thread.h"

static const char traceparent_name[] = "TRACEPARENT=";
static const char tracestate_name[] = "TRACESTATE=";
static const char baggage_name[] = "BAGGAGE=";

static const char *value_of(const char *entry, const char *name, size_t length)
{
    return strncmp(entry, name, length) == 0 ? entry + length : NULL;
}
#define VALUE_OF(entry, name) value_of(entry, name, sizeof name - 1)

/* What is to be done with an environment. */
struct plan {
    size_t count; /* of entries in envp */
    bool set;     /* write the context's variables */
    bool strip;   /* take away the ones this process was started with: it has become a daemon */
    struct oi_context context;
    char traceparent[OI_TRACEPARENT_LENGTH];
};

static bool make_plan(struct plan *plan, char *const envp[])
{
    const char *present = NULL, *start = oi_life_start_traceparent();
    for (plan->count = 0; envp[plan->count]; plan->count++) {
        const char *value = VALUE_OF(envp[plan->count], traceparent_name);
        present = value ? value : present;
    }
    /* One that the program chose itself stays. */
    if (present && (!start || strcmp(present, start) != 0))
        return false;
    plan->set = oi_life_exec_context(&plan->context);
    plan->strip = !plan->set && present && oi_root_detached();
    if (!plan->set)
        return plan->strip;
    oi_traceparent_format(&plan->context, plan->traceparent);
    return !present || strncmp(present, plan->traceparent, OI_TRACEPARENT_LENGTH) != 0;
}

static size_t size_of(const struct plan *plan)
{
    return (plan->count + 4) * sizeof(char *) + sizeof traceparent_name + OI_TRACEPARENT_LENGTH +
           sizeof tracestate_name + plan->context.tracestate.len + sizeof baggage_name + plan->context.baggage.len;
}

static bool replaced(const struct plan *plan, const char *entry)
{
    if (VALUE_OF(entry, traceparent_name) || VALUE_OF(entry, tracestate_name))
        return true;
    return VALUE_OF(entry, baggage_name) && (plan->strip || plan->context.baggage.len > 0);
}

static char *put(char *text, char **entry, const char *name, struct oi_text value)
{
    size_t length = strlen(name);
    *entry = text;
    memcpy(text, name, length);
    memcpy(text + length, value.at, value.len);
    text[length + value.len] = '\0';
    return text + length + value.len + 1;
}

static char *const *write_out(const struct plan *plan, char *const envp[], void *room)
{
    char **entries = room;
    size_t used = 0;
    char *text = (char *)room + (plan->count + 4) * sizeof(char *);
    for (size_t i = 0; i < plan->count; i++) {
        if (!replaced(plan, envp[i]))
            entries[used++] = envp[i];
    }
    if (plan->set) {
        text = put(text, &entries[used++], traceparent_name, oi_text_of(plan->traceparent, OI_TRACEPARENT_LENGTH));
        if (plan->context.tracestate.len > 0)
            text = put(text, &entries[used++], tracestate_name, plan->context.tracestate);
        if (plan->context.baggage.len > 0)
            put(text, &entries[used++], baggage_name, plan->context.baggage);
    }
    entries[used] = NULL;
    return entries;
}

static void *room_for(struct oi_process_environment *environment, size_t size)
{
    if (size <= sizeof environment->room)
        return environment->room;
    if (!oi_life_in_own_process())
        return NULL;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    environment->mapped = mapped;
    environment->mapped_size = size;
    return mapped;
}

char *const *oi_process_environment(struct oi_process_environment *environment, char *const envp[])
{
    struct plan plan = {0};
    int saved = errno;
    char *const *result = envp;
    environment->mapped = NULL;
    if (envp && oi_active() && oi_guard_enter()) {
        if (make_plan(&plan, envp)) {
            void *room = room_for(environment, size_of(&plan));
            if (room)
                result = write_out(&plan, envp, room);
        }
        oi_guard_leave();
    }
    errno = saved;
    return result;
}

void oi_process_environment_free(struct oi_process_environment *environment)
{
    int saved = errno;
    if (environment->mapped)
        munmap(environment->mapped, environment->mapped_size);
    environment->mapped = NULL;
    errno = saved;
}
