/* Values that the exporter or the resource takes apart later: what is wrong with them is said with the other settings,
 * once. */
#include <stdio.h>

#include "agent/config_rows.h"
#include "agent/resource.h"

/* --- endpoints: protocol/exporter.md, option table ---------------------------------------------------------------- */

static bool is_port(struct oi_text text)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.len && port <= 65535; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.at[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static struct oi_text from(struct oi_text text, const char *at)
{
    return oi_text_of(at, text.len - (size_t)(at - text.at));
}

/* user@host:port, with brackets around an IPv6 address. NULL, or what is wrong. */
static const char *authority_problem(struct oi_text authority)
{
    const char *at_sign = memrchr(authority.at, '@', authority.len);
    struct oi_text host = at_sign ? from(authority, at_sign + 1) : authority;
    const char *close = host.len && host.at[0] == '[' ? memchr(host.at, ']', host.len) : NULL;
    struct oi_text rest = close ? from(host, close) : host;
    const char *colon = memchr(rest.at, ':', rest.len);

    if (host.len && host.at[0] == '[' && !close)
        return " has a bracket that is not closed";
    if (host.len == 0 || colon == host.at)
        return " names no host";
    return colon && !is_port(from(host, colon + 1)) ? " has a bad port" : NULL;
}

static const char *endpoint_problem(struct oi_text text)
{
    const char *scheme_end = memmem(text.at, text.len, "://", 3);

    if (text.len > 2048)
        return " is too long";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
            return " holds a blank or a control character";
    if (scheme_end) {
        struct oi_text scheme = oi_text_of(text.at, (size_t)(scheme_end - text.at));
        if (!oi_text_same(scheme, OI_TEXT("http")) && !oi_text_same(scheme, OI_TEXT("https")))
            return " has a scheme other than http and https";
        text = from(text, scheme_end + 3);
    }
    text.len = strcspn(text.at, "/?#");
    return authority_problem(text);
}

const char *oi_config_drop_endpoint(const char **endpoint)
{
    const char *problem = *endpoint ? endpoint_problem(oi_text_from(*endpoint)) : NULL;

    if (problem)
        *endpoint = NULL;
    return problem;
}

/* --- headers: protocol/exporter.md#specifying-headers-via-environment-variables -------------------------------------
 */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at `*at`, percent-decoded; moves on past it. */
static unsigned char next_byte(struct oi_text text, size_t *at)
{
    char c = text.at[(*at)++];

    if (c == '%' && *at + 2 <= text.len && hex_digit(text.at[*at]) >= 0 && hex_digit(text.at[*at + 1]) >= 0) {
        c = (char)(hex_digit(text.at[*at]) << 4 | hex_digit(text.at[*at + 1]));
        *at += 2;
    }
    return (unsigned char)c;
}

static bool is_token(struct oi_text text)
{
    static const char more[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len;) {
        unsigned char c = next_byte(text, &i);
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && !memchr(more, c, sizeof(more) - 1))
            return false;
    }
    return text.len > 0;
}

/* Printable before decoding; without control characters, which could begin another header, after it. */
static bool is_value(struct oi_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' || (unsigned char)text.at[i] >= 0x7f || memchr("\",;\\", text.at[i], 4))
            return false;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = next_byte(text, &i);
        if (c < ' ' || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_member(struct oi_text member)
{
    const char *equals = memchr(member.at, '=', member.len);

    return equals && is_token(oi_text_trim(oi_text_of(member.at, (size_t)(equals - member.at)))) &&
           is_value(oi_text_trim(from(member, equals + 1)));
}

/* Values are secrets: members are told by their number. */
void oi_config_drop_headers(struct oi_config_reader *reader, enum oi_config_index index, const char **list)
{
    struct oi_buffer *arena = &reader->arena;
    struct oi_text rest = oi_text_from(*list), item;
    size_t begin = arena->len;
    char numbers[80] = "";
    unsigned number = 0;

    if (!*list || arena->size - arena->len <= rest.len)
        return;
    while (oi_list_next(&rest, ',', &item)) {
        number++;
        if (!is_member(item)) {
            size_t used = strlen(numbers);
            snprintf(numbers + used, sizeof(numbers) - used, "%s%u", used ? ", " : "", number);
            continue;
        }
        if (arena->len > begin)
            oi_buffer_char(arena, ',');
        oi_buffer_put(arena, item.at, item.len);
    }
    if (!numbers[0]) {
        arena->len = begin;
        return;
    }
    *list = arena->len > begin ? arena->at + begin : NULL;
    oi_buffer_char(arena, '\0');
    oi_config_say(reader, index, ": what is no usable key=value is left out (member %s)", numbers);
}

/* --- resource attributes: resource/sdk.md: one bad pair, and none is used -------------------------------------------
 */

static void pass_on(void *user, const char *sentence)
{
    struct oi_config_reader *reader = user;

    if (reader->complain)
        reader->complain(reader->user, sentence);
}

void oi_config_check_resource(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;

    if (!oi_resource_pairs(config->resource_attributes, NULL, NULL, pass_on, reader)) {
        config->resource_attributes = NULL;
        config->set.resource_attributes = false;
    }
}
