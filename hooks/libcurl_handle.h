/* What the agent remembers of a CURL *: what the program has set, and the nodes of our own header list.
 *
 * libcurl says nothing about most of what it was told (there is no getter for CURLOPT_HTTPHEADER), so the options are
 * followed as they are set, with libcurl's meaning (lib/setopt.c of 7.74 to 8.22). The strings are copied: libcurl
 * copies them too, and the program may free its own at once.
 *
 * libcurl keeps the address of a header list, it does not copy it. So our nodes live here, beside the handle: when a
 * transfer is left by longjmp or by an exception, what libcurl still points to stays valid until the handle is freed.
 */
#ifndef OI_HOOKS_LIBCURL_HANDLE_H
#define OI_HOOKS_LIBCURL_HANDLE_H

#include "agent/context.h"
#include "agent/library.h"
#include "agent/propagator.h"
#include "agent/span.h"
#include "agent/url.h"
#include "hooks/libcurl_api.h"
#include "hooks/libcurl_callbacks.h"

enum oi_curl_method { OI_CURL_GET, OI_CURL_HEAD, OI_CURL_POST, OI_CURL_PUT };

enum {
    OI_CURL_URL_PREFIX = 8, /* room for `https://` in front of a URL given without a scheme */
    OI_CURL_URL_SMALL = 1024,
    OI_CURL_URL_LARGE = 8192, /* longer ones are cut */
    OI_CURL_AGENT = 256,
    OI_CURL_LINES = 400, /* all formats at once take 370 */
    OI_CURL_REQUEST_HEADERS = 8192,
    OI_CURL_RESPONSE_HEADERS = 16384,
};

/* What the program has set. */
struct oi_curl_options {
    struct oi_curl_callbacks callbacks;
    struct curl_slist *headers; /* CURLOPT_HTTPHEADER; the program's, never modified */
    CURLU *url_handle;          /* CURLOPT_CURLU */
    bool url_handle_unread;     /* no transfer has begun since it was set, nor was a URL set before it */
    bool connect_only;
    bool signs_headers; /* CURLOPT_AWS_SIGV4: the signature covers every header of the list */
    bool no_body;
    bool form;      /* CURLOPT_MIMEPOST, CURLOPT_HTTPPOST */
    bool resumes;   /* CURLOPT_RESUME_FROM: takes the place of CURLOPT_RANGE */
    uint8_t method; /* enum oi_curl_method */
    uint16_t port;  /* CURLOPT_PORT; 0: as the URL says */
    char default_scheme[8];
    char custom_method[32];
    char user_agent[OI_CURL_AGENT];
};

/* Options that become request headers, where such are captured. Empty: not set, or too long to be kept whole. */
struct oi_curl_told {
    char referer[1024];
    char accept_encoding[128];
    char range[128];
};

/* Mapped for the few handles that need it: a long URL, baggage to hand on, headers to capture. */
struct oi_curl_large {
    char url[OI_CURL_URL_PREFIX + OI_CURL_URL_LARGE];
    char baggage[sizeof "baggage: " + OI_BAGGAGE_MAX];
    struct oi_curl_told told;
    uint16_t request_headers_length; /* as agent/http_headers.h keeps them */
    char request_headers[OI_CURL_REQUEST_HEADERS];
    char response_headers[OI_CURL_RESPONSE_HEADERS];
};

struct oi_curl_multi;

/* A handle in a multi handle, and the span of its transfer there (libcurl_multi.c). */
struct oi_curl_place {
    struct oi_curl_multi *multi;  /* NULL: in none, or one that is not ours to watch */
    struct oi_curl_handle *next;  /* in the same multi handle */
    struct oi_curl_handle **link; /* what points to us there */
    CURL *easy;
    struct oi_span span;
    struct oi_current current;       /* the context of the call that added it: what the thread's current span was */
    bool follows;                    /* the program's functions run in that context */
    oi_curl_function *read_function; /* as libcurl took it at the transfer's start; NULL: not called yet */
    void *read_data;
    bool open;             /* `span` has begun and not ended */
    uint64_t done_mono_ns; /* when it was known to be over; 0: not yet */
    uint32_t epoch;        /* the process image that began it */
};

struct oi_curl_handle {
    const struct oi_provider *provider; /* the copy of libcurl that made the handle */
    struct oi_curl_options set;
    uint16_t url_length;     /* 0: none */
    bool url_large;          /* it stands in large->url */
    bool lent;               /* libcurl has our list in place of the program's */
    uint16_t lent_callbacks; /* a bit for each of the functions that are ours in place of the program's */
    struct curl_slist nodes[OI_HEADERS_WRITTEN];
    struct oi_curl_large *large;
    char lines[OI_CURL_LINES]; /* our headers but for the two that may be long */
    char tracestate[sizeof "tracestate: " + OI_TRACESTATE_MAX];
    char user_agent_sent[OI_CURL_AGENT]; /* the list's User-Agent, for the span */
    char url[OI_CURL_URL_PREFIX + OI_CURL_URL_SMALL];
    struct oi_curl_place place;
};

/* NULL: the handle is not known (made while we were not active, or by libcurl itself). Lock-free. */
struct oi_curl_handle *oi_curl_find(const CURL *easy);

/* Remembers a handle just made; `like` is what it was copied from, or NULL. NULL: no memory, it stays unknown. */
struct oi_curl_handle *oi_curl_add(CURL *easy, const struct oi_provider *provider, const struct oi_curl_handle *like);

/* Forgets what was set, as curl_easy_reset does. */
void oi_curl_clear(struct oi_curl_handle *handle);

/* Forgets a handle that is about to be freed; what it was, or NULL. libcurl may look at that until the handle is freed;
 * then it is given back. */
struct oi_curl_handle *oi_curl_remove(CURL *easy);
void oi_curl_release(struct oi_curl_handle *handle);

/* Follows an option that libcurl has accepted. */
void oi_curl_remember(struct oi_curl_handle *handle, CURLoption option, void *argument);

/* Sets the URL that the handle will ask for; NULL: none. */
void oi_curl_url_set(struct oi_curl_handle *handle, const char *url);

/* That URL; where the program gave none, with the scheme that libcurl will guess. Absent: there is none. */
struct oi_text oi_curl_url(struct oi_curl_handle *handle);

/* The method as it will be sent. */
struct oi_text oi_curl_method(const struct oi_curl_handle *handle);

/* Remembers an option that will be a request header; those of no concern are ignored (libcurl_capture.c). */
void oi_curl_tell(struct oi_curl_handle *handle, CURLoption option, const char *value);

/* Whether the request has a body of the program's. */
bool oi_curl_has_body(const struct oi_curl_handle *handle);

/* Takes a handle out of the multi handle it is in, if any, without a span (libcurl_multi.c). */
void oi_curl_multi_forget(struct oi_curl_handle *handle);

/* The large block, mapped if it is not yet. NULL: no memory. */
struct oi_curl_large *oi_curl_large_need(struct oi_curl_handle *handle);

#endif
