/* What is said of a transfer only where the settings ask for it: headers and timings.
 *
 * A request's headers are what the program itself has said: its list, and the options that become one header each. What
 * libcurl adds (Host, Content-Length, cookies, authentication) is not known before it is sent, and not shown. An
 * answer's headers are asked of libcurl when the transfer is over, so nothing of the program's is in the way; that
 * takes libcurl 7.83. */
#include "agent/http_headers.h"
#include "hooks/libcurl.h"
#include "hooks/libcurl_headers.h"

enum { ANSWER_HEADERS_MAX = 256 };

/* --- a request's headers ------------------------------------------------------------------------------------------ */

void oi_curl_tell(struct oi_curl_handle *handle, CURLoption option, const char *value)
{
    size_t length = value ? strlen(value) : 0, room;
    char *at;
    if (!oi_http_headers_wanted(OI_CLIENT_REQUEST) || !oi_curl_large_need(handle))
        return;
    struct oi_curl_told *told = &handle->large->told;
    switch ((int)option) {
    case CURLOPT_REFERER:
        at = told->referer;
        room = sizeof told->referer;
        break;
    case CURLOPT_ACCEPT_ENCODING: /* empty: all that libcurl knows, which it does not tell */
        at = told->accept_encoding;
        room = sizeof told->accept_encoding;
        break;
    default:
        at = told->range;
        room = sizeof told->range;
    }
    if (length >= room)
        length = 0;
    if (length > 0)
        memcpy(at, value, length);
    at[length] = '\0';
}

/* Whether libcurl sends such a line as it is (lib/http.c, Curl_add_custom_headers). */
static bool sent_as_it_is(const struct oi_curl_handle *handle, const char *line, struct oi_text name,
                          struct oi_text value)
{
    if (name.len == 0 || (line[name.len] != ':' && value.len > 0) || (line[name.len] == ':' && value.len == 0) ||
        !line[name.len])
        return false;
    /* A form's has the boundary in it; these two depend on the connection. */
    return !(handle->set.form && oi_text_equal_nocase(name, OI_TEXT("content-type"))) &&
           !oi_text_equal_nocase(name, OI_TEXT("transfer-encoding")) &&
           !oi_text_equal_nocase(name, OI_TEXT("connection"));
}

static bool in_list(const struct curl_slist *list, struct oi_text wanted)
{
    struct oi_text name, value;
    for (; list; list = list->next) {
        if (!list->data)
            continue;
        oi_curl_split_line(list->data, &name, &value);
        if (oi_text_equal_nocase(name, wanted))
            return true;
    }
    return false;
}

/* An option's header, unless the list has its own. */
static void keep_option(struct oi_buffer *kept, const struct oi_curl_handle *handle, struct oi_text name,
                        const char *value)
{
    if (value[0] && !in_list(handle->set.headers, name))
        oi_http_headers_keep(kept, OI_CLIENT_REQUEST, name, oi_text_from(value));
}

static void keep_range(struct oi_buffer *kept, const struct oi_curl_handle *handle, const char *range)
{
    char line[sizeof "bytes=" + sizeof handle->large->told.range];
    if (!range[0] || handle->set.resumes || oi_curl_has_body(handle))
        return;
    memcpy(line, "bytes=", 6);
    strcpy(line + 6, range);
    keep_option(kept, handle, OI_TEXT("Range"), line);
}

void oi_curl_capture_request(struct oi_curl_handle *handle)
{
    if (!oi_http_headers_wanted(OI_CLIENT_REQUEST) || !oi_curl_large_need(handle))
        return;
    struct oi_curl_large *large = handle->large;
    struct oi_buffer kept = {.at = large->request_headers, .size = sizeof large->request_headers};
    keep_range(&kept, handle, large->told.range);
    if (strlen(handle->set.user_agent) < sizeof handle->set.user_agent - 1) /* else it may be cut */
        keep_option(&kept, handle, OI_TEXT("User-Agent"), handle->set.user_agent);
    keep_option(&kept, handle, OI_TEXT("Accept-Encoding"), large->told.accept_encoding);
    keep_option(&kept, handle, OI_TEXT("Referer"), large->told.referer);
    for (const struct curl_slist *line = handle->set.headers; line; line = line->next) {
        struct oi_text name, value;
        if (!line->data)
            continue;
        oi_curl_split_line(line->data, &name, &value);
        if (sent_as_it_is(handle, line->data, name, value))
            oi_http_headers_keep(&kept, OI_CLIENT_REQUEST, name, value);
    }
    large->request_headers_length = (uint16_t)kept.len;
}

/* --- an answer's -------------------------------------------------------------------------------------------------- */

/* An empty value still has the end of its line. */
static struct oi_text value_of(const struct curl_header *header)
{
    struct oi_text value = oi_text_from(header->value);
    while (value.len > 0 && (value.at[value.len - 1] == '\r' || value.at[value.len - 1] == '\n'))
        value.len--;
    return value;
}

/* Those of the last answer: neither a proxy's nor a trailer's. */
static struct oi_text answer_headers(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle)
{
    enum { LAST_REQUEST = -1 };
    struct oi_curl_large *large = handle->large;
    struct oi_buffer kept = {.at = large->response_headers, .size = sizeof large->response_headers};
    struct curl_header *header = NULL;
    for (int i = 0; i < ANSWER_HEADERS_MAX; i++) {
        header = OI_REAL(*call, curl_easy_nextheader)(easy, CURLH_HEADER, LAST_REQUEST, header);
        if (!header)
            break;
        oi_http_headers_keep(&kept, OI_CLIENT_RESPONSE, oi_text_from(header->name), value_of(header));
    }
    return oi_buffer_text(&kept);
}

void oi_curl_capture_answer(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle,
                            struct oi_http_client_call *out)
{
    if (oi_http_headers_wanted(OI_CLIENT_REQUEST) && handle->large)
        out->request_headers = oi_text_of(handle->large->request_headers, handle->large->request_headers_length);
    if (oi_http_headers_wanted(OI_CLIENT_RESPONSE) && out->status > 0 && OI_REAL(*call, curl_easy_nextheader) &&
        oi_curl_large_need(handle))
        out->response_headers = answer_headers(call, easy, handle);
}

/* --- timings ------------------------------------------------------------------------------------------------------ */

/* libcurl's times begin at the start of the transfer, and those of several requests (redirects, authentication) are
 * added together. A connection that is used again adds to some of them only, so then their differences mean nothing. */
void oi_curl_timings(const struct oi_call *call, CURL *easy, struct oi_http_client_call *out)
{
    __typeof__(&curl_easy_getinfo) getinfo = OI_REAL(*call, curl_easy_getinfo);
    curl_off_t queue = 0, name_lookup = 0, connect = 0, tls = 0, request = 0, first_byte = 0, redirect = 0;
    long connections = 0;
    enum { QUEUE_TIME_T = CURLINFO_OFF_T + 65 }; /* since 8.6 */
    getinfo(easy, (CURLINFO)QUEUE_TIME_T, &queue);
    getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &name_lookup);
    getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect);
    getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &tls);
    getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &request);
    getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
    getinfo(easy, CURLINFO_REDIRECT_TIME_T, &redirect);
    getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
    if (out->status > 0) /* also the end of a connection has such a time */
        out->timings.first_byte = first_byte;
    if (request > 0 && connections == 0)
        return; /* a connection from before: nothing was looked up */
    if (name_lookup > queue)
        out->timings.name_lookup = name_lookup - queue;
    if (redirect > 0)
        return;
    if (connect > name_lookup)
        out->timings.connect = connect - name_lookup;
    if (connect > 0 && tls > connect)
        out->timings.tls = tls - connect;
}
