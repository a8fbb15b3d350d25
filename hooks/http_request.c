#include "hooks/http_request.h"

#include <stdatomic.h>

#include "agent/agent.h"
#include "agent/futex.h"
#include "agent/http_excluded.h"
#include "agent/pool.h"
#include "hooks/http_passing.h"

enum { REQUESTS = 8192 };

static struct oi_pool requests = {.slot_size = OI_REQUEST_SIZE, .count = REQUESTS, .modest = true};

static char *reserve(struct oi_request *request, uint32_t size)
{
    request->used += size;
    return request->text + request->used - size;
}

static void begin_capture(struct oi_request *request, struct oi_http_capture *capture, enum oi_message message)
{
    if (oi_http_headers_wanted(message))
        oi_http_capture_begin(capture, reserve(request, OI_HTTP_CAPTURE_ROOM));
    else
        oi_http_capture_none(capture);
}

void oi_requests_map(void)
{
    oi_pool_map(&requests);
}

struct oi_request *oi_request_take(void)
{
    bool possible = !oi_life_confined() || oi_pool_mapped(&requests);
    struct oi_request *request = possible ? oi_pool_take(&requests) : NULL;
    if (!request)
        return NULL;
    memset(&request->next, 0, offsetof(struct oi_request, asked) - offsetof(struct oi_request, next));
    request->request_size = request->response_size = -1;
    begin_capture(request, &request->asked, OI_SERVER_REQUEST);
    begin_capture(request, &request->answer, OI_SERVER_RESPONSE);
    struct oi_time now = oi_time_now();
    request->start_unix_ns = now.unix_ns;
    request->start_mono_ns = now.mono_ns;
    return request;
}

void oi_request_give(struct oi_request *request)
{
    oi_gate_leave(&request->gate);
    if (!request->headed || request->answered || request->image == oi_span_image())
        oi_active_end(&request->active);
    oi_pool_give(&requests, request);
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* Kept free for who the caller is, whatever else comes before: identifiers, and tracestate twice. */
enum { CALLER_ROOM = 1536 };

static size_t room(const struct oi_request *request)
{
    return OI_REQUEST_SIZE - sizeof *request - request->used;
}

static bool of_the_caller(const struct oi_request *request, const struct oi_text *place)
{
    return place >= request->carried && place < request->carried + OI_HEADERS;
}

static size_t room_to_add(const struct oi_request *request)
{
    size_t left = room(request);
    if (of_the_caller(request, request->open) && request->open != &request->carried[OI_HEADER_BAGGAGE])
        return left;
    return left > CALLER_ROOM ? left - CALLER_ROOM : 0;
}

void oi_request_add(struct oi_request *request, const char *at, size_t length)
{
    if (!request->open)
        return;
    if (length > room_to_add(request)) {
        length = room_to_add(request);
        request->cut = true;
    }
    if (length > 0)
        memcpy(request->text + request->used, at, length);
    request->used += (uint32_t)length;
    request->open->len += length;
}

void oi_request_open(struct oi_request *request, struct oi_text *place)
{
    struct oi_text before = *place;
    request->open = place;
    request->cut = false;
    *place = oi_text_of(request->text + request->used, 0);
    if (oi_text_present(before)) {
        oi_request_add(request, before.at, before.len);
        oi_request_add(request, ",", 1);
    }
}

void oi_request_close(struct oi_request *request)
{
    struct oi_text *text = request->open;
    while (text && text->len > 0 && (text->at[text->len - 1] == ' ' || text->at[text->len - 1] == '\t'))
        text->len--;
    if (request->cut && of_the_caller(request, text))
        *text = (struct oi_text){NULL, 0};
    request->open = NULL;
}

struct oi_text *oi_request_place(struct oi_request *request, enum oi_http1_header header, struct oi_text name)
{
    switch (header) {
    case OI_HTTP1_HOST:
        return &request->headers[OI_REQUEST_HOST];
    case OI_HTTP1_USER_AGENT:
        return &request->headers[OI_REQUEST_USER_AGENT];
    case OI_HTTP1_FORWARDED:
        return &request->headers[OI_REQUEST_FORWARDED];
    case OI_HTTP1_X_FORWARDED_FOR:
        return &request->headers[OI_REQUEST_X_FORWARDED_FOR];
    case OI_HTTP1_X_FORWARDED_HOST:
        return &request->headers[OI_REQUEST_X_FORWARDED_HOST];
    case OI_HTTP1_X_FORWARDED_PROTO:
        return &request->headers[OI_REQUEST_X_FORWARDED_PROTO];
    case OI_HTTP1_X_FORWARDED_PORT:
        return &request->headers[OI_REQUEST_X_FORWARDED_PORT];
    case OI_HTTP1_CONTENT_TYPE:
        return &request->headers[OI_REQUEST_CONTENT_TYPE];
    case OI_HTTP1_OTHER_HEADER: {
        int carried = oi_header_find(name);
        bool wanted = carried >= 0 && (oi_agent.propagators.reads & OI_HEADER_BIT(carried)) != 0;
        return wanted ? &request->carried[carried] : NULL;
    }
    default:
        return NULL;
    }
}

struct oi_http1_wanted oi_request_wanted(void)
{
    struct oi_http1_wanted wanted = {0};
    struct oi_request none;
    for (unsigned header = OI_HTTP1_OTHER_HEADER + 1; header <= OI_HTTP1_X_FORWARDED_PORT; header++)
        if (oi_request_place(&none, (enum oi_http1_header)header, OI_TEXT("")))
            wanted.known |= (uint16_t)(1u << header);
    for (int i = 0; i < OI_HEADERS; i++)
        if (oi_agent.propagators.reads & OI_HEADER_BIT(i))
            wanted.lengths |= UINT64_C(1) << oi_header_name((enum oi_header)i).len;
    return wanted;
}

/* A whole text, without white space around it. Mostly there is room, and it is the only one of its kind. */
static inline void keep(struct oi_request *request, struct oi_text *place, struct oi_text text)
{
    if (!oi_text_present(*place) && text.len + CALLER_ROOM <= room(request)) {
        *place = oi_text_of(request->text + request->used, text.len);
        memcpy(request->text + request->used, text.at, text.len);
        request->used += (uint32_t)text.len;
        return;
    }
    oi_request_open(request, place);
    oi_request_add(request, text.at, text.len);
    oi_request_close(request);
}

static void keep_field(struct oi_request *request, unsigned header, struct oi_text name, struct oi_text value)
{
    struct oi_text *place = oi_request_place(request, (enum oi_http1_header)header, name);
    if (place)
        keep(request, place, value);
}

void oi_request_message(struct oi_request *request, const struct oi_http1_event *event)
{
    keep(request, &request->method, oi_text_of(event->at, event->len));
    keep(request, &request->target, oi_text_of(event->value, event->value_len));
    request->method_kind = event->head.method;
    request->line = true;
    request->minor = event->head.minor;
    for (size_t i = 0; i < event->count; i++) {
        const struct oi_http1_field *field = &event->fields[i];
        keep_field(request, field->header, oi_text_of(event->text + field->name, field->name_len),
                   oi_text_of(event->text + field->value, field->value_len));
    }
}

bool oi_request_event(struct oi_request *request, struct oi_http1 *parser, const struct oi_http1_event *event)
{
    switch (event->kind) {
    case OI_HTTP1_METHOD:
        oi_request_open(request, &request->method);
        oi_request_add(request, event->at, event->len);
        oi_request_close(request);
        request->method_kind = event->head.method;
        oi_request_open(request, &request->target);
        return true;
    case OI_HTTP1_TARGET:
        oi_request_add(request, event->at, event->len);
        return true;
    case OI_HTTP1_LINE:
        oi_request_close(request);
        request->line = true;
        request->minor = event->head.minor;
        return true;
    case OI_HTTP1_HEADER: {
        struct oi_text *place =
            oi_request_place(request, (enum oi_http1_header)event->header, oi_text_of(event->at, event->len));
        if (place) {
            oi_http1_take(parser);
            oi_request_open(request, place);
        }
        return true;
    }
    case OI_HTTP1_VALUE:
        oi_request_add(request, event->at, event->len);
        if (event->last)
            oi_request_close(request);
        return true;
    case OI_HTTP1_FIELD:
        keep_field(request, event->header, oi_text_of(event->at, event->len),
                   oi_text_of(event->value, event->value_len));
        return true;
    default:
        return false;
    }
}

/* --- the span ----------------------------------------------------------------------------------------------------- */

/* The rest of the request's memory as a buffer; what is put into it stays. */
struct oi_buffer oi_request_rest(struct oi_request *request)
{
    return (struct oi_buffer){.at = request->text + request->used, .size = room(request)};
}

void oi_request_trace(struct oi_request *request, struct oi_context *out)
{
    struct oi_buffer state = oi_request_rest(request);
    if (state.size > OI_TRACESTATE_MAX)
        state.size = OI_TRACESTATE_MAX;
    oi_propagators_extract(&oi_agent.propagators, request->carried, &state, out);
    request->used += (uint32_t)state.len;
}

static void read_baggage(struct oi_request *request, struct oi_context *out)
{
    struct oi_buffer baggage = oi_request_rest(request);
    if (oi_text_present(request->carried[OI_HEADER_BAGGAGE]) &&
        oi_baggage_parse(request->carried[OI_HEADER_BAGGAGE], &baggage) > 0) {
        out->baggage = oi_buffer_text(&baggage);
        request->used += (uint32_t)baggage.len;
    }
}

/* The URL is put together only where somebody has an expression for it. */
static bool excluded(struct oi_request *request)
{
    static const char scheme[] = "http://";
    struct oi_text host = request->headers[OI_REQUEST_HOST];
    struct oi_buffer url = oi_request_rest(request);
    if (!oi_http_excluded_any())
        return false;
    if (request->target.len > 0 && request->target.at[0] == '/') {
        oi_buffer_put(&url, scheme, sizeof scheme - 1);
        oi_buffer_put(&url, oi_text_present(host) ? host.at : "", host.len);
    }
    oi_buffer_put(&url, request->target.at, request->target.len);
    return oi_http_excluded(oi_buffer_text(&url));
}

static void begin(struct oi_request *request, struct oi_context *caller)
{
    bool is_excluded = excluded(request);
    request->headed = true;
    if (is_excluded)
        caller->decision = OI_DECISION_EXCLUDED;
    struct oi_time first_byte = {request->start_unix_ns, request->start_mono_ns};
    oi_span_start_then(&request->span, caller, &first_byte);
    request->image = oi_span_image();
    request->forks = oi_life_forks();
    struct oi_context own;
    oi_span_context(&request->span, &own);
    if (is_excluded)
        own.decision = OI_DECISION_EXCLUDED;
    oi_active_begin(&request->active, &own);
    request->gate = oi_gate_enter();
    if (request->span.has_parent)
        oi_passing_add(request);
}

void oi_request_begin(struct oi_request *request)
{
    struct oi_context caller = {0};
    if (request->headed)
        return;
    oi_request_trace(request, &caller);
    read_baggage(request, &caller);
    begin(request, &caller);
}

void oi_request_begin_refused(struct oi_request *request)
{
    struct oi_context none = {0};
    if (!request->headed)
        begin(request, &none);
}
