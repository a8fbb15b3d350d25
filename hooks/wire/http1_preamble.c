#include "hooks/wire/http1_state.h"

static const char line_start[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const char signature[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

enum {
    LINE_LENGTH = 107, /* of version 1, with CRLF, as the specification says */
    BINARY_HEAD = 4,   /* behind the signature: version and command, family, two bytes of length */
    BINARY_IPV4 = 12,  /* two addresses, two ports */
    BINARY_IPV6 = 36,
};

/* The fields of version 1. */
enum { PROTOCOL, SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, UNKNOWN };

/* The start of a stream whose first byte is that of a preamble. What turns out to be none was the start of a method, or
 * empty lines. */
size_t oi_http1_maybe_preamble(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    for (size_t i = 0; i < len; i++) {
        bool line = (s->kept ? s->text[0] : at[i]) == 'P';
        const char *expected = line ? line_start : signature;
        if (at[i] == expected[s->kept]) {
            s->text[s->kept++] = at[i];
            if (s->kept < (line ? sizeof line_start : sizeof signature))
                continue;
            s->state = line ? PREAMBLE_LINE : PREAMBLE_BINARY;
            s->number = PROTOCOL;
            s->left = line ? LINE_LENGTH - sizeof line_start : 0;
            s->kept = 0;
            return i + 1;
        }
        if (line) {
            oi_http1_begin(s, event);
            return i;
        }
        if (s->kept > 4 || s->kept % 2 == 1)
            return http1_over(s, len, OI_HTTP1_NOT_HTTP);
        s->number = s->kept / 2;
        s->state = IDLE;
        return i;
    }
    return len;
}

static void report(struct oi_http1 *s, enum oi_http1_address address, const char *at, size_t len,
                   struct oi_http1_event *event)
{
    s->state = IDLE;
    s->number = 0;
    event->kind = OI_HTTP1_PREAMBLE;
    event->address = (uint8_t)address;
    if (address == OI_HTTP1_NO_ADDRESS)
        return;
    event->at = at;
    event->len = len;
    event->port = s->small;
}

/* --- version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`, `PROXY UNKNOWN …` ------------------------------------- */

static bool address_char(char c)
{
    char low = to_lower(c);
    return is_digit(c) || (low >= 'a' && low <= 'f') || c == ':' || c == '.';
}

static bool field_char(struct oi_http1 *s, char c)
{
    switch (s->number) {
    case PROTOCOL:
    case SOURCE:
        if (s->kept == OI_HTTP1_KEPT || (s->number == SOURCE && !address_char(c)))
            return false;
        s->text[s->kept++] = c;
        return true;
    case SOURCE_PORT:
        if (!is_digit(c) || s->small > (UINT16_MAX - (c - '0')) / 10)
            return false;
        s->small = (uint16_t)(s->small * 10 + (c - '0'));
        return true;
    default: /* what is not looked at */
        return (unsigned char)c > ' ';
    }
}

static bool field_end(struct oi_http1 *s)
{
    if (s->number == UNKNOWN)
        return true;
    if (s->number == PROTOCOL) {
        bool unknown = s->kept == 7 && memcmp(s->text, "UNKNOWN", 7) == 0;
        bool tcp = s->kept == 4 && (memcmp(s->text, "TCP4", 4) == 0 || memcmp(s->text, "TCP6", 4) == 0);
        s->number = unknown ? UNKNOWN : SOURCE;
        s->kept = 0;
        return unknown || tcp;
    }
    return s->number++ < DESTINATION_PORT && s->kept > 0;
}

size_t oi_http1_preamble_line(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        bool good = s->left-- > 0;
        if (s->flags & LINE_CR) {
            if (!good || c != '\n')
                return http1_over(s, len, OI_HTTP1_NOT_HTTP);
            report(s, s->number == UNKNOWN ? OI_HTTP1_NO_ADDRESS : OI_HTTP1_ADDRESS_TEXT, s->text, s->kept, event);
            return i + 1;
        }
        if (c == '\r') {
            s->flags |= LINE_CR;
            good =
                good && (s->number == PROTOCOL ? field_end(s) && s->number == UNKNOWN : s->number >= DESTINATION_PORT);
        } else {
            good = good && (c == ' ' ? field_end(s) : field_char(s, c));
        }
        if (!good)
            return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    }
    return len;
}

/* --- version 2 ---------------------------------------------------------------------------------------------------- */

static uint16_t big_endian(const char *at)
{
    return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

static void binary_end(struct oi_http1 *s, struct oi_http1_event *event)
{
    const char *addresses = s->text + BINARY_HEAD;
    size_t known = s->kept - (size_t)BINARY_HEAD;
    int command = s->text[0] & 15, family = (unsigned char)s->text[1] >> 4;
    enum oi_http1_address address = OI_HTTP1_NO_ADDRESS;
    if (command == 1 && family == 1 && known >= BINARY_IPV4) {
        address = OI_HTTP1_ADDRESS_IPV4;
        s->small = big_endian(addresses + 8);
    } else if (command == 1 && family == 2 && known >= BINARY_IPV6) {
        address = OI_HTTP1_ADDRESS_IPV6;
        s->small = big_endian(addresses + 32);
    }
    report(s, address, addresses, address == OI_HTTP1_ADDRESS_IPV4 ? 4 : 16, event);
}

/* Only the addresses are kept; what follows them (TLVs, up to 64 KiB) is passed over. */
size_t oi_http1_preamble_binary(struct oi_http1 *s, const char *at, size_t len, struct oi_http1_event *event)
{
    size_t i = 0;
    while (i < len && s->kept < BINARY_HEAD) {
        s->text[s->kept++] = at[i++];
        if (s->kept == BINARY_HEAD)
            s->left = big_endian(s->text + 2);
    }
    if (s->kept < BINARY_HEAD)
        return i;
    if ((unsigned char)s->text[0] >> 4 != 2 || (s->text[0] & 15) > 1)
        return http1_over(s, len, OI_HTTP1_NOT_HTTP);
    for (; i < len && s->left > 0 && s->kept < BINARY_HEAD + BINARY_IPV6; s->left--)
        s->text[s->kept++] = at[i++];
    size_t passed = len - i < s->left ? len - i : (size_t)s->left;
    s->left -= passed;
    if (s->left == 0)
        binary_end(s, event);
    return i + passed;
}
