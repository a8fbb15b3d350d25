#include "hooks/wire/http1_state.h"

#define SAME(at, len, literal) http1_same(at, len, "" literal, sizeof(literal) - 1)

enum oi_http1_header oi_http1_header_of(const char *name, size_t len)
{
    /* By length first: most names match none. */
    switch (len) {
    case 4:
        return SAME(name, len, "host") ? OI_HTTP1_HOST : OI_HTTP1_OTHER_HEADER;
    case 6:
        return SAME(name, len, "expect") ? OI_HTTP1_EXPECT : OI_HTTP1_OTHER_HEADER;
    case 7:
        return SAME(name, len, "upgrade") ? OI_HTTP1_UPGRADE : OI_HTTP1_OTHER_HEADER;
    case 9:
        return SAME(name, len, "forwarded") ? OI_HTTP1_FORWARDED : OI_HTTP1_OTHER_HEADER;
    case 10:
        if (SAME(name, len, "connection"))
            return OI_HTTP1_CONNECTION;
        return SAME(name, len, "user-agent") ? OI_HTTP1_USER_AGENT : OI_HTTP1_OTHER_HEADER;
    case 12:
        return SAME(name, len, "content-type") ? OI_HTTP1_CONTENT_TYPE : OI_HTTP1_OTHER_HEADER;
    case 14:
        return SAME(name, len, "content-length") ? OI_HTTP1_CONTENT_LENGTH : OI_HTTP1_OTHER_HEADER;
    case 15:
        return SAME(name, len, "x-forwarded-for") ? OI_HTTP1_X_FORWARDED_FOR : OI_HTTP1_OTHER_HEADER;
    case 16:
        if (SAME(name, len, "x-forwarded-host"))
            return OI_HTTP1_X_FORWARDED_HOST;
        return SAME(name, len, "x-forwarded-port") ? OI_HTTP1_X_FORWARDED_PORT : OI_HTTP1_OTHER_HEADER;
    case 17:
        if (SAME(name, len, "transfer-encoding"))
            return OI_HTTP1_TRANSFER_ENCODING;
        return SAME(name, len, "x-forwarded-proto") ? OI_HTTP1_X_FORWARDED_PROTO : OI_HTTP1_OTHER_HEADER;
    default:
        return OI_HTTP1_OTHER_HEADER;
    }
}

/* --- Content-Length: digits, or a list of one and the same number ------------------------------------------------- */

enum { NO_DIGITS, IN_DIGITS, BEHIND_DIGITS };

static void length_end(struct oi_http1 *s)
{
    if (s->number == NO_DIGITS || (s->head.has_length && s->head.length != s->left))
        s->flags |= BAD_FRAMING;
    s->head.has_length = true;
    s->head.length = s->left;
    s->number = NO_DIGITS;
    s->left = 0;
}

static void length_char(struct oi_http1 *s, char c)
{
    if (is_digit(c) && s->number != BEHIND_DIGITS) {
        if (s->left > (INT64_MAX - 9) / 10)
            s->flags |= BAD_FRAMING;
        else
            s->left = s->left * 10 + (uint64_t)(c - '0');
        s->number = IN_DIGITS;
    } else if (c == ',') {
        length_end(s);
    } else if (is_blank(c)) {
        if (s->number == IN_DIGITS)
            s->number = BEHIND_DIGITS;
    } else {
        s->flags |= BAD_FRAMING;
    }
}

/* --- lists of tokens: Transfer-Encoding, Connection, Expect ------------------------------------------------------- */

/* Only chunked says where a message ends, and only as the last coding, once. `identity` was dropped from the standard;
 * some take it for nothing, some for an error. */
static void coding_end(struct oi_http1 *s, size_t len)
{
    if (s->flags & CODED_CHUNKED)
        s->flags |= BAD_FRAMING;
    else if (SAME(s->text, len, "chunked"))
        s->flags |= CODED_CHUNKED;
    else if (!SAME(s->text, len, "gzip") && !SAME(s->text, len, "x-gzip") && !SAME(s->text, len, "deflate") &&
             !SAME(s->text, len, "compress") && !SAME(s->text, len, "x-compress"))
        s->flags |= BAD_FRAMING;
}

static void token_end(struct oi_http1 *s)
{
    size_t len = s->kept;
    while (len > 0 && len <= OI_HTTP1_KEPT && is_blank(s->text[len - 1]))
        len--;
    s->kept = 0;
    if (len == 0)
        return;
    s->number = 1;
    if (s->header == OI_HTTP1_TRANSFER_ENCODING)
        coding_end(s, len);
    else if (s->header == OI_HTTP1_EXPECT)
        s->flags |= SAME(s->text, len, "100-continue") ? SAID_EXPECT : 0;
    else if (SAME(s->text, len, "close"))
        s->flags |= SAID_CLOSE;
    else if (SAME(s->text, len, "keep-alive"))
        s->flags |= SAID_KEEP;
}

/* A token that does not fit is none of those looked for: its length says so. */
static void token_char(struct oi_http1 *s, char c)
{
    if (c == ',') {
        token_end(s);
    } else if (!is_blank(c) || s->kept > 0) {
        if (s->kept < OI_HTTP1_KEPT)
            s->text[s->kept++] = c;
        else
            s->kept = OI_HTTP1_KEPT + 1;
    }
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

void oi_http1_framing_begin(struct oi_http1 *s)
{
    s->number = 0;
    s->kept = 0;
    s->left = 0;
    if (s->header == OI_HTTP1_TRANSFER_ENCODING)
        s->flags |= CODED;
    else if (s->header == OI_HTTP1_UPGRADE)
        s->head.upgrade = true;
}

static bool is_list(const struct oi_http1 *s)
{
    return s->header == OI_HTTP1_TRANSFER_ENCODING || s->header == OI_HTTP1_CONNECTION || s->header == OI_HTTP1_EXPECT;
}

void oi_http1_framing_piece(struct oi_http1 *s, const char *at, size_t len)
{
    if (s->header == OI_HTTP1_CONTENT_LENGTH)
        for (size_t i = 0; i < len; i++)
            length_char(s, at[i]);
    else if (is_list(s))
        for (size_t i = 0; i < len; i++)
            token_char(s, at[i]);
}

void oi_http1_framing_end(struct oi_http1 *s)
{
    if (s->header == OI_HTTP1_CONTENT_LENGTH) {
        length_end(s);
    } else if (is_list(s)) {
        token_end(s);
        if (s->header == OI_HTTP1_TRANSFER_ENCODING && s->number == 0)
            s->flags |= BAD_FRAMING;
    }
}

/* RFC 9112 §6.3, but where it leaves a choice to the receiver: two receivers may choose differently. */
static enum oi_http1_framing framing(const struct oi_http1 *s)
{
    const struct oi_http1_head *head = &s->head;
    bool answer = s->side == OI_HTTP1_ANSWERS;
    if (answer && (head->status == 101 || (head->method == OI_HTTP1_METHOD_CONNECT && head->status / 100 == 2)))
        return OI_HTTP1_TUNNEL;
    if (answer &&
        (head->status < 200 || head->status == 204 || head->status == 304 || head->method == OI_HTTP1_METHOD_HEAD))
        return OI_HTTP1_NO_BODY;
    if (s->flags & BAD_FRAMING)
        return OI_HTTP1_UNFRAMED;
    bool connect = !answer && head->method == OI_HTTP1_METHOD_CONNECT; /* content of a CONNECT means nothing */
    if (s->flags & CODED) {
        if (head->has_length || head->minor == 0 || connect)
            return OI_HTTP1_UNFRAMED;
        if (s->flags & CODED_CHUNKED)
            return OI_HTTP1_CHUNKED;
        return answer ? OI_HTTP1_TO_CLOSE : OI_HTTP1_UNFRAMED;
    }
    if (head->has_length) {
        if (head->length == 0)
            return OI_HTTP1_NO_BODY;
        return connect ? OI_HTTP1_UNFRAMED : OI_HTTP1_LENGTH;
    }
    return answer ? OI_HTTP1_TO_CLOSE : OI_HTTP1_NO_BODY;
}

void oi_http1_framing_decide(struct oi_http1 *s)
{
    struct oi_http1_head *head = &s->head;
    head->framing = (uint8_t)framing(s);
    bool body = head->framing == OI_HTTP1_LENGTH || head->framing == OI_HTTP1_CHUNKED;
    head->expects_continue = (s->flags & SAID_EXPECT) && body && head->minor > 0 && s->side == OI_HTTP1_REQUESTS;
    head->keep_alive = !(s->flags & SAID_CLOSE) && (head->minor > 0 || (s->flags & SAID_KEEP)) &&
                       (body || head->framing == OI_HTTP1_NO_BODY);
    s->left = head->framing == OI_HTTP1_LENGTH ? head->length : 0;
}
