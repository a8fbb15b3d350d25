#include "hooks/process_environment.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/agent.h"
#include "agent/thread.h"

/* What is to be done with an environment. */
struct plan {
    size_t count; /* of entries in envp */
    bool set;     /* write the context's variables */
    bool strip;   /* take away the ones this process was started with: it has become a daemon */
    struct oi_context context;
};

static bool writes(enum oi_header header)
{
    return (oi_agent.propagators.writes & OI_HEADER_BIT(header)) != 0;
}

/* What is in the environment says already what would be written. */
static bool up_to_date(const struct oi_context *context, const struct oi_text present[OI_HEADERS])
{
    char room[OI_HEADER_ROOM];
    for (int i = 0; i < OI_HEADERS; i++) {
        if (!(oi_agent.propagators.leads & OI_HEADER_BIT(i)))
            continue;
        struct oi_text wanted = {NULL, 0};
        if (writes((enum oi_header)i))
            wanted = oi_header_value((enum oi_header)i, context, room);
        if (oi_text_present(wanted) != oi_text_present(present[i]) || !oi_text_equal(wanted, present[i]))
            return false;
    }
    return true;
}

static bool any_lead(const struct oi_text present[OI_HEADERS])
{
    for (int i = 0; i < OI_HEADERS; i++)
        if ((oi_agent.propagators.leads & OI_HEADER_BIT(i)) && oi_text_present(present[i]))
            return true;
    return false;
}

/* `present` is room to work in: exec is called on small stacks. */
static bool make_plan(struct plan *plan, char *const envp[], struct oi_text present[OI_HEADERS])
{
    plan->count = oi_headers_in_environment(envp, oi_agent.propagators.reads, present);
    /* One that the program chose itself stays. */
    if (!oi_life_as_started(present))
        return false;
    plan->set = oi_life_exec_context(&plan->context);
    plan->strip = !plan->set && any_lead(present) && oi_root_detached();
    return plan->set ? !up_to_date(&plan->context, present) : plan->strip;
}

enum { MOST = OI_HEADERS_WRITTEN + 1 }; /* entries beside the program's own: variables and the end */

static size_t size_of(const struct plan *plan)
{
    char room[OI_HEADER_ROOM];
    size_t size = (plan->count + MOST) * sizeof(char *);
    for (int i = 0; i < OI_HEADERS; i++)
        if (plan->set && writes((enum oi_header)i))
            size += oi_header_variable((enum oi_header)i).len + sizeof "=" +
                    oi_header_value((enum oi_header)i, &plan->context, room).len;
    return size;
}

static bool replaced(const struct plan *plan, const char *entry)
{
    const char *value;
    int header = oi_header_entry(entry, &value);
    if (header < 0 || !(oi_agent.propagators.reads & OI_HEADER_BIT(header)))
        return false;
    return header != OI_HEADER_BAGGAGE || plan->strip || plan->context.baggage.len > 0;
}

static char *put(char *text, char **entry, struct oi_text name, struct oi_text value)
{
    *entry = text;
    memcpy(text, name.at, name.len);
    text += name.len;
    *text++ = '=';
    memcpy(text, value.at, value.len);
    text[value.len] = '\0';
    return text + value.len + 1;
}

static char *const *write_out(const struct plan *plan, char *const envp[], void *memory)
{
    char **entries = memory, room[OI_HEADER_ROOM];
    size_t used = 0;
    char *text = (char *)memory + (plan->count + MOST) * sizeof(char *);
    for (size_t i = 0; i < plan->count; i++) {
        if (!replaced(plan, envp[i]))
            entries[used++] = envp[i];
    }
    for (int i = 0; plan->set && i < OI_HEADERS; i++) {
        if (!writes((enum oi_header)i))
            continue;
        struct oi_text value = oi_header_value((enum oi_header)i, &plan->context, room);
        if (oi_text_present(value))
            text = put(text, &entries[used++], oi_header_variable((enum oi_header)i), value);
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
        if (make_plan(&plan, envp, (struct oi_text *)(void *)environment->room)) {
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
