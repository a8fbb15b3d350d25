#include "hooks/libcurl_headers.h"

#include "agent/agent.h"
#include "agent/propagation_text.h"

void oi_curl_split_line(const char *line, struct oi_text *name, struct oi_text *value)
{
    size_t length = strcspn(line, ":");
    if (!line[length])
        length = strcspn(line, ";");
    *name = oi_text_of(line, length);
    *value = line[length] ? oi_header_trim(oi_text_from(line + length + 1)) : oi_text_of(line + length, 0);
}

static void keep_first(struct oi_text *kept, struct oi_text value)
{
    if (!oi_text_present(*kept))
        *kept = value;
}

/* `Name:` is not sent. What is sent twice is received as one value with a comma in it, which no format accepts. */
static void keep_sent(struct oi_text *kept, struct oi_text value)
{
    if (!oi_text_present(*kept) || kept->len == 0)
        *kept = value;
    else if (value.len > 0)
        *kept = OI_TEXT(",");
}

void oi_curl_own_headers(const struct curl_slist *list, struct oi_curl_own_headers *out)
{
    *out = (struct oi_curl_own_headers){0};
    for (; list; list = list->next) {
        struct oi_text name, value;
        if (!list->data)
            continue;
        oi_curl_split_line(list->data, &name, &value);
        int header = oi_header_find(name);
        if (header >= 0)
            keep_sent(&out->context[header], value);
        else if (oi_text_equal_nocase(name, OI_TEXT("user-agent")))
            keep_first(&out->user_agent, value);
        else if (oi_text_equal_nocase(name, OI_TEXT("content-type")))
            keep_first(&out->content_type, value);
    }
}

/* The program says itself which trace the request belongs to, or that it belongs to none. */
static bool names_a_trace(const struct oi_curl_own_headers *own)
{
    for (int i = 0; i < OI_HEADERS; i++)
        if ((oi_agent.propagators.leads & OI_HEADER_BIT(i)) && oi_text_present(own->context[i]))
            return true;
    return false;
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
    struct oi_context parent;
    struct oi_buffer state = {.at = handle->tracestate, .size = OI_TRACESTATE_MAX};
    keep_user_agent(handle, own);
    /* It was read from a header, so it stays a remote one: whose span it is cannot be told from here. */
    if (names_a_trace(own) && oi_propagators_extract(&oi_agent.propagators, own->context, &state, &parent))
        oi_span_start_under(span, &parent);
    else
        oi_span_start(span);
}

/* A list under construction, in the handle's nodes; short lines stand in its room for them. */
struct chain {
    struct oi_curl_handle *handle;
    size_t count;
    size_t used; /* bytes of that room */
};

/* Writes `name: value` and makes it the chain's next node. Returns the line's length with its end; 0: no room. */
static size_t add_line(struct chain *chain, char *line, size_t size, struct oi_text name, struct oi_text value)
{
    struct oi_buffer buffer = {.at = line, .size = size};
    oi_buffer_put(&buffer, name.at, name.len);
    oi_buffer_put(&buffer, ": ", 2);
    oi_buffer_put(&buffer, value.at, value.len);
    oi_buffer_char(&buffer, '\0');
    if (buffer.truncated || chain->count == OI_HEADERS_WRITTEN)
        return 0;
    chain->handle->nodes[chain->count++].data = line;
    return buffer.len;
}

static void add_header(struct chain *chain, enum oi_header header, struct oi_text value)
{
    struct oi_curl_handle *handle = chain->handle;
    struct oi_text name = oi_header_name(header);
    if (header == OI_HEADER_TRACESTATE)
        add_line(chain, handle->tracestate, sizeof handle->tracestate, name, value);
    else if (header != OI_HEADER_BAGGAGE)
        chain->used += add_line(chain, handle->lines + chain->used, sizeof handle->lines - chain->used, name, value);
    else if (oi_curl_large_need(handle))
        add_line(chain, handle->large->baggage, sizeof handle->large->baggage, name, value);
}

/* OTEL_NATIVE_PROPAGATE_HOSTS, about the host the program asks for: where libcurl is redirected to, its list goes too.
 */
static bool may_propagate_to_host(struct oi_curl_handle *handle)
{
    const char *hosts = oi_agent.config.propagate_hosts;
    if (!oi_agent.config.set.propagate_hosts)
        return true;
    struct oi_url url = oi_url_split(oi_curl_url(handle));
    uint16_t port = handle->set.port ? handle->set.port : url.port;
    if (port == 0)
        port = oi_text_equal_nocase(url.scheme, OI_TEXT("https")) ? 443 : 80;
    return oi_list_matches_host(hosts, url.host, port);
}

struct curl_slist *oi_curl_list(struct oi_curl_handle *handle, const struct oi_curl_own_headers *own,
                                const struct oi_span *span)
{
    struct chain chain = {handle, 0, 0};
    struct oi_context context;
    char room[OI_HEADER_ROOM];
    unsigned wanted = oi_agent.propagators.writes;
    if (handle->set.signs_headers || !may_propagate_to_host(handle))
        return NULL;
    if (names_a_trace(own))
        wanted &= OI_HEADER_BIT(OI_HEADER_BAGGAGE);
    oi_span_context(span, &context);
    for (int i = 0; i < OI_HEADERS; i++) {
        if (!(wanted & OI_HEADER_BIT(i)) || oi_text_present(own->context[i]))
            continue;
        struct oi_text value = oi_header_value((enum oi_header)i, &context, room);
        if (oi_text_present(value))
            add_header(&chain, (enum oi_header)i, value);
    }
    for (size_t i = 0; i < chain.count; i++)
        handle->nodes[i].next = i + 1 < chain.count ? &handle->nodes[i + 1] : handle->set.headers;
    return chain.count > 0 ? handle->nodes : NULL;
}
