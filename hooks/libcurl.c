/* libcurl's easy interface: one curl_easy_perform of the program is one CLIENT span, and its context goes out with the
 * request. The multi interface (libcurl_multi.c) begins and ends its transfers here too. The conventions are in
 * agent/http_span.h; what is hooked and what is not, in hooks/README.md. */
#include <stdarg.h>

#include "agent/http_common.h"
#include "agent/http_span.h"
#include "hooks/libcurl.h"
#include "hooks/libcurl_errors.h"
#include "hooks/libcurl_headers.h"

OI_LIBRARY_TABLE(libcurl, OI_CURL_FUNCTIONS);

static const struct oi_scope scope = {"otel-instrument.libcurl", OI_AREA_HTTP};

/* Enters a call about a handle; *handle is NULL where the call or the handle is not ours to watch. Calls go to the copy
 * of libcurl that made the handle: a tail call's return address lies in some other object, which may use another copy.
 */
static struct oi_call enter(const CURL *easy, const void *caller, struct oi_curl_handle **handle)
{
    *handle = oi_curl_find(easy);
    struct oi_call call = oi_call_enter_with(&oi_library_libcurl, *handle ? (*handle)->provider : NULL, caller);
    if (!call.watched) {
        if (*handle && call.provider && !oi_active()) /* it may have our list from before we stood down */
            oi_curl_take_back(&call, (CURL *)(uintptr_t)easy, *handle);
        *handle = NULL;
    }
    return call;
}

/* Also at the next use of a handle whose last transfer was left by longjmp or an exception. */
void oi_curl_take_back(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle)
{
    oi_curl_callbacks_take_back(call, easy, handle);
    if (!handle->lent)
        return;
    handle->lent = false;
    OI_REAL(*call, curl_easy_setopt)(easy, CURLOPT_HTTPHEADER, handle->set.headers);
    for (size_t i = 0; i < OI_HEADERS_WRITTEN; i++)
        handle->nodes[i].next = NULL;
}

/* CURLOPT_CURLU names a URL that the program may change until the transfer begins. Every libcurl reads it at the first
 * one; some never again, and the program may free it then. */
static void read_url_handle(const struct oi_call *call, struct oi_curl_handle *handle)
{
    char *url = NULL;
    if (!handle->set.url_handle_unread || !OI_REAL(*call, curl_url_get) || !OI_REAL(*call, curl_free))
        return;
    handle->set.url_handle_unread = false;
    if (OI_REAL(*call, curl_url_get)(handle->set.url_handle, CURLUPART_URL, &url, 0) == CURLUE_OK)
        oi_curl_url_set(handle, url);
    OI_REAL(*call, curl_free)(url);
}

static bool is_http(struct oi_text scheme)
{
    return oi_text_present(scheme) &&
           (oi_text_equal_nocase(scheme, OI_TEXT("http")) || oi_text_equal_nocase(scheme, OI_TEXT("https")));
}

static bool starts_with(struct oi_text text, struct oi_text start)
{
    return text.len >= start.len && oi_text_equal_nocase(oi_text_of(text.at, start.len), start);
}

bool oi_curl_transfer_begin(const struct oi_call *call, struct oi_curl_handle *handle, struct oi_span *span,
                            struct curl_slist **list)
{
    struct oi_curl_own_headers own;
    read_url_handle(call, handle);
    struct oi_text url = oi_curl_url(handle);
    if (!oi_text_present(url) || handle->set.connect_only)
        return false;
    struct oi_url parts = oi_url_split(url);
    if (!is_http(parts.scheme))
        return false;
    oi_curl_own_headers(handle->set.headers, &own);
    enum oi_otlp_path otlp = oi_http_is_otlp_path(parts.path);
    if (otlp != OI_OTLP_NONE && oi_http_is_otlp_type(own.content_type)) {
        if (otlp == OI_OTLP_TRACES) {
            if (!oi_agent.config.with_sdk &&
                !oi_life_relaying()) /* what is under way goes on: how it ends, will not be seen */
                oi_library_libcurl.deliver = NULL;
            oi_life_with_sdk();
        }
        return false;
    }
    oi_worker_need();
    oi_curl_capture_request(handle);
    oi_curl_span_start(handle, &own, span);
    *list = oi_curl_list(handle, &own, span);
    handle->lent = *list != NULL;
    return true;
}

static struct oi_text version_name(long version)
{
    switch (version) {
    case CURL_HTTP_VERSION_1_0:
        return OI_TEXT("1.0");
    case CURL_HTTP_VERSION_1_1:
        return OI_TEXT("1.1");
    case CURL_HTTP_VERSION_2_0:
        return OI_TEXT("2");
    case CURL_HTTP_VERSION_3:
        return OI_TEXT("3");
    default:
        return (struct oi_text){NULL, 0};
    }
}

/* These are given back before a transfer begins, and libcurl then still knows the results of the one before. */
static bool never_began(int result)
{
    return result == CURLE_FAILED_INIT || result == CURLE_RECURSIVE_API_CALL || result == CURLE_BAD_FUNCTION_ARGUMENT ||
           result == OI_CURL_NOT_BEGUN;
}

/* For a unix socket libcurl gives its path, cut where an address would end, and the port that the URL names. */
static void describe_peer(const char *address, long port, struct oi_http_client_call *out)
{
    enum { ADDRESS_MAX = 45 };
    if (!address || !address[0])
        return;
    size_t length = strlen(address);
    bool is_ip = strspn(address, "0123456789.") == length || (strchr(address, ':') && !strchr(address, '/'));
    if (!is_ip && length >= ADDRESS_MAX)
        return;
    out->peer_address = oi_text_of(address, length);
    out->peer_port = is_ip ? (uint16_t)port : 0;
}

/* What libcurl knows of the transfer. An info that an old version lacks leaves the variable as it is. */
static void describe_answer(const struct oi_call *call, CURL *easy, struct oi_http_client_call *out)
{
    __typeof__(&curl_easy_getinfo) getinfo = OI_REAL(*call, curl_easy_getinfo);
    long status = 0, version = 0, redirects = 0, port = 0;
    char *address = NULL, *scheme = NULL;
    curl_off_t sent = -1, announced = -1, received = -1;
    getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
    getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    getinfo(easy, CURLINFO_SCHEME, &scheme);
    getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    getinfo(easy, CURLINFO_CONTENT_LENGTH_UPLOAD_T, &announced);
    getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    if (scheme && !is_http(oi_text_from(scheme))) /* redirected to FTP, whose codes look like ours */
        status = 0;
    out->status = (int)status;
    out->resend_count = (uint32_t)redirects;
    describe_peer(address, port, out);
    if (status == 0)
        return;
    out->version = version_name(version);
    out->response_body_size = received;
    /* After a redirect it is the size of the last request's body, which need not be the first one's; of a chunked body,
     * libcurl counts the framing too. */
    if (out->request_body_size == 0)
        out->request_body_size = redirects == 0 && announced >= 0 ? sent : -1;
}

/* Whether the answer is whole, where libcurl's result is not known: it has the size that was announced, or none. */
static bool is_answered(const struct oi_call *call, CURL *easy, const struct oi_curl_handle *handle,
                        const struct oi_http_client_call *out)
{
    curl_off_t announced = -1;
    if (out->status < 200)
        return false;
    if (out->status == 204 || out->status == 304 || handle->set.no_body)
        return true;
    OI_REAL(*call, curl_easy_getinfo)(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    return announced >= 0 && out->response_body_size >= announced;
}

/* A transfer whose result the program did not ask for, or did not wait for. */
static void describe_untold(const struct oi_call *call, CURL *easy, const struct oi_curl_handle *handle, int result,
                            struct oi_http_client_call *out)
{
    if (result == OI_CURL_UNTOLD && out->status == 0) {
        out->error_type = OI_TEXT("_OTHER");
    } else if (result != OI_CURL_UNTOLD && !is_answered(call, easy, handle, out)) {
        out->error_type = OI_TEXT("abandoned");
        out->error_message = result == OI_CURL_UNFINISHED ? OI_TEXT("The program ended before it was done")
                                                          : OI_TEXT("Removed before it was done");
    }
}

/* A transfer that the program itself ended from a callback is no error; one that ended because of the answer's status
 * (CURLOPT_FAILONERROR) is told by the status. */
static void describe_error(const struct oi_call *call, CURLcode result, struct oi_http_client_call *out,
                           char number[static 16])
{
    if (result == CURLE_OK || result == CURLE_ABORTED_BY_CALLBACK ||
        (result == CURLE_HTTP_RETURNED_ERROR && out->status >= 400))
        return;
    out->error_type = oi_curl_error_name((int)result, number);
    if (OI_REAL(*call, curl_easy_strerror))
        out->error_message = oi_text_from(OI_REAL(*call, curl_easy_strerror)(result));
}

/* A CURLU's contents may have changed since it was read; if nothing was redirected, libcurl knows what it asked for. */
static void update_url(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle, uint32_t redirects)
{
    char *url = NULL;
    if (!handle->set.url_handle || redirects > 0)
        return;
    OI_REAL(*call, curl_easy_getinfo)(easy, CURLINFO_EFFECTIVE_URL, &url);
    if (url && url[0])
        oi_curl_url_set(handle, url);
}

/* What the program asked for; where HSTS made https of it, what was sent. */
static struct oi_text url_sent(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle,
                               uint32_t redirects)
{
    char *effective = NULL;
    struct oi_text url = oi_curl_url(handle), https = OI_TEXT("https:");
    if (redirects == 0 && !starts_with(url, https))
        OI_REAL(*call, curl_easy_getinfo)(easy, CURLINFO_EFFECTIVE_URL, &effective);
    return effective && starts_with(oi_text_from(effective), https) ? oi_text_from(effective) : url;
}

void oi_curl_transfer_end(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle,
                          const struct oi_span *span, int result)
{
    char number[16];
    struct oi_http_client_call out = {.method = oi_curl_method(handle),
                                      .request_body_size = oi_curl_has_body(handle) ? 0 : -1,
                                      .response_body_size = -1};
    oi_curl_take_back(call, easy, handle);
    if (never_began(result)) {
        out.url = oi_curl_url(handle);
    } else {
        describe_answer(call, easy, &out);
        update_url(call, easy, handle, out.resend_count);
        out.url = url_sent(call, easy, handle, out.resend_count);
        oi_curl_capture_answer(call, easy, handle, &out);
        if (oi_agent.config.http_client_timings)
            oi_curl_timings(call, easy, &out);
    }
    if (out.status == 0)
        out.request_body_size = -1;
    if (result < 0)
        describe_untold(call, easy, handle, result, &out);
    else
        describe_error(call, (CURLcode)result, &out, number);
    struct oi_url parts = oi_url_split(out.url);
    out.host = parts.host;
    out.port = handle->set.port ? handle->set.port : parts.port;
    if (out.port == 0)
        out.port = parts.scheme.len == sizeof "https" - 1 ? 443 : 80;
    if (handle->user_agent_sent[0])
        out.user_agent = oi_text_from(handle->user_agent_sent);
    oi_http_client_submit(span, &scope, &out);
}

OI_HOOK(CURLcode, curl_easy_perform, (CURL * easy))
{
    struct oi_curl_handle *handle;
    struct oi_call call = enter(easy, OI_CALLER, &handle);
    struct oi_span span;
    struct curl_slist *list;
    if (!call.provider)
        return CURLE_FAILED_INIT;
    /* libcurl refuses a handle that is in a multi handle: its transfer there goes on. */
    if (handle && handle->place.multi)
        handle = NULL;
    if (handle)
        oi_curl_take_back(&call, easy, handle);
    bool traced = handle && oi_curl_transfer_begin(&call, handle, &span, &list);
    if (call.watched)
        oi_call_pause(&call);
    if (traced && list)
        OI_REAL(call, curl_easy_setopt)(easy, CURLOPT_HTTPHEADER, list);
    CURLcode result = OI_REAL(call, curl_easy_perform)(easy);
    if (!traced)
        return result;
    oi_call_resume(&call);
    oi_curl_transfer_end(&call, easy, handle, &span, (int)result);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(CURLcode, curl_easy_setopt, (CURL * easy, CURLoption option, ...))
{
    struct oi_curl_handle *handle;
    struct oi_call call = enter(easy, OI_CALLER, &handle);
    va_list arguments;
    /* long, pointer and curl_off_t are 64 bits wide and travel alike on the systems we support: as libcurl's va_arg
     * will read them, so we hand them on. */
    va_start(arguments, option);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!call.provider)
        return CURLE_FAILED_INIT;
    if (call.watched)
        oi_call_pause(&call);
    CURLcode result = OI_REAL(call, curl_easy_setopt)(easy, option, argument);
    if (!handle || result != CURLE_OK)
        return result;
    oi_call_resume(&call);
    oi_curl_remember(handle, option, argument);
    if (oi_curl_callbacks_remember(&handle->set.callbacks, option, argument) && handle->place.open &&
        handle->place.follows)
        oi_curl_callbacks_lend(&call, easy, handle);
    oi_call_leave(&call);
    return result;
}

OI_HOOK(CURL *, curl_easy_init, (void))
{
    struct oi_call call = oi_call_enter(&oi_library_libcurl, OI_CALLER);
    if (!call.provider)
        return NULL;
    if (!call.watched)
        return OI_REAL(call, curl_easy_init)();
    oi_worker_need();
    oi_call_pause(&call);
    CURL *easy = OI_REAL(call, curl_easy_init)();
    oi_call_resume(&call);
    if (easy)
        oi_curl_add(easy, call.provider, NULL);
    oi_call_leave(&call);
    return easy;
}

/* libcurl itself copies a handle for what a server pushes; the copy then is the program's. */
OI_HOOK(CURL *, curl_easy_duphandle, (CURL * easy))
{
    struct oi_curl_handle *handle;
    struct oi_call call = enter(easy, OI_CALLER, &handle);
    const struct oi_curl_handle *original = oi_curl_find(easy);
    if (!call.provider)
        return NULL;
    if (call.watched)
        oi_call_pause(&call);
    CURL *copy = OI_REAL(call, curl_easy_duphandle)(easy);
    /* Copied in the middle of a transfer, it has what is ours there, and belongs to the other handle. */
    if (copy && original)
        oi_curl_callbacks_restore(&call, copy, original);
    if (copy && original && original->lent)
        OI_REAL(call, curl_easy_setopt)(copy, CURLOPT_HTTPHEADER, original->set.headers);
    if (!handle || !copy)
        return copy;
    oi_call_resume(&call);
    oi_curl_add(copy, call.provider, handle);
    oi_call_leave(&call);
    return copy;
}

OI_HOOK(void, curl_easy_reset, (CURL * easy))
{
    struct oi_curl_handle *handle;
    struct oi_call call = enter(easy, OI_CALLER, &handle);
    if (!call.provider)
        return;
    if (handle) {
        oi_curl_multi_leave(&call, handle); /* with what describes the transfer */
        oi_curl_clear(handle);
    }
    if (call.watched)
        oi_call_pause(&call);
    OI_REAL(call, curl_easy_reset)(easy);
}

OI_HOOK(void, curl_easy_cleanup, (CURL * easy))
{
    struct oi_curl_handle *handle;
    struct oi_call call = enter(easy, OI_CALLER, &handle);
    if (!call.provider)
        return;
    if (handle) {
        oi_curl_multi_leave(&call, handle);
        oi_curl_take_back(&call, easy, handle);
        oi_curl_remove(easy);
    }
    if (call.watched)
        oi_call_pause(&call);
    OI_REAL(call, curl_easy_cleanup)(easy);
    if (!handle)
        return;
    oi_call_resume(&call);
    oi_curl_release(handle);
    oi_call_leave(&call);
}
