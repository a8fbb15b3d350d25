#include "agent/redact.h"

/* In lower case. The first seven are the conventions', the rest what secrets are commonly called. */
#define NAME(name)                                                                                                     \
    {                                                                                                                  \
        name, sizeof name - 1                                                                                          \
    }
static const struct {
    char name[21];
    unsigned char length;
} names[] = {
    NAME("awsaccesskeyid"),
    NAME("signature"),
    NAME("sig"),
    NAME("x-goog-signature"),
    NAME("x-amz-signature"),
    NAME("x-amz-credential"),
    NAME("x-amz-security-token"),
    NAME("token"),
    NAME("secret"),
    NAME("access_token"),
    NAME("id_token"),
    NAME("refresh_token"),
    NAME("password"),
    NAME("client_secret"),
    NAME("apikey"),
    NAME("api_key"),
    NAME("key"),
    NAME("code"),
    NAME("session"),
    NAME("sid"),
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int hex(char c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The parameter's name against a plain one, without case. A server decodes %6bey before it looks. */
static bool same_name(struct oi_text parameter, const char *name, size_t length)
{
    size_t i = 0, j = 0;
    for (; i < parameter.len && j < length; i++, j++) {
        char c = parameter.at[i];
        if (c == '%' && parameter.len - i > 2 && hex(parameter.at[i + 1]) >= 0 && hex(parameter.at[i + 2]) >= 0) {
            c = (char)(hex(parameter.at[i + 1]) << 4 | hex(parameter.at[i + 2]));
            i += 2;
        }
        if (lower(c) != lower(name[j]))
            return false;
    }
    return i == parameter.len && j == length;
}

static bool in_list(struct oi_text parameter, const char *list)
{
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, ","), trimmed = length;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed > 0 && same_name(parameter, list, trimmed))
            return true;
        list += length;
    }
    return false;
}

static bool is_secret(struct oi_text parameter, const char *more)
{
    bool encoded = memchr(parameter.at, '%', parameter.len) != NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((encoded || parameter.len == names[i].length) && same_name(parameter, names[i].name, names[i].length))
            return true;
    return in_list(parameter, more);
}

static size_t find(struct oi_text url, size_t from, char c)
{
    const char *at = from < url.len ? memchr(url.at + from, c, url.len - from) : NULL;
    return at ? (size_t)(at - url.at) : url.len;
}

/* Where the authority starts: behind `scheme:` and its slashes, or at 0 where there is no scheme (libcurl guesses one,
 * and takes credentials there too). */
static size_t authority_start(struct oi_text url)
{
    size_t i = 0;
    while (i < url.len && ((lower(url.at[i]) >= 'a' && lower(url.at[i]) <= 'z') ||
                           (i > 0 && strchr("+-.0123456789", url.at[i]) && url.at[i])))
        i++;
    if (i == 0 || url.len - i < 2 || url.at[i] != ':' || url.at[i + 1] != '/')
        return 0;
    if (i == 4 && same_name(oi_text_of(url.at, i), "file", 4))
        return url.len; /* a path, and an @ in it is nobody's password */
    i++;
    while (i < url.len && url.at[i] == '/')
        i++;
    return i;
}

/* A port that is none, and an @ behind it: a password with an unescaped slash or question mark in it. No client can use
 * such a URL, but it must not be recorded either. */
static bool broken_port(struct oi_text url, size_t start, size_t end)
{
    size_t colon = find(oi_text_of(url.at, end), start, ':');
    if (start < end && url.at[start] == '[')
        return false;
    for (size_t i = colon + 1; i < end; i++)
        if (url.at[i] < '0' || url.at[i] > '9')
            return true;
    return false;
}

/* Writes the credentials' replacement; returns where the host starts. */
static size_t authority(struct oi_text url, size_t start, struct oi_buffer *out)
{
    size_t end = start, at = start;
    while (end < url.len && url.at[end] != '/' && url.at[end] != '?' && url.at[end] != '#')
        end++;
    const char *last = end > start ? memrchr(url.at + start, '@', end - start) : NULL;
    if (!last && broken_port(url, start, end))
        last = memrchr(url.at + end, '@', url.len - end);
    oi_buffer_put(out, url.at, start);
    if (last) {
        oi_buffer_put(out, "REDACTED:REDACTED@", 18);
        at = (size_t)(last - url.at) + 1;
    }
    return at;
}

/* From a ? or # on: `name=value` with & or ; between them, and again behind a #, where single-page logins put tokens. A
 * secret's value ends at & or # only: a ; may be part of it. */
static void parameters(struct oi_text url, size_t at, const char *more, struct oi_buffer *out)
{
    size_t copied = at;
    while (at < url.len) {
        size_t name = at;
        while (at < url.len &&
               !(url.at[at] == '=' || url.at[at] == '&' || url.at[at] == ';' || url.at[at] == '#' || url.at[at] == '?'))
            at++;
        if (at == url.len)
            break;
        if (url.at[at++] != '=' || !is_secret(oi_text_of(url.at + name, at - 1 - name), more))
            continue;
        size_t value = at;
        while (at < url.len && url.at[at] != '&' && url.at[at] != '#')
            at++;
        if (at > value) {
            oi_buffer_put(out, url.at + copied, value - copied);
            oi_buffer_put(out, "REDACTED", 8);
            copied = at;
        }
    }
    oi_buffer_put(out, url.at + copied, url.len - copied);
}

void oi_redact_url(struct oi_text url, const char *more, struct oi_buffer *out)
{
    if (!oi_text_present(url))
        return;
    size_t host = authority(url, authority_start(url), out);
    size_t query = host;
    while (query < url.len && url.at[query] != '?' && url.at[query] != '#')
        query++;
    oi_buffer_put(out, url.at + host, query - host);
    parameters(url, query, more, out);
}
