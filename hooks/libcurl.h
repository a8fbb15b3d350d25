/* libcurl: what the files of this hook share. One transfer is one span, whichever interface drives it. */
#ifndef OI_HOOKS_LIBCURL_H
#define OI_HOOKS_LIBCURL_H

#include "agent/http_span.h"
#include "agent/span.h"
#include "hooks/hook.h"
#include "hooks/libcurl_handle.h"

/* The last line is called, not hooked. */
/* clang-format off */
#define OI_CURL_FUNCTIONS(X)                                                                                           \
    X(curl_easy_perform) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_reset) X(curl_easy_duphandle)               \
    X(curl_easy_cleanup)                                                                                               \
    X(curl_multi_init) X(curl_multi_add_handle) X(curl_multi_remove_handle) X(curl_multi_perform)                      \
    X(curl_multi_socket_action) X(curl_multi_socket) X(curl_multi_socket_all) X(curl_multi_info_read)                  \
    X(curl_multi_cleanup) X(curl_multi_setopt)                                                                         \
    X(curl_easy_getinfo) X(curl_easy_strerror) X(curl_easy_nextheader) X(curl_url_get) X(curl_free)
/* clang-format on */

OI_LIBRARY_FUNCTIONS(libcurl, OI_CURL_FUNCTIONS);
extern struct oi_library oi_library_libcurl;

/* How a transfer ended: a CURLcode, or one of these. */
enum {
    OI_CURL_UNTOLD = -1,     /* it is over, and the program did not ask how */
    OI_CURL_ABANDONED = -2,  /* the program took it away while it ran, as far as can be seen */
    OI_CURL_UNFINISHED = -3, /* the program ended while it ran, as far as can be seen */
    OI_CURL_NOT_BEGUN =
        -4, /* one of these two before libcurl did anything: what it says is about the transfer before */
};

/* Starts the transfer's span and prepares the list to lend (NULL: nothing to add). False: not for us. */
bool oi_curl_transfer_begin(const struct oi_call *call, struct oi_curl_handle *handle, struct oi_span *span,
                            struct curl_slist **list);

/* Keeps the wanted headers of the request that is about to be made, while the program's list is sure to be there
 * (libcurl_capture.c). */
void oi_curl_capture_request(struct oi_curl_handle *handle);

/* Adds them, and the wanted ones of the answer, to what is said of the transfer. */
void oi_curl_capture_answer(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle,
                            struct oi_http_client_call *out);

/* Adds how long its parts took. */
void oi_curl_timings(const struct oi_call *call, CURL *easy, struct oi_http_client_call *out);

/* Puts the program's list back and submits the span. */
void oi_curl_transfer_end(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle,
                          const struct oi_span *span, int result);

/* Puts the program's list back: the one it has set last, perhaps from a callback during the transfer. */
void oi_curl_take_back(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle);

/* Takes a handle out of the multi handle it is in, if any (libcurl_multi.c); a transfer still open there is over. */
void oi_curl_multi_leave(const struct oi_call *call, struct oi_curl_handle *handle);

#endif
