#include "hooks/libcurl_handle.h"

#include <stdint.h>
#include <sys/mman.h>

#include "agent/handles.h"
#include "agent/permanent.h"
#include "agent/pool.h"

/* The map's nodes are never given back, and a program may make a handle for each request, at ever new addresses: so
 * they hold an address only, and the state itself comes from a pool, whose last returned slot is the next one taken. */
enum { HANDLES_MAX = 4096, SLOT = (sizeof(struct oi_curl_handle) + 15) & ~15UL };

struct entry {
    struct oi_curl_handle *handle;
};

static struct oi_handles entries = OI_HANDLES(struct entry);
static _Atomic(struct oi_pool *) slots;

struct oi_curl_handle *oi_curl_find(const CURL *easy)
{
    const struct entry *entry = oi_handles_find(&entries, easy);
    return entry ? entry->handle : NULL;
}

/* The pool, mapped by the first thread that makes a handle. */
static struct oi_pool *pool(void)
{
    struct oi_pool *known = atomic_load_explicit(&slots, memory_order_acquire);
    if (known)
        return known;
    struct oi_pool *fresh = oi_permanent(sizeof *fresh);
    if (!fresh || !oi_pool_init(fresh, SLOT, HANDLES_MAX))
        return NULL;
    if (atomic_compare_exchange_strong(&slots, &known, fresh))
        return fresh;
    oi_pool_unmap(fresh);
    return known;
}

struct oi_curl_large *oi_curl_large_need(struct oi_curl_handle *handle)
{
    if (!handle->large) {
        void *at = mmap(NULL, sizeof(struct oi_curl_large), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at != MAP_FAILED)
            handle->large = at;
    }
    return handle->large;
}

struct oi_curl_handle *oi_curl_remove(CURL *easy)
{
    struct oi_curl_handle *handle = oi_curl_find(easy);
    if (!handle)
        return NULL;
    oi_handles_remove(&entries, easy);
    oi_curl_multi_forget(handle);
    return handle;
}

void oi_curl_release(struct oi_curl_handle *handle)
{
    if (!handle)
        return;
    if (handle->large)
        munmap(handle->large, sizeof *handle->large);
    oi_pool_give(atomic_load_explicit(&slots, memory_order_acquire), handle);
}

static struct oi_curl_handle *new_handle(CURL *easy)
{
    oi_curl_release(oi_curl_remove(easy)); /* left over: freed where we did not see it */
    struct oi_pool *from = pool();
    struct oi_curl_handle *handle = from ? oi_pool_take(from) : NULL;
    if (!handle)
        return NULL;
    memset(handle, 0, sizeof *handle);
    oi_curl_callbacks_init(&handle->set.callbacks);
    struct entry *entry = oi_handles_add(&entries, easy);
    if (!entry) {
        oi_pool_give(from, handle);
        return NULL;
    }
    entry->handle = handle;
    return handle;
}

struct oi_curl_handle *oi_curl_add(CURL *easy, const struct oi_provider *provider, const struct oi_curl_handle *like)
{
    struct oi_curl_handle *handle = new_handle(easy);
    if (!handle)
        return NULL;
    handle->provider = provider;
    if (!like)
        return handle;
    handle->set = like->set;
    if (like->url_large && !oi_curl_large_need(handle))
        return handle;
    handle->url_length = like->url_length;
    handle->url_large = like->url_large;
    memcpy(handle->url, like->url, sizeof handle->url);
    if (like->url_large)
        memcpy(handle->large->url, like->large->url, sizeof handle->large->url);
    if (like->large && oi_curl_large_need(handle))
        handle->large->told = like->large->told;
    return handle;
}

void oi_curl_clear(struct oi_curl_handle *handle)
{
    handle->set = (struct oi_curl_options){0};
    oi_curl_callbacks_init(&handle->set.callbacks);
    handle->url_length = 0;
    if (handle->large)
        handle->large->told = (struct oi_curl_told){0};
}

void oi_curl_url_set(struct oi_curl_handle *handle, const char *url)
{
    size_t length = url ? strlen(url) : 0;
    char *at = handle->url;
    handle->url_large = length > OI_CURL_URL_SMALL && oi_curl_large_need(handle);
    if (handle->url_large)
        at = handle->large->url;
    size_t room = handle->url_large ? OI_CURL_URL_LARGE : OI_CURL_URL_SMALL;
    if (length > room)
        length = room;
    if (length > 0)
        memcpy(at + OI_CURL_URL_PREFIX, url, length);
    handle->url_length = (uint16_t)length;
}

static bool starts_nocase(struct oi_text text, struct oi_text prefix)
{
    return text.len >= prefix.len && oi_text_equal_nocase(oi_text_of(text.at, prefix.len), prefix);
}

/* The scheme of a URL without one: what the program chose, or a guess by the host's name (lib/urlapi.c). */
static struct oi_text guessed_scheme(const struct oi_curl_handle *handle, struct oi_text host)
{
    static const struct oi_text others[] = {OI_TEXT("ftp."),  OI_TEXT("dict."), OI_TEXT("ldap."),
                                            OI_TEXT("imap."), OI_TEXT("smtp."), OI_TEXT("pop3.")};
    if (handle->set.default_scheme[0])
        return oi_text_from(handle->set.default_scheme);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (starts_nocase(host, others[i]))
            return oi_text_of(others[i].at, others[i].len - 1);
    return OI_TEXT("http");
}

/* The prefix is written into the room kept in front of the URL: credentials are only recognised, and taken out, where a
 * scheme says what comes next. */
struct oi_text oi_curl_url(struct oi_curl_handle *handle)
{
    if (handle->url_length == 0)
        return (struct oi_text){NULL, 0};
    char *at = (handle->url_large ? handle->large->url : handle->url) + OI_CURL_URL_PREFIX;
    struct oi_text url = {at, handle->url_length};
    struct oi_url parts = oi_url_split(url);
    if (oi_text_present(parts.scheme))
        return url;
    struct oi_text scheme = guessed_scheme(handle, parts.host);
    if (scheme.len + 3 > OI_CURL_URL_PREFIX)
        return url;
    memcpy(at - 3, "://", 3);
    memcpy(at - 3 - scheme.len, scheme.at, scheme.len);
    return oi_text_of(at - 3 - scheme.len, scheme.len + 3 + url.len);
}

struct oi_text oi_curl_method(const struct oi_curl_handle *handle)
{
    static const struct oi_text names[] = {OI_TEXT("GET"), OI_TEXT("HEAD"), OI_TEXT("POST"), OI_TEXT("PUT")};
    if (handle->set.custom_method[0])
        return oi_text_from(handle->set.custom_method);
    return names[handle->set.no_body ? OI_CURL_HEAD : handle->set.method];
}

bool oi_curl_has_body(const struct oi_curl_handle *handle)
{
    return !handle->set.no_body && (handle->set.method == OI_CURL_POST || handle->set.method == OI_CURL_PUT);
}

static void copy_string(char *to, size_t size, const char *from)
{
    size_t length = from ? strnlen(from, size - 1) : 0;
    if (length > 0)
        memcpy(to, from, length);
    to[length] = 0;
}

#define COPY(field, argument) copy_string((field), sizeof(field), (argument))

static void method_is(struct oi_curl_options *set, enum oi_curl_method method, bool has_answer_body)
{
    set->method = (uint8_t)method;
    set->form = false;
    if (has_answer_body)
        set->no_body = false;
}

/* The options that choose the method, later ones correcting earlier ones. False: not one of them. */
static bool remember_method(struct oi_curl_options *set, CURLoption option, bool on)
{
    switch ((int)option) {
    case CURLOPT_HTTPGET:
        if (on)
            method_is(set, OI_CURL_GET, true);
        return true;
    case CURLOPT_POST:
        method_is(set, on ? OI_CURL_POST : OI_CURL_GET, on);
        return true;
    case CURLOPT_UPLOAD:
    case CURLOPT_PUT:
        method_is(set, on ? OI_CURL_PUT : OI_CURL_GET, on);
        return true;
    case CURLOPT_NOBODY:
        set->no_body = on;
        if (on)
            set->method = OI_CURL_HEAD;
        else if (set->method == OI_CURL_HEAD)
            set->method = OI_CURL_GET;
        return true;
    case CURLOPT_POSTFIELDS: /* even NULL makes a POST */
    case CURLOPT_COPYPOSTFIELDS:
        method_is(set, OI_CURL_POST, false);
        return true;
    case CURLOPT_HTTPPOST:
    case CURLOPT_MIMEPOST:
        method_is(set, OI_CURL_POST, true);
        set->form = true;
        return true;
    default:
        return false;
    }
}

static void remember_url_handle(struct oi_curl_handle *handle, CURLU *url)
{
    handle->set.url_handle = url;
    handle->set.url_handle_unread = url && handle->url_length == 0;
}

void oi_curl_remember(struct oi_curl_handle *handle, CURLoption option, void *argument)
{
    struct oi_curl_options *set = &handle->set;
    long number = (long)(intptr_t)argument;
    if (remember_method(set, option, number != 0))
        return;
    switch ((int)option) {
    case CURLOPT_URL:
        oi_curl_url_set(handle, argument);
        break;
    case CURLOPT_CURLU:
        remember_url_handle(handle, argument);
        break;
    case CURLOPT_HTTPHEADER:
        set->headers = argument;
        break;
    case CURLOPT_CUSTOMREQUEST:
        COPY(set->custom_method, argument);
        break;
    case CURLOPT_USERAGENT:
        COPY(set->user_agent, argument);
        break;
    case CURLOPT_DEFAULT_PROTOCOL:
        COPY(set->default_scheme, argument);
        break;
    case CURLOPT_PORT:
        set->port = (uint16_t)number;
        break;
    case CURLOPT_CONNECT_ONLY:
        set->connect_only = number != 0;
        break;
    case CURLOPT_AWS_SIGV4:
        set->signs_headers = argument != NULL;
        break;
    case CURLOPT_RESUME_FROM:
    case CURLOPT_RESUME_FROM_LARGE:
        set->resumes = number != 0;
        break;
    case CURLOPT_REFERER:
    case CURLOPT_ACCEPT_ENCODING:
    case CURLOPT_RANGE:
        oi_curl_tell(handle, option, argument);
        break;
    default:
        break;
    }
}
