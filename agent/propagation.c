#include "agent/propagation.h"

#include <stdint.h>

#include "agent/propagation_text.h"

enum {
    TRACESTATE_MEMBERS = 32,
    TRACESTATE_LONG = 128, /* members above this are the first to go */
    TRACESTATE_KEY = 256,
    TRACESTATE_TENANT = 241,
    TRACESTATE_SYSTEM = 14,
    TRACESTATE_VALUE = 256,
    BAGGAGE_MEMBERS = 180,
    BAGGAGE_MEMBER = 4096,
};

/* What a byte may be part of. */
enum {
    KEY_FIRST = 1,  /* tracestate: a-z */
    KEY = 2,        /* tracestate: a-z 0-9 _ - * / */
    STATE = 4,      /* tracestate value: 0x20-0x7E without , and = */
    TOKEN = 8,      /* RFC 7230 token: a baggage key */
    BAGGAGE = 16,   /* baggage-octet */
    KEY_DIGIT = 32, /* tracestate: 0-9, may start a tenant */
};

#define LETTER_LOWER (KEY_FIRST | KEY | STATE | TOKEN | BAGGAGE)
#define LETTER_UPPER (STATE | TOKEN | BAGGAGE)
#define DIGIT (KEY | KEY_DIGIT | STATE | TOKEN | BAGGAGE)
#define MARK (STATE | TOKEN | BAGGAGE)

static const uint8_t classes[256] = {
    ['a' ... 'z'] = LETTER_LOWER,
    ['A' ... 'Z'] = LETTER_UPPER,
    ['0' ... '9'] = DIGIT,
    ['!'] = MARK,
    ['#'] = MARK,
    ['$'] = MARK,
    ['%'] = MARK,
    ['&'] = MARK,
    ['\''] = MARK,
    ['+'] = MARK,
    ['.'] = MARK,
    ['^'] = MARK,
    ['`'] = MARK,
    ['|'] = MARK,
    ['~'] = MARK,
    ['_'] = MARK | KEY,
    ['-'] = MARK | KEY,
    ['*'] = MARK | KEY,
    ['/'] = STATE | BAGGAGE | KEY,
    ['('] = STATE | BAGGAGE,
    [')'] = STATE | BAGGAGE,
    [':'] = STATE | BAGGAGE,
    ['<'] = STATE | BAGGAGE,
    ['='] = BAGGAGE,
    ['>'] = STATE | BAGGAGE,
    ['?'] = STATE | BAGGAGE,
    ['@'] = STATE | BAGGAGE,
    ['['] = STATE | BAGGAGE,
    [']'] = STATE | BAGGAGE,
    ['{'] = STATE | BAGGAGE,
    ['}'] = STATE | BAGGAGE,
    [' '] = STATE,
    ['"'] = STATE,
    [';'] = STATE,
    ['\\'] = STATE,
};

static bool is(char c, int class)
{
    return (classes[(uint8_t)c] & class) != 0;
}

/* How many bytes from the start are of that class. */
static size_t span_of(struct oi_text text, int class)
{
    size_t n = 0;
    while (n < text.len && is(text.at[n], class))
        n++;
    return n;
}

/* --- traceparent ----------------------------------------------------------------------------------------------- */

/* 0..15, or a value with high bits set. */
static unsigned nibble(char c)
{
    unsigned digit = (unsigned)(uint8_t)c - '0', letter = (unsigned)(uint8_t)c - 'a';
    return digit < 10 ? digit : letter < 6 ? letter + 10 : 0x100;
}

static bool hex_bytes(const char *at, uint8_t *out, size_t n)
{
    unsigned bad = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned high = nibble(at[2 * i]), low = nibble(at[2 * i + 1]);
        bad |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return bad < 0x100;
}

bool oi_traceparent_parse(struct oi_text value, struct oi_context *out)
{
    value = oi_header_trim(value);
    const char *at = value.at;
    if (value.len < OI_TRACEPARENT_LENGTH || at[2] != '-' || at[35] != '-' || at[52] != '-')
        return false;
    struct oi_context parsed = {.flags = 0};
    uint8_t version, flags;
    if (!hex_bytes(at, &version, 1) || !hex_bytes(at + 3, parsed.trace_id, sizeof parsed.trace_id) ||
        !hex_bytes(at + 36, parsed.span_id, sizeof parsed.span_id) || !hex_bytes(at + 53, &flags, 1))
        return false;
    if (version == 0xff || !oi_context_valid(&parsed))
        return false;
    if (value.len > OI_TRACEPARENT_LENGTH && (version == 0 || at[OI_TRACEPARENT_LENGTH] != '-'))
        return false;
    memcpy(out->trace_id, parsed.trace_id, sizeof out->trace_id);
    memcpy(out->span_id, parsed.span_id, sizeof out->span_id);
    out->flags = flags;
    out->decision = OI_DECISION_FLAGS;
    out->remote = true;
    return true;
}

void oi_traceparent_format(const struct oi_context *context, char out[OI_TRACEPARENT_LENGTH])
{
    out[0] = '0';
    out[1] = '0';
    out[2] = '-';
    char *to = oi_hex_put(out + 3, context->trace_id, sizeof context->trace_id);
    *to++ = '-';
    to = oi_hex_put(to, context->span_id, sizeof context->span_id);
    *to++ = '-';
    oi_hex_put(to, &context->flags, 1);
}

/* --- tracestate ------------------------------------------------------------------------------------------------ */

/* A member of a list, by position in the text: half the size of addresses, since the list stands on the stack. */
struct member {
    uint32_t start;
    uint16_t len; /* at most 513 */
    uint16_t key_len;
};

/* The key's length if `member` is `key=value` as the grammar wants it, else 0. */
static size_t tracestate_member(struct oi_text member)
{
    size_t key = span_of(member, KEY);
    if (key == 0 || key >= member.len)
        return 0;
    if (member.at[key] == '@') {
        struct oi_text system = oi_text_of(member.at + key + 1, member.len - key - 1);
        size_t n = span_of(system, KEY);
        if (key > TRACESTATE_TENANT || !is(member.at[0], KEY_FIRST | KEY_DIGIT) || n == 0 || n > TRACESTATE_SYSTEM ||
            !is(system.at[0], KEY_FIRST))
            return 0;
        key += 1 + n;
    } else if (key > TRACESTATE_KEY || !is(member.at[0], KEY_FIRST)) {
        return 0;
    }
    if (key >= member.len || member.at[key] != '=')
        return 0;
    struct oi_text value = oi_text_of(member.at + key + 1, member.len - key - 1);
    if (value.len == 0 || value.len > TRACESTATE_VALUE || span_of(value, STATE) != value.len)
        return 0;
    return key;
}

/* Fills `members`; returns their number, or -1 if anything in the list is wrong. */
static int tracestate_members(struct oi_text value, struct member members[TRACESTATE_MEMBERS])
{
    int count = 0;
    struct oi_text rest = value, item;
    while (oi_header_item(&rest, ',', &item)) {
        item = oi_header_trim(item);
        if (item.len == 0)
            continue;
        size_t key = tracestate_member(item);
        if (key == 0 || count == TRACESTATE_MEMBERS)
            return -1;
        for (int i = 0; i < count; i++)
            if (members[i].key_len == key && memcmp(value.at + members[i].start, item.at, key) == 0)
                return -1;
        members[count++] = (struct member){(uint32_t)(item.at - value.at), (uint16_t)item.len, (uint16_t)key};
    }
    return count;
}

/* Marks members as left out (len 0) until the rest fits into `room` bytes. True if any was. */
static bool tracestate_fit(struct member *members, int count, size_t room)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += members[i].len + 1u;
    bool dropped = false;
    for (int only_long = 1; only_long >= 0; only_long--)
        for (int i = count - 1; i >= 0 && total > room + 1; i--) {
            if (members[i].len == 0 || (only_long && members[i].len <= TRACESTATE_LONG))
                continue;
            total -= members[i].len + 1u;
            members[i].len = 0;
            dropped = true;
        }
    return dropped;
}

bool oi_tracestate_parse(struct oi_text value, struct oi_buffer *out)
{
    struct member members[TRACESTATE_MEMBERS];
    if (value.len > UINT32_MAX)
        return false;
    int count = tracestate_members(value, members);
    if (count < 0)
        return false;
    if (tracestate_fit(members, count, out->size - out->len))
        out->truncated = true;
    bool first = true;
    for (int i = 0; i < count; i++) {
        if (members[i].len == 0)
            continue;
        if (!first)
            oi_buffer_char(out, ',');
        first = false;
        oi_buffer_put(out, value.at + members[i].start, members[i].len);
    }
    return true;
}

/* --- baggage --------------------------------------------------------------------------------------------------- */

/* Splits `key` or `key = value`. False: the key is no token or the value holds a byte it may not. */
static bool baggage_pair(struct oi_text pair, struct oi_text *key, struct oi_text *value)
{
    pair = oi_header_trim(pair);
    *key = oi_text_of(pair.at, span_of(pair, TOKEN));
    if (key->len == 0)
        return false;
    struct oi_text rest = oi_header_trim(oi_text_of(pair.at + key->len, pair.len - key->len));
    *value = (struct oi_text){NULL, 0};
    if (rest.len == 0)
        return true;
    if (rest.at[0] != '=')
        return false;
    *value = oi_header_trim(oi_text_of(rest.at + 1, rest.len - 1));
    return span_of(*value, BAGGAGE) == value->len;
}

/* The key of a member if all of it is right, properties included; else an empty text. */
static struct oi_text baggage_member(struct oi_text member)
{
    struct oi_text none = {NULL, 0}, key, name, value, rest = member, item;
    oi_header_item(&rest, ';', &item);
    if (member.len > BAGGAGE_MEMBER || !baggage_pair(item, &key, &value) || !oi_text_present(value))
        return none;
    while (oi_header_item(&rest, ';', &item))
        if (oi_header_trim(item).len > 0 && !baggage_pair(item, &name, &value))
            return none;
    return key;
}

/* Length of a member without the white space; at most the member's own. */
static size_t baggage_write(struct oi_text member, struct oi_buffer *out)
{
    struct oi_text rest = member, item, key, value;
    size_t len = 0;
    for (bool first = true; oi_header_item(&rest, ';', &item); first = false) {
        if (oi_header_trim(item).len == 0 || !baggage_pair(item, &key, &value))
            continue;
        len += (first ? 0u : 1u) + key.len + (oi_text_present(value) ? 1 + value.len : 0);
        if (!out)
            continue;
        if (!first)
            oi_buffer_char(out, ';');
        oi_buffer_put(out, key.at, key.len);
        if (oi_text_present(value)) {
            oi_buffer_char(out, '=');
            oi_buffer_put(out, value.at, value.len);
        }
    }
    return len;
}

/* Where a member's key stands in the value, which is at most OI_BAGGAGE_MAX bytes long. */
struct baggage_key {
    uint16_t start;
    uint16_t len; /* 0: replaced by a later member */
};

static size_t baggage_keys(struct oi_text value, struct baggage_key keys[BAGGAGE_MEMBERS])
{
    size_t count = 0;
    struct oi_text rest = value, item;
    while (count < BAGGAGE_MEMBERS && oi_header_item(&rest, ',', &item)) {
        item = oi_header_trim(item);
        struct oi_text key = baggage_member(item);
        if (key.len == 0)
            continue;
        for (size_t i = 0; i < count; i++)
            if (keys[i].len == key.len && memcmp(value.at + keys[i].start, key.at, key.len) == 0)
                keys[i].len = 0;
        keys[count++] = (struct baggage_key){(uint16_t)(key.at - value.at), (uint16_t)key.len};
    }
    return count;
}

size_t oi_baggage_parse(struct oi_text value, struct oi_buffer *out)
{
    struct baggage_key keys[BAGGAGE_MEMBERS];
    if (value.len > OI_BAGGAGE_MAX)
        return 0;
    size_t count = baggage_keys(value, keys), written = 0;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].len == 0)
            continue;
        struct oi_text rest = oi_text_of(value.at + keys[i].start, value.len - keys[i].start), member;
        oi_header_item(&rest, ',', &member);
        size_t comma = written > 0 ? 1 : 0;
        if (baggage_write(member, NULL) + comma > out->size - out->len) {
            out->truncated = true;
            continue;
        }
        if (comma)
            oi_buffer_char(out, ',');
        baggage_write(member, out);
        written++;
    }
    return written;
}
