#include "agent/url.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool oi_text_equal_nocase(struct oi_text a, struct oi_text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the scheme's name, 0 if there is none. The slash is asked for because `localhost:8080` is a host and a
 * port. */
static size_t scheme_length(struct oi_text url)
{
    if (url.len == 0 || !is_letter(url.at[0]))
        return 0;
    size_t i = 1;
    while (i < url.len &&
           (is_letter(url.at[i]) || is_digit(url.at[i]) || url.at[i] == '+' || url.at[i] == '-' || url.at[i] == '.'))
        i++;
    return i + 1 < url.len && url.at[i] == ':' && url.at[i + 1] == '/' ? i : 0;
}

static size_t find_any(struct oi_text text, size_t from, const char *set)
{
    while (from < text.len && !strchr(set, text.at[from]))
        from++;
    return from;
}

static uint16_t port_number(struct oi_text digits)
{
    uint32_t port = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.at[i]))
            return 0;
        port = port * 10 + (uint32_t)(digits.at[i] - '0');
        if (port > UINT16_MAX)
            return 0;
    }
    return (uint16_t)port;
}

/* `user:password@host:port`: what stands before the last @ is not the host. */
static void split_authority(struct oi_text authority, struct oi_url *out)
{
    size_t start = authority.len;
    while (start > 0 && authority.at[start - 1] != '@')
        start--;
    struct oi_text rest = {authority.at + start, authority.len - start};
    bool bracketed = rest.len > 0 && rest.at[0] == '[';
    size_t end = find_any(rest, 0, bracketed ? "]" : ":");
    out->host = bracketed ? oi_text_of(rest.at + 1, end - 1) : oi_text_of(rest.at, end);
    if (bracketed && end < rest.len)
        end++;
    if (end < rest.len && rest.at[end] == ':')
        out->port = port_number(oi_text_of(rest.at + end + 1, rest.len - end - 1));
}

struct oi_url oi_url_split(struct oi_text url)
{
    struct oi_url out = {0};
    size_t at = scheme_length(url);
    if (at > 0) {
        out.scheme = oi_text_of(url.at, at);
        at++;
        for (int slashes = 0; slashes < 3 && at < url.len && url.at[at] == '/'; slashes++)
            at++;
    }
    size_t path = find_any(url, at, "/?#");
    split_authority(oi_text_of(url.at + at, path - at), &out);
    size_t end = find_any(url, path, "?#");
    out.path = oi_text_of(url.at + path, end - path);
    return out;
}
