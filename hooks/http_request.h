/* One request under way: what is kept of it until its answer has been sent. */
#ifndef OI_HOOKS_HTTP_REQUEST_H
#define OI_HOOKS_HTTP_REQUEST_H

#include "agent/gate.h"
#include "agent/propagator.h"
#include "agent/span.h"
#include "hooks/http_capture.h"
#include "hooks/wire/http1.h"

/* Headers that a span speaks of, beside those of the propagators. */
enum oi_request_header {
    OI_REQUEST_HOST,
    OI_REQUEST_USER_AGENT,
    OI_REQUEST_FORWARDED,
    OI_REQUEST_X_FORWARDED_FOR,
    OI_REQUEST_X_FORWARDED_HOST,
    OI_REQUEST_X_FORWARDED_PROTO,
    OI_REQUEST_X_FORWARDED_PORT,
    OI_REQUEST_CONTENT_TYPE,
    OI_REQUEST_HEADERS
};

enum { OI_REQUEST_SIZE = 16384 };

struct oi_request {
    uint32_t pool_link;      /* the pool's */
    struct oi_active active; /* what threads refer to while it is served; its generation lives as long as the memory */
    struct oi_request *next; /* on its connection, the one that came after it */
    struct oi_span span;     /* begun with `headed` */
    struct oi_gate_ticket gate;
    uint64_t start_unix_ns, start_mono_ns; /* its first byte */
    uint32_t image, forks;                 /* process image and number of forks when it was read */
    uint8_t minor;
    uint8_t method_kind;  /* enum oi_http1_method */
    bool line;            /* its first line was read, and is HTTP/1's */
    bool headed;          /* its headers were read: it has a span */
    bool complete;        /* read as a whole */
    bool answered;        /* its answer has begun */
    bool stream;          /* the answer is an event stream, which a client may leave at any time */
    bool is_export;       /* of telemetry, sent by the program: never traced */
    bool placed;          /* headers of ours have begun to leave */
    bool ended;           /* its answer was read as a whole, while a write of it was still under way */
    struct oi_text error; /* what sending it failed with; its answer may come all the same */
    uint64_t trace_at;    /* where in the stream its traceparent's value begins; 0: nowhere */
    uint16_t status;
    int64_t request_size, response_size; /* -1: unknown */
    struct oi_text method, target;
    struct oi_text headers[OI_REQUEST_HEADERS];
    struct oi_text carried[OI_HEADERS];
    struct oi_text *open;                 /* the text that is being put together */
    bool cut;                             /* not all of it fitted */
    uint32_t used;                        /* of `text` */
    struct oi_http_capture asked, answer; /* headers that become attributes; behind what is cleared for each request */
    char text[];
};

/* Maps the memory for requests, which may not be possible later. */
void oi_requests_map(void);

/* A request whose first byte was read just now; NULL: too many are under way. */
struct oi_request *oi_request_take(void);

/* Ends its context and gives the memory back. Submits nothing. In a forked child that has not answered it, the context
 * stays: what the child executes still belongs to the request (agent/context.h: oi_context_for_exec). */
void oi_request_give(struct oi_request *request);

/* Putting texts together, piece by piece: the next one, to be stored at `place`; one that is there already goes on
 * after a comma. What does not fit is cut off, but for the caller's context: half a value of that is none. */
void oi_request_open(struct oi_request *request, struct oi_text *place);
void oi_request_add(struct oi_request *request, const char *at, size_t length);
void oi_request_close(struct oi_request *request);

/* Where the value of a header is kept; NULL: it is not. */
struct oi_text *oi_request_place(struct oi_request *request, enum oi_http1_header header, struct oi_text name);

/* The headers whose values are kept. */
struct oi_http1_wanted oi_request_wanted(void);

/* A part of its first line or of its headers: puts it where it belongs. True: the event was such a part. */
bool oi_request_event(struct oi_request *request, struct oi_http1 *parser, const struct oi_http1_event *event);

/* The same of a message that came whole (OI_HTTP1_MESSAGE). */
void oi_request_message(struct oi_request *request, const struct oi_http1_event *event);

/* The trace that its headers name, without baggage: its caller's where the request was read, its own where it is sent.
 * The text stands in its memory. */
void oi_request_trace(struct oi_request *request, struct oi_context *out);

/* The memory it does not use, for a text of any kind. */
struct oi_buffer oi_request_rest(struct oi_request *request);

/* Its headers are known: reads the caller's context and begins the span. */
void oi_request_begin(struct oi_request *request);

/* It is answered before its headers were read, if they have not been: the span has no parent. */
void oi_request_begin_refused(struct oi_request *request);

#endif
