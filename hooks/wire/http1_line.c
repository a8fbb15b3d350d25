#include "hooks/wire/http1_state.h"

enum {
    BLANK_LINES = 8, /* between messages; more are garbage */
    SCHEME = 16,     /* longest scheme of an absolute target */
};

/* --- between messages --------------------------------------------------------------------------------------------- */

void oi_http1_begin_head(struct oi_http1 *s)
{
    uint8_t method = s->side == OI_HTTP1_ANSWERS ? s->head.method : (uint8_t)OI_HTTP1_OTHER_METHOD;
    s->head = (struct oi_http1_head){.method = method};
    s->body = 0;
    s->left = 0;
    s->flags = 0;
    s->small = 0;
    s->digits = 0;
}

size_t oi_http1_begin(struct oi_http1 *s, struct oi_http1_event *event)
{
    oi_http1_begin_head(s);
    s->state = s->side == OI_HTTP1_ANSWERS ? VERSION : METHOD;
    event->kind = OI_HTTP1_BEGIN;
    event->offset = s->line;
    return 0;
}

/* Some clients send an empty line behind a body (RFC 9112 §2.2). In front of an answer there is nothing. */
size_t oi_http1_idle(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    char c = at[0];
    bool request = s->side == OI_HTTP1_REQUESTS;
    if (s->state == BLANK) {
        s->state = IDLE;
        return c == '\n' ? 1 : http1_over(s, len, OI_HTTP1_NOT_HTTP);
    }
    s->kept = 0;
    s->line = s->offset;
    if (request && s->offset == 0 && (c == 'P' || c == '\r')) {
        s->state = MAYBE_PREAMBLE;
        return 0;
    }
    if (request && (c == '\r' || c == '\n')) {
        if (++s->number > BLANK_LINES)
            return http1_over(s, len, OI_HTTP1_NOT_HTTP);
        s->state = c == '\r' ? BLANK : IDLE;
        return 1;
    }
    if (request ? !is_token(c) : c != 'H')
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    return oi_http1_begin(s, event);
}

/* --- the first line ----------------------------------------------------------------------------------------------- */

void oi_http1_note_method(struct oi_http1 *s, const char *at, size_t len)
{
    if (len == 4 && memcmp(at, "HEAD", 4) == 0)
        s->head.method = OI_HTTP1_METHOD_HEAD;
    else if (len == 7 && memcmp(at, "CONNECT", 7) == 0)
        s->head.method = OI_HTTP1_METHOD_CONNECT;
}

size_t oi_http1_method(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t i = 0;
    while (i < len && is_token(at[i]))
        i++;
    if (s->kept + i > OI_HTTP1_KEPT || (i < len && at[i] != ' '))
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    bool whole = s->kept == 0 && i < len;
    if (!whole) {
        memcpy(s->text + s->kept, at, i);
        s->kept = (uint8_t)(s->kept + i);
    }
    if (i == len)
        return i;
    event->kind = OI_HTTP1_METHOD;
    event->at = whole ? at : s->text;
    event->len = whole ? i : s->kept;
    event->offset = s->line;
    oi_http1_note_method(s, event->at, event->len);
    s->kept = 0;
    s->number = 0;
    s->state = TARGET_START;
    return i + 1;
}

/* The four forms of RFC 9112 §3.2: `/path`, `scheme://…`, `host:port` of CONNECT, `*`. What looks like none of them is
 * not HTTP, which the commands of other protocols betray here. */
static bool target_start(struct oi_http1 *s, char c)
{
    enum { FIRST, IN_SCHEME, COLON, SLASH, ASTERISK };
    bool letter = to_lower(c) >= 'a' && to_lower(c) <= 'z';
    switch (s->number) {
    case FIRST:
        if (c == '/' || s->head.method == OI_HTTP1_METHOD_CONNECT)
            s->state = TARGET;
        s->number = c == '*' ? ASTERISK : IN_SCHEME;
        s->digits = 1;
        return s->state == TARGET ? (unsigned char)c > ' ' && c != 0x7f : letter || c == '*';
    case IN_SCHEME:
        if (c == ':')
            s->number = COLON;
        return c == ':' || ((letter || is_digit(c) || c == '+' || c == '-' || c == '.') && ++s->digits <= SCHEME);
    case COLON:
        s->number = SLASH;
        return c == '/';
    case SLASH:
        s->state = TARGET;
        return c == '/';
    default:
        s->state = TARGET;
        return c == ' ';
    }
}

size_t oi_http1_target(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t i = 0;
    while (s->state == TARGET_START && i < len) {
        if (!target_start(s, at[i]))
            return http1_over(s, len, OI_HTTP1_NOT_HTTP);
        i += at[i] != ' ';
    }
    if (s->state == TARGET)
        i += http1_span(at + i, len - i, ' ' + 1);
    bool last = i < len;
    if (last && at[i] != ' ')
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    event->kind = OI_HTTP1_TARGET;
    event->at = at;
    event->len = i;
    event->offset = s->offset;
    event->last = last;
    if (last)
        s->state = VERSION;
    return i + last;
}

size_t oi_http1_version(struct oi_http1 *s, const char *at, size_t len)
{
    static const char expected[7] = "HTTP/1.";
    size_t i = 0;
    if (s->kept == 0 && len >= sizeof expected && memcmp(at, expected, sizeof expected) == 0)
        i = s->kept = sizeof expected;
    for (; i < len && s->kept < sizeof expected; i++)
        if (at[i] != expected[s->kept++])
            return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    if (i == len)
        return i;
    if (!is_digit(at[i]))
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    s->head.minor = at[i] == '0' ? 0 : 1;
    s->state = s->side == OI_HTTP1_ANSWERS ? STATUS : LINE_END;
    return i + 1;
}

/* ` 200`, then a space and a reason, or the line's end. */
size_t oi_http1_status(struct oi_http1 *s, const char *at, size_t len)
{
    size_t i = 0;
    for (; i < len && s->digits < 4; i++, s->digits++) {
        if (s->digits == 0 ? at[i] != ' ' : !is_digit(at[i]))
            return http1_over(s, len, OI_HTTP1_NOT_HTTP);
        if (s->digits > 0)
            s->small = (uint16_t)(s->small * 10 + (at[i] - '0'));
    }
    if (i == len)
        return i;
    if (s->small < 100)
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    s->head.status = s->small;
    s->state = at[i] == ' ' ? REASON : LINE_END;
    return i;
}

size_t oi_http1_line_end(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t i = s->state == REASON ? http1_span(at, len, ' ') : 0;
    if (i < len && at[i] == '\r' && !(s->flags & LINE_CR)) {
        s->flags |= LINE_CR;
        s->state = LINE_END;
        i++;
    }
    if (i == len)
        return i;
    if (at[i] != '\n')
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    event->kind = OI_HTTP1_LINE;
    event->offset = s->line;
    s->state = FIELD;
    return i + 1;
}
