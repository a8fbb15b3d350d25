#include "hooks/libcurl_headers.h"

#include "agent/agent.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct oi_text trim(struct oi_text text)
{
    while (text.len > 0 && blank(text.at[0]))
        text.at++, text.len--;
    while (text.len > 0 && blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* `Name: value`; `Name:` keeps libcurl from sending it, `Name;` sends it empty. */
static void split_line(const char *line, struct oi_text *name, struct oi_text *value)
{
    size_t length = strcspn(line, ":");
    if (!line[length])
        length = strcspn(line, ";");
    *name = oi_text_of(line, length);
    *value = line[length] ? trim(oi_text_from(line + length + 1)) : oi_text_of(line + length, 0);
}

void oi_curl_own_headers(const struct curl_slist *list, struct oi_curl_own_headers *out)
{
    const struct {
        struct oi_text name;
        struct oi_text *value;
    } wanted[] = {{OI_TEXT("traceparent"), &out->traceparent},
                  {OI_TEXT("tracestate"), &out->tracestate},
                  {OI_TEXT("baggage"), &out->baggage},
                  {OI_TEXT("user-agent"), &out->user_agent},
                  {OI_TEXT("content-type"), &out->content_type}};
    *out = (struct oi_curl_own_headers){0};
    for (; list; list = list->next) {
        struct oi_text name, value;
        if (!list->data)
            continue;
        split_line(list->data, &name, &value);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (!oi_text_present(*wanted[i].value) && oi_text_equal_nocase(name, wanted[i].name))
                *wanted[i].value = value;
    }
}

/* The program may free its list in a callback, once it has set another one: what the span needs at its end is copied.
 */
static void keep_user_agent(struct oi_curl_handle *handle, const struct oi_curl_own_headers *own)
{
    struct oi_text value = oi_text_present(own->user_agent) ? own->user_agent : oi_text_from(handle->set.user_agent);
    size_t length = value.len < sizeof handle->user_agent_sent ? value.len : sizeof handle->user_agent_sent - 1;
    if (length > 0)
        memcpy(handle->user_agent_sent, value.at, length);
    handle->user_agent_sent[length] = 0;
}

void oi_curl_span_start(struct oi_curl_handle *handle, const struct oi_curl_own_headers *own, struct oi_span *span)
{
    struct oi_context parent = {0};
    keep_user_agent(handle, own);
    if (!oi_agent.propagate_trace || !oi_text_present(own->traceparent) ||
        !oi_traceparent_parse(own->traceparent, &parent)) {
        oi_span_start(span);
        return;
    }
    /* It was read from a header, so it stays a remote one: whose span it is cannot be told from here. */
    if (oi_text_present(own->tracestate)) {
        struct oi_buffer buffer = {.at = handle->tracestate, .size = OI_TRACESTATE_MAX};
        if (oi_tracestate_parse(own->tracestate, &buffer))
            parent.tracestate = oi_buffer_text(&buffer);
    }
    oi_span_start_under(span, &parent);
}

/* A list under construction, in the handle's nodes. */
struct chain {
    struct oi_curl_handle *handle;
    size_t count;
};

static void add_header(struct chain *chain, char *line, size_t size, struct oi_text name, struct oi_text value)
{
    struct oi_buffer buffer = {.at = line, .size = size - 1};
    oi_buffer_put(&buffer, name.at, name.len);
    oi_buffer_put(&buffer, value.at, value.len);
    if (buffer.truncated)
        return;
    line[buffer.len] = 0;
    chain->handle->nodes[chain->count++].data = line;
}

static void add_trace(struct chain *chain, const struct oi_curl_own_headers *own, const struct oi_context *context)
{
    struct oi_curl_handle *handle = chain->handle;
    char value[OI_TRACEPARENT_LENGTH];
    if (oi_text_present(own->traceparent))
        return;
    oi_traceparent_format(context, value);
    add_header(chain, handle->traceparent, sizeof handle->traceparent, OI_TEXT("traceparent: "),
               oi_text_of(value, sizeof value));
    if (context->tracestate.len > 0 && !oi_text_present(own->tracestate))
        add_header(chain, handle->tracestate, sizeof handle->tracestate, OI_TEXT("tracestate: "), context->tracestate);
}

struct curl_slist *oi_curl_list(struct oi_curl_handle *handle, const struct oi_curl_own_headers *own,
                                const struct oi_span *span)
{
    struct chain chain = {handle, 0};
    struct oi_context context;
    if (handle->set.signs_headers)
        return NULL;
    oi_span_context(span, &context);
    if (oi_agent.propagate_trace)
        add_trace(&chain, own, &context);
    if (oi_agent.propagate_baggage && context.baggage.len > 0 && !oi_text_present(own->baggage) &&
        oi_curl_large_need(handle))
        add_header(&chain, handle->large->baggage, sizeof handle->large->baggage, OI_TEXT("baggage: "),
                   context.baggage);
    for (size_t i = 0; i < chain.count; i++)
        handle->nodes[i].next = i + 1 < chain.count ? &handle->nodes[i + 1] : handle->set.headers;
    return chain.count > 0 ? handle->nodes : NULL;
}
