#include "hooks/http_capture.h"

void oi_http_capture_begin(struct oi_http_capture *capture, char *room)
{
    capture->kept = (struct oi_buffer){.at = room, .size = OI_HTTP_CAPTURE_ROOM / 2};
    capture->value = (struct oi_buffer){.at = room + OI_HTTP_CAPTURE_ROOM / 2, .size = OI_HTTP_CAPTURE_ROOM / 2};
    capture->name_length = 0;
}

bool oi_http_capture_header(struct oi_http_capture *capture, const struct oi_http1_event *event)
{
    capture->name_length = 0;
    if (capture->kept.size == 0 || event->len > sizeof capture->name)
        return false;
    memcpy(capture->name, event->at, event->len);
    capture->name_length = (uint8_t)event->len;
    capture->value.len = 0;
    return true;
}

void oi_http_capture_value(struct oi_http_capture *capture, enum oi_message message, const struct oi_http1_event *event)
{
    if (capture->name_length == 0)
        return;
    oi_buffer_put(&capture->value, event->at, event->len);
    if (!event->last)
        return;
    struct oi_text value = oi_buffer_text(&capture->value);
    while (value.len > 0 && (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
        value.len--;
    oi_http_headers_keep(&capture->kept, message, oi_text_of(capture->name, capture->name_length), value);
    capture->name_length = 0;
}
