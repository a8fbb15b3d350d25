#include "agent/http_common.h"

#include "agent/agent.h"
#include "agent/redact.h"
#include "agent/url.h"

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static bool ends_item(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\0';
}

/* The item of the comma list that `method` is, after upper-casing; absent if there is none. Methods are case-sensitive,
 * but `get` is what people write who mean GET; what was sent stays in http.request.method_original. */
static struct oi_text known_method(const char *list, struct oi_text method)
{
    while (list && *list) {
        size_t i = 0;
        while (i < method.len && !ends_item(list[i]) && (method.at[i] == list[i] || upper(method.at[i]) == list[i]))
            i++;
        if (i > 0 && i == method.len && ends_item(list[i]))
            return oi_text_of(list, i);
        while (!ends_item(*list))
            list++;
        while (*list && ends_item(*list))
            list++;
    }
    return (struct oi_text){NULL, 0};
}

struct oi_text oi_http_put_method(struct oi_record *record, enum oi_semconv sets, struct oi_text sent)
{
    struct oi_text method = known_method(oi_agent.config.known_http_methods, sent);
    bool known = oi_text_present(method);
    if (!known)
        method = OI_TEXT("_OTHER");
    if (sets & OI_SEMCONV_OLD)
        oi_record_str_owned(record, "http.method", method);
    if (sets & OI_SEMCONV_NEW) {
        oi_record_str_owned(record, "http.request.method", method);
        if (!oi_text_equal(method, sent))
            oi_record_str(record, "http.request.method_original", sent);
    }
    return known ? method : OI_TEXT("HTTP");
}

void oi_http_put_status(struct oi_record *record, enum oi_semconv sets, int status)
{
    if (status != 0 && (sets & OI_SEMCONV_OLD))
        oi_record_int(record, "http.status_code", status);
    if (status != 0 && (sets & OI_SEMCONV_NEW))
        oi_record_int(record, "http.response.status_code", status);
}

void oi_http_put_error(struct oi_record *record, enum oi_semconv sets, int status, bool failed, struct oi_text type,
                       struct oi_text message)
{
    char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
    if (oi_text_present(type)) {
        oi_record_status(record, OI_STATUS_ERROR, message);
    } else if (failed) {
        size_t zeros = status < 10 ? 2 : status < 100;
        oi_record_status(record, OI_STATUS_ERROR, (struct oi_text){NULL, 0});
        type = oi_text_of(digits + zeros, sizeof digits - zeros);
    }
    if (sets & OI_SEMCONV_NEW)
        oi_record_str(record, "error.type", type);
}

bool oi_http_is_plain_path(struct oi_text url)
{
    return url.len > 0 && url.at[0] == '/' && !memchr(url.at, '?', url.len) && !memchr(url.at, '#', url.len);
}

struct oi_text oi_http_redacted(struct oi_record *record, struct oi_text url)
{
    if (!oi_text_present(url))
        return url;
    if (oi_http_is_plain_path(url)) {
        struct oi_buffer path = oi_record_text_begin(record, url.len);
        oi_buffer_put(&path, url.at, url.len);
        return oi_record_text_end(record, &path);
    }
    /* Room for what usually is replaced; then for the worst case, REDACTED for every x in ?a=x&b=x&… */
    size_t room[] = {url.len + 64, 4 * url.len + 64};
    struct oi_buffer out = {0};
    for (size_t i = 0; i < 2; i++) {
        out = oi_record_text_begin(record, room[i]);
        oi_redact_url(url, oi_agent.config.redact_query, &out);
        if (!out.truncated)
            break;
    }
    return oi_record_text_end(record, &out);
}

static bool ends_with(struct oi_text text, struct oi_text end)
{
    return text.len >= end.len && memcmp(text.at + text.len - end.len, end.at, end.len) == 0;
}

static bool starts_with(struct oi_text text, struct oi_text start)
{
    return text.len >= start.len && oi_text_equal_nocase(oi_text_of(text.at, start.len), start);
}

enum oi_otlp_path oi_http_is_otlp_path(struct oi_text path)
{
    if (ends_with(path, OI_TEXT("/v1/traces")))
        return OI_OTLP_TRACES;
    return ends_with(path, OI_TEXT("/v1/metrics")) || ends_with(path, OI_TEXT("/v1/logs")) ? OI_OTLP_OTHER
                                                                                           : OI_OTLP_NONE;
}

bool oi_http_is_otlp_type(struct oi_text content_type)
{
    return oi_text_present(content_type) && (starts_with(content_type, OI_TEXT("application/x-protobuf")) ||
                                             starts_with(content_type, OI_TEXT("application/json")));
}
