#include "agent/config_rows.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool oi_text_same(struct oi_text a, struct oi_text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct oi_text oi_text_trim(struct oi_text text)
{
    while (text.len && is_space(text.at[0]))
        text.at++, text.len--;
    while (text.len && is_space(text.at[text.len - 1]))
        text.len--;
    return text;
}

bool oi_list_next(struct oi_text *rest, char separator, struct oi_text *item)
{
    while (rest->len) {
        const char *end = memchr(rest->at, separator, rest->len);
        size_t length = end ? (size_t)(end - rest->at) : rest->len;
        *item = oi_text_trim(oi_text_of(rest->at, length));
        length += end != NULL;
        rest->at += length;
        rest->len -= length;
        if (item->len)
            return true;
    }
    return false;
}

bool oi_list_has_text(struct oi_text list, struct oi_text name)
{
    struct oi_text item;

    while (oi_list_next(&list, ',', &item))
        if (oi_text_same(item, name))
            return true;
    return false;
}

bool oi_list_has(const char *list, const char *name)
{
    return oi_list_has_text(oi_text_from(list), oi_text_from(name)) ||
           oi_list_has_text(oi_text_from(list), OI_TEXT("*"));
}

/* --- globs -------------------------------------------------------------------------------------------------------- */

/* One [...] of a pattern against a character: `*at` moves past it. Without a closing bracket, `[` is itself. */
static bool class_matches(struct oi_text pattern, size_t *at, char c)
{
    size_t i = *at + 1;
    bool negated = i < pattern.len && (pattern.at[i] == '!' || pattern.at[i] == '^'), found = false;

    i += negated;
    for (size_t first = i; i < pattern.len && (i == first || pattern.at[i] != ']'); i++) {
        char low = pattern.at[i], high = low;
        if (i + 2 < pattern.len && pattern.at[i + 1] == '-' && pattern.at[i + 2] != ']') {
            high = pattern.at[i + 2];
            i += 2;
        }
        found |= c >= low && c <= high;
    }
    if (i >= pattern.len)
        return pattern.at[(*at)++] == c;
    *at = i + 1;
    return found != negated;
}

/* Matches the whole text. `*` also crosses slashes. Time is bounded by the product of the lengths: only the last star
 * is ever tried again. */
static bool glob_matches(struct oi_text pattern, struct oi_text text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, again = 0;

    while (t < text.len) {
        size_t next = p + 1;
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            again = t;
            continue;
        }
        if (p < pattern.len &&
            (pattern.at[p] == '?' || (pattern.at[p] == '[' ? (next = p, class_matches(pattern, &next, text.at[t]))
                                                           : pattern.at[p] == text.at[t]))) {
            p = next;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++again;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool oi_list_matches_program(const char *list, const char *path)
{
    struct oi_text rest = oi_text_from(list), whole = oi_text_from(path), item;
    const char *slash = path ? strrchr(path, '/') : NULL;
    struct oi_text name = slash ? oi_text_from(slash + 1) : whole;

    while (path && oi_list_next(&rest, ',', &item))
        if (glob_matches(item, name) || glob_matches(item, whole))
            return true;
    return false;
}

/* --- hosts ------------------------------------------------------------------------------------------------------- */

enum { HOST = 256 }; /* longer ones are no host's name */

/* In lower case, without the dot that may end a host's name. Absent: too long. */
static struct oi_text host_text(struct oi_text host, char room[HOST])
{
    if (host.len > HOST)
        return (struct oi_text){NULL, 0};
    if (host.len > 1 && host.at[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i < host.len; i++)
        room[i] = lower(host.at[i]);
    return oi_text_of(room, host.len);
}

/* Takes `host:port`, `[v6]:port`, `[v6]` or an IPv6 address without brackets apart; an absent port means any. */
static struct oi_text split_host(struct oi_text item, struct oi_text *port)
{
    const char *end = item.at + item.len, *close = memchr(item.at, ']', item.len);
    *port = (struct oi_text){NULL, 0};
    const char *colon = memchr(item.at, ':', item.len);
    if (item.at[0] == '[' && close && colon && colon < close) { /* not a class of characters */
        if (close + 1 < end && close[1] == ':')
            *port = oi_text_of(close + 2, (size_t)(end - close - 2));
        return oi_text_of(item.at + 1, (size_t)(close - item.at - 1));
    }
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
        return item;
    *port = oi_text_of(colon + 1, (size_t)(end - colon - 1));
    return oi_text_of(item.at, (size_t)(colon - item.at));
}

/* The number as text, at the end of `room`. */
static struct oi_text port_text(uint16_t port, char room[5])
{
    size_t at = 5;
    do {
        room[--at] = (char)('0' + port % 10);
        port = (uint16_t)(port / 10);
    } while (port > 0);
    return oi_text_of(room + at, 5 - at);
}

bool oi_list_matches_host(const char *list, struct oi_text host, uint16_t port)
{
    char host_room[HOST], pattern_room[HOST], port_room[5];
    struct oi_text rest = oi_text_from(list), item, wanted_port;
    struct oi_text name = host_text(host, host_room), number = port_text(port, port_room);

    while (oi_text_present(name) && oi_list_next(&rest, ',', &item)) {
        struct oi_text pattern = host_text(split_host(item, &wanted_port), pattern_room);
        if (oi_text_present(pattern) && glob_matches(pattern, name) &&
            (!oi_text_present(wanted_port) || glob_matches(wanted_port, number)))
            return true;
    }
    return false;
}

/* --- stability opt-in --------------------------------------------------------------------------------------------- */

/* `x/dup` beats `x`; what is not known is ignored, as the conventions say. */
static enum oi_semconv semconv(const char *list, struct oi_text area, struct oi_text dup)
{
    struct oi_text text = oi_text_from(list);

    if (oi_list_has_text(text, dup))
        return OI_SEMCONV_DUP;
    return oi_list_has_text(text, area) ? OI_SEMCONV_NEW : OI_SEMCONV_OLD;
}

enum oi_semconv oi_config_semconv_http(const struct oi_config *config)
{
    return semconv(config->semconv_opt_in, OI_TEXT("http"), OI_TEXT("http/dup"));
}

enum oi_semconv oi_config_semconv_database(const struct oi_config *config)
{
    return semconv(config->semconv_opt_in, OI_TEXT("database"), OI_TEXT("database/dup"));
}
