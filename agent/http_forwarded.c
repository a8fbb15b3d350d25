#include "agent/http_forwarded.h"

#include <arpa/inet.h>

#include "agent/url.h"

enum { HOST = 255 }; /* longest name of a host */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static struct oi_text trimmed(struct oi_text text)
{
    while (text.len > 0 && is_blank(text.at[0]))
        text.at++, text.len--;
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

static struct oi_text from(struct oi_text text, size_t at)
{
    return oi_text_of(text.at + at, text.len - at);
}

/* --- addresses, hosts, ports ---------------------------------------------------------------------------------------
 */

static bool is_address(int family, struct oi_text text)
{
    char string[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (text.len >= sizeof string || memchr(text.at, 0, text.len))
        return false;
    memcpy(string, text.at, text.len);
    string[text.len] = 0;
    return inet_pton(family, string, address) == 1;
}

static bool read_port(struct oi_text digits, uint16_t *port)
{
    uint32_t number = 0;
    if (digits.len == 0 || digits.len > 5)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.at[i]))
            return false;
        number = number * 10 + (uint32_t)(digits.at[i] - '0');
    }
    *port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

/* `[v6]`, or what stands before a colon; *rest is what follows. An IPv6 address without brackets is whole. */
static struct oi_text before_port(struct oi_text value, struct oi_text *rest)
{
    const char *end = value.len > 0 ? memchr(value.at, value.at[0] == '[' ? ']' : ':', value.len) : NULL;
    size_t len = end ? (size_t)(end - value.at) : value.len;
    *rest = from(value, len);
    if (value.len == 0 || value.at[0] != '[') {
        bool bare = end && memchr(end + 1, ':', value.len - len - 1);
        *rest = bare ? from(value, value.len) : *rest;
        return bare ? value : oi_text_of(value.at, len);
    }
    *rest = from(value, len + (end != NULL));
    return end ? oi_text_of(value.at + 1, len - 1) : oi_text_of(value.at, 0);
}

/* A node of Forwarded, or an item of X-Forwarded-For. `unknown` and `_hidden` are no addresses; a port may be hidden,
 * too. */
static bool read_node(struct oi_text value, struct oi_text *address, uint16_t *port)
{
    struct oi_text rest, text = before_port(value, &rest);
    bool v6 = memchr(text.at, ':', text.len) != NULL, bracketed = value.len > 0 && value.at[0] == '[';
    if (text.len == 0 || (bracketed && !v6) || !is_address(v6 ? AF_INET6 : AF_INET, text))
        return false;
    uint16_t number = 0;
    bool hidden = rest.len > 1 && rest.at[1] == '_';
    if (rest.len > 0 && (rest.at[0] != ':' || (!hidden && !read_port(from(rest, 1), &number))))
        return false;
    *address = text;
    *port = number;
    return true;
}

static bool is_host(struct oi_text text)
{
    bool name = text.len > 0 && text.len <= HOST;
    for (size_t i = 0; name && i < text.len; i++)
        name = is_name(text.at[i]) || text.at[i] == '.';
    return name;
}

bool oi_http_host_split(struct oi_text value, struct oi_text *host, uint16_t *port)
{
    struct oi_text rest, text;
    uint16_t number = 0;
    value = trimmed(value);
    text = before_port(value, &rest);
    bool bracketed = value.len > 0 && value.at[0] == '[';
    if (bracketed ? !is_address(AF_INET6, text) : !is_host(text))
        return false;
    if (rest.len > 0 && (rest.at[0] != ':' || (rest.len > 1 && !read_port(from(rest, 1), &number))))
        return false;
    *host = text;
    *port = number;
    return true;
}

static struct oi_text read_scheme(struct oi_text value)
{
    static const struct oi_text schemes[] = {{"https", 5}, {"http", 4}, {"wss", 3}, {"ws", 2}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (oi_text_equal_nocase(value, schemes[i]))
            return schemes[i];
    return (struct oi_text){NULL, 0};
}

/* --- Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8:cafe::17]:4711" ----------------------------
 */

/* The first value of each name that matters; absent: there is none. */
struct said {
    struct oi_text node, proto, host;
};

/* A token (colons and brackets let pass, which many forget to quote), or what stands between quotes. An escape is never
 * needed in what is looked for: such a value is kept as it is, and will be none. Returns its length, quotes included;
 * 0: it is neither. */
static size_t read_value(struct oi_text text, struct oi_text *value)
{
    size_t i = 0;
    if (text.len > 0 && text.at[0] == '"') {
        for (i = 1; i < text.len && text.at[i] != '"'; i++)
            i += text.at[i] == '\\';
        *value = oi_text_of(text.at + 1, i - 1);
        return i < text.len ? i + 1 : 0;
    }
    while (i < text.len && (unsigned char)text.at[i] > ' ' && !strchr(",;\"=", text.at[i]))
        i++;
    *value = oi_text_of(text.at, i);
    return i;
}

static void note(struct said *said, struct oi_text name, struct oi_text value)
{
    struct oi_text *known = oi_text_equal_nocase(name, OI_TEXT("for"))     ? &said->node
                            : oi_text_equal_nocase(name, OI_TEXT("proto")) ? &said->proto
                            : oi_text_equal_nocase(name, OI_TEXT("host"))  ? &said->host
                                                                           : NULL;
    if (known && !oi_text_present(*known))
        *known = value;
}

static bool read_forwarded(struct oi_text text, struct said *said)
{
    for (text = trimmed(text); text.len > 0;) {
        if (is_blank(text.at[0]) || text.at[0] == ';' || text.at[0] == ',') {
            text = from(text, 1);
            continue;
        }
        size_t name = 0;
        while (name < text.len && is_name(text.at[name]))
            name++;
        if (name == 0 || name == text.len || text.at[name] != '=')
            return false;
        struct oi_text value, rest = from(text, name + 1);
        size_t len = read_value(rest, &value);
        rest = from(rest, len);
        if (len == 0 || (rest.len > 0 && !strchr(" \t,;", rest.at[0])))
            return false;
        note(said, oi_text_of(text.at, name), value);
        text = rest;
    }
    return true;
}

/* --- all of them -----------------------------------------------------------------------------------------------------
 */

/* The first item that is not empty, without quotes; absent: there is none. */
static struct oi_text first_item(struct oi_text list)
{
    while (list.len > 0) {
        const char *comma = memchr(list.at, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.at) : list.len;
        struct oi_text item = trimmed(oi_text_of(list.at, len));
        if (item.len > 1 && item.at[0] == '"' && item.at[item.len - 1] == '"')
            item = oi_text_of(item.at + 1, item.len - 2);
        if (item.len > 0)
            return item;
        list = from(list, len + (comma != NULL));
    }
    return (struct oi_text){NULL, 0};
}

struct oi_http_origin oi_http_forwarded_read(const struct oi_http_forwarded *headers)
{
    struct oi_http_origin origin = {0};
    struct said said = {0};
    if (!read_forwarded(headers->forwarded, &said))
        said = (struct said){0};
    if (!oi_text_present(said.node))
        said.node = first_item(headers->x_for);
    if (!oi_text_present(said.proto))
        said.proto = first_item(headers->x_proto);
    if (!oi_text_present(said.host))
        said.host = first_item(headers->x_host);
    if (oi_text_present(said.node))
        read_node(said.node, &origin.address, &origin.port);
    origin.scheme = read_scheme(said.proto);
    if (oi_text_present(said.host))
        oi_http_host_split(said.host, &origin.host, &origin.host_port);
    struct oi_text port = first_item(headers->x_port);
    uint16_t number;
    if (origin.host_port == 0 && read_port(port, &number))
        origin.host_port = number;
    return origin;
}
