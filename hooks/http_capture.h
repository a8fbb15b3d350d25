/* Headers of one message that become attributes: put together from the pieces a parser gives, and kept until the span
 * ends. Async-signal-safe; nothing is allocated. */
#ifndef OI_HOOKS_HTTP_CAPTURE_H
#define OI_HOOKS_HTTP_CAPTURE_H

#include "agent/http_headers.h"
#include "hooks/wire/http1.h"

struct oi_http_capture {
    struct oi_buffer kept;  /* what oi_http_headers_keep has written; without room: nothing is captured */
    struct oi_buffer value; /* of the header that is being read */
    uint8_t name_length;    /* 0: none is */
    char name[OI_HTTP1_KEPT];
};

enum { OI_HTTP_CAPTURE_ROOM = 4096 };

/* With OI_HTTP_CAPTURE_ROOM bytes that outlive it. */
void oi_http_capture_begin(struct oi_http_capture *capture, char *room);

/* Nothing is captured. */
static inline void oi_http_capture_none(struct oi_http_capture *capture)
{
    capture->kept = capture->value = (struct oi_buffer){0};
    capture->name_length = 0;
}

/* An event of the message's headers. True: the value is wanted (oi_http1_take). */
bool oi_http_capture_header(struct oi_http_capture *capture, const struct oi_http1_event *event);
void oi_http_capture_value(struct oi_http_capture *capture, enum oi_message message,
                           const struct oi_http1_event *event);

#endif
