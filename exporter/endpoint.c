#include "exporter/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/text.h"

#define METHOD "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

/* A URL's parts; each points into the text. */
struct parts {
    struct oi_text scheme; /* absent: none */
    struct oi_text user;   /* user:password, absent: none */
    struct oi_text host;   /* with the brackets of an IPv6 address */
    struct oi_text port;   /* absent: none */
    struct oi_text path;   /* up to the query */
    struct oi_text query;  /* with its question mark */
};

static struct oi_text up_to(struct oi_text text, const char *stops)
{
    size_t len = 0;
    while (len < text.len && !strchr(stops, text.at[len]))
        len++;
    return oi_text_of(text.at, len);
}

static struct oi_text after(struct oi_text text, size_t skip)
{
    return oi_text_of(text.at + skip, text.len - skip);
}

static struct oi_text without_blanks(struct oi_text text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.at[0]))
        text = after(text, 1);
    while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]))
        text.len--;
    return text;
}

static void split_authority(struct oi_text authority, struct parts *out)
{
    const char *at_sign = memrchr(authority.at, '@', authority.len);
    if (at_sign) {
        out->user = oi_text_of(authority.at, (size_t)(at_sign - authority.at));
        authority = after(authority, out->user.len + 1);
    }
    size_t from = 0;
    if (authority.len > 0 && authority.at[0] == '[')
        from = up_to(authority, "]").len;
    out->host = oi_text_of(authority.at, from + up_to(after(authority, from), ":").len);
    if (out->host.len < authority.len)
        out->port = after(authority, out->host.len + 1);
}

static void split(struct oi_text text, struct parts *out)
{
    *out = (struct parts){0};
    const char *mark = memmem(text.at, text.len, "://", 3);
    if (mark) {
        out->scheme = oi_text_of(text.at, (size_t)(mark - text.at));
        text = after(text, out->scheme.len + 3);
    }
    struct oi_text authority = up_to(text, "/?#");
    split_authority(authority, out);
    text = after(text, authority.len);
    out->path = up_to(text, "?#");
    out->query = up_to(after(text, out->path.len), "#");
}

/* 1..65535; 0: not a port. */
static unsigned port_of(struct oi_text text)
{
    unsigned port = 0;
    for (size_t i = 0; i < text.len && port <= 65535; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return 0;
        port = port * 10 + (unsigned)(text.at[i] - '0');
    }
    return port <= 65535 ? port : 0;
}

static bool is(struct oi_text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static bool is_loopback(struct oi_text host)
{
    static const char suffix[] = ".localhost";
    size_t len = sizeof suffix - 1;
    return is(host, "localhost") || is(host, "[::1]") ||
           (strncmp(host.at, "127.", 4) == 0 && strspn(host.at, "0123456789.") >= host.len) ||
           (host.len > len && is(oi_text_of(host.at + host.len - len, len), suffix));
}

static const char *complaint(struct oi_text text, const struct parts *parts)
{
    if (text.len > OI_ENDPOINT_MAX)
        return "is too long";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7F)
            return "holds a blank or a control character";
    if (oi_text_present(parts->scheme) && !is(parts->scheme, "http") && !is(parts->scheme, "https"))
        return "has a scheme other than http and https";
    if (parts->host.len == 0)
        return "names no host";
    if (parts->host.at[0] == '[' && parts->host.at[parts->host.len - 1] != ']')
        return "has a bracket that is not closed";
    if (oi_text_present(parts->port) && port_of(parts->port) == 0)
        return "has a bad port";
    return NULL;
}

#define SPREAD(text) (int)(text).len, (text).len ? (text).at : ""

/* In messages neither the user part nor the query stands: either may hold a secret. */
static void assemble(char *to, size_t size, const struct oi_endpoint *out, const struct parts *parts,
                     const char *append, bool message)
{
    static const struct oi_text none;
    struct oi_text user = message ? none : parts->user, query = message ? none : parts->query;
    bool joined = append[0] == '\0' || (parts->path.len > 0 && parts->path.at[parts->path.len - 1] == '/');
    snprintf(to, size, "%s://%.*s%s%.*s%s%.*s%.*s%s%s%.*s", out->tls ? "https" : "http", SPREAD(user),
             oi_text_present(user) ? "@" : "", SPREAD(parts->host), oi_text_present(parts->port) ? ":" : "",
             SPREAD(parts->port), SPREAD(parts->path), joined ? "" : "/", append, SPREAD(query));
}

const char *oi_endpoint_parse(struct oi_endpoint *out, const char *endpoint, enum oi_endpoint_form form, bool insecure)
{
    struct oi_text text = without_blanks(oi_text_from(endpoint));
    struct parts parts;
    split(text, &parts);
    const char *wrong = complaint(text, &parts);
    if (wrong)
        return wrong;
    out->tls = is(parts.scheme, "https") || (!oi_text_present(parts.scheme) && form == OI_ENDPOINT_GRPC && !insecure);
    out->loopback = is_loopback(parts.host);
    if (form == OI_ENDPOINT_GRPC) {
        parts.path = parts.query = (struct oi_text){0};
        assemble(out->display, sizeof out->display, out, &parts, "", true);
        parts.path = OI_TEXT(METHOD);
        assemble(out->url, sizeof out->url, out, &parts, "", false);
        return NULL;
    }
    const char *append = form == OI_ENDPOINT_EXACT ? "" : "v1/traces";
    assemble(out->url, sizeof out->url, out, &parts, append, false);
    assemble(out->display, sizeof out->display, out, &parts, append, true);
    return NULL;
}
