#include "agent/carrier.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/agent.h"

static uint64_t started_with[OI_HEADERS]; /* hashes of the headers this process was started with; 0: none */
static char start_tracestate[OI_TRACESTATE_MAX];
static char start_baggage[OI_BAGGAGE_MAX];

/* FNV-1a; never 0. A program may write over its environment, so there is nothing to point to. */
static uint64_t hash_of(struct oi_text text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3;
    return hash | 1;
}

static void remember_start(enum oi_header header, struct oi_text value)
{
    if (oi_text_present(value) && (oi_agent.propagators.leads & OI_HEADER_BIT(header)))
        started_with[header] = hash_of(value);
}

void oi_carrier_read(void)
{
    struct oi_context context;
    struct oi_text values[OI_HEADERS];
    struct oi_buffer state = {.at = start_tracestate, .size = sizeof start_tracestate};
    struct oi_buffer baggage = {.at = start_baggage, .size = sizeof start_baggage};
    oi_headers_in_environment(environ, oi_agent.propagators.reads, values);
    if (oi_propagators_extract(&oi_agent.propagators, values, &state, &context))
        for (int i = 0; i < OI_HEADERS; i++)
            remember_start((enum oi_header)i, values[i]);
    if (oi_text_present(values[OI_HEADER_BAGGAGE]) && oi_baggage_parse(values[OI_HEADER_BAGGAGE], &baggage) > 0)
        context.baggage = oi_buffer_text(&baggage);
    oi_root_from_environment(&context);
}

/* What is there of a caller, whose span is not the parent any more, becomes empty: that says nothing, and taking
 * variables away is more than we do to a program. */
static void put_into_environment(enum oi_header header, struct oi_text present, const struct oi_context *context)
{
    char room[OI_HEADER_ROOM], value[OI_HEADER_ROOM + 1];
    struct oi_text text = {NULL, 0};
    if (!(oi_agent.propagators.leads & OI_HEADER_BIT(header)))
        return;
    if (oi_agent.propagators.writes & OI_HEADER_BIT(header))
        text = oi_header_value(header, context, room);
    if (!oi_text_present(text)) {
        if (!oi_text_present(present))
            return;
        text = OI_TEXT("");
    }
    memcpy(value, text.at, text.len);
    value[text.len] = '\0';
    setenv(oi_header_variable(header).at, value, 1);
    remember_start(header, text);
}

void oi_carrier_hand_on(void)
{
    struct oi_context context;
    struct oi_text present[OI_HEADERS];
    if (!(oi_agent.propagators.writes & oi_agent.propagators.leads) || !oi_context_current(&context))
        return;
    oi_headers_in_environment(environ, oi_agent.propagators.reads, present);
    for (int i = 0; i < OI_HEADERS; i++)
        put_into_environment((enum oi_header)i, present[i], &context);
}

bool oi_life_exec_context(struct oi_context *out)
{
    if (!oi_active() || !(oi_agent.propagators.writes & oi_agent.propagators.leads))
        return false;
    return oi_context_for_exec(out);
}

bool oi_life_as_started(const struct oi_text values[OI_HEADERS])
{
    for (int i = 0; i < OI_HEADERS; i++)
        if ((oi_agent.propagators.leads & OI_HEADER_BIT(i)) && oi_text_present(values[i]) &&
            hash_of(values[i]) != started_with[i])
            return false;
    return true;
}
