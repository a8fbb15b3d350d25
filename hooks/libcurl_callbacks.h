/* The functions a program gives to libcurl to be called during a transfer, each with a value of the program's.
 *
 * Many transfers of a multi handle are driven by one call, which may be made in any context: so while a transfer is in
 * a multi handle, libcurl has functions of ours in place of the program's, and the transfer's state in place of the
 * program's value. Ours make the context of the call that added the transfer the current one, call the program's, and
 * put back what was current. Outside a multi handle nothing of this happens: there the context is the right one anyway.
 *
 * If the program's function is left by longjmp or an exception, its context stays until something else sets one; it
 * counts only as long as that span lasts.
 */
#ifndef OI_HOOKS_LIBCURL_CALLBACKS_H
#define OI_HOOKS_LIBCURL_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "hooks/libcurl_api.h"

/* X(name, option of the function, option of its value, result, parameters, arguments), the value being `data` and, for
 * the program's own, `own`. The options by number: the newest are not in every header. Left as they are:
 *   CLOSESOCKET   the connection's: libcurl copies it there, and calls it when no transfer uses that any more
 *   HSTSREAD, HSTSWRITE, SSH_KEY, SSH_HOSTKEY   the handle's or the connection's, not a request's
 *   CHUNK_BGN, CHUNK_END, FNMATCH, INTERLEAVE   FTP and RTSP, which make no spans
 *   CONV_*        not on the systems we support
 *   CURLMOPT_SOCKETFUNCTION, TIMERFUNCTION, NOTIFYFUNCTION   the event loop's
 *   CURLMOPT_PUSHFUNCTION   about a transfer that the server began (see oi_curl_callbacks_lend)
 *   curl_mime_data_cb   set on a part, which says nothing of its transfer */
/* clang-format off */
#define OI_CURL_CALLBACKS(X)                                                                                           \
    X(WRITE, 20011, 10001, size_t, (char *bytes, size_t size, size_t count, void *data), (bytes, size, count, own))    \
    X(READ, 20012, 10009, size_t, (char *bytes, size_t size, size_t count, void *data), (bytes, size, count, own))     \
    X(HEADER, 20079, 10029, size_t, (char *bytes, size_t size, size_t count, void *data), (bytes, size, count, own))   \
    X(PROGRESS, 20056, 10057, int, (void *data, double down, double had, double up, double sent),                      \
      (own, down, had, up, sent))                                                                                      \
    X(XFERINFO, 20219, 10057, int, (void *data, curl_off_t down, curl_off_t had, curl_off_t up, curl_off_t sent),      \
      (own, down, had, up, sent))                                                                                      \
    X(SEEK, 20167, 10168, int, (void *data, curl_off_t offset, int origin), (own, offset, origin))                     \
    X(IOCTL, 20130, 10131, curlioerr, (CURL *easy, int command, void *data), (easy, command, own))                     \
    X(DEBUG, 20094, 10095, int, (CURL *easy, curl_infotype type, char *text, size_t size, void *data),                 \
      (easy, type, text, size, own))                                                                                   \
    X(SOCKOPT, 20148, 10149, int, (void *data, curl_socket_t socket, curlsocktype purpose), (own, socket, purpose))    \
    X(OPENSOCKET, 20163, 10164, curl_socket_t,                                                                         \
      (void *data, curlsocktype purpose, struct curl_sockaddr *address), (own, purpose, address))                      \
    X(SSL_CTX, 20108, 10109, CURLcode, (CURL *easy, void *context, void *data), (easy, context, own))                  \
    X(RESOLVER_START, 20272, 10273, int, (void *state, void *reserved, void *data), (state, reserved, own))            \
    X(TRAILER, 20283, 10284, int, (struct curl_slist **list, void *data), (list, own))                                 \
    X(PREREQ, 20312, 10313, int, (void *data, char *remote, char *local, int remote_port, int local_port),             \
      (own, remote, local, remote_port, local_port))
/* clang-format on */

#define OI_CURL_CALLBACK_INDEX(name, ...) OI_CURL_CALLBACK_##name,
enum { OI_CURL_CALLBACKS(OI_CURL_CALLBACK_INDEX) OI_CURL_CALLBACK_COUNT };

typedef void oi_curl_function(void);

/* As the program has set them. */
struct oi_curl_callbacks {
    oi_curl_function *function[OI_CURL_CALLBACK_COUNT]; /* NULL: libcurl's own */
    void *data[OI_CURL_CALLBACK_COUNT];
    bool old_form; /* CURLOPT_HTTPPOST, whose parts may name a value of their own for the READ function */
};

struct oi_call;
struct oi_curl_handle;

/* As they are in a new handle. */
void oi_curl_callbacks_init(struct oi_curl_callbacks *callbacks);

/* Follows an option that libcurl has accepted. False: none of these. */
bool oi_curl_callbacks_remember(struct oi_curl_callbacks *callbacks, CURLoption option, void *argument);

/* A transfer is about to be added to a multi handle, in the current context: gives libcurl our functions where the
 * program has set some. Not in a multi handle with a CURLMOPT_PUSHFUNCTION: what the server pushes there is a copy of a
 * transfer's handle, made inside libcurl, which may outlive the transfer. */
void oi_curl_callbacks_begin(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle);

/* The same again, when the program has set others meanwhile. */
void oi_curl_callbacks_lend(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle);

/* Puts the program's functions and values back, in the handle or in a copy of it. */
void oi_curl_callbacks_take_back(const struct oi_call *call, CURL *easy, struct oi_curl_handle *handle);
void oi_curl_callbacks_restore(const struct oi_call *call, CURL *copy, const struct oi_curl_handle *handle);

#endif
