/* OpenSSL 1.1 and 3: sessions of TLS, what they work on and what they say.
 *
 * The library's own calls of these functions do not come by here (it is linked so that they cannot), and those of
 * libraries with hooks of their own are theirs to tell.
 */
#include <openssl/ssl.h>

#include "hooks/hook.h"
#include "hooks/outgoing.h"
#include "hooks/tls.h"

int SSL_write_ex2(SSL *ssl, const void *buffer, size_t size, uint64_t flags, size_t *written);

#define FUNCTIONS(X)                                                                                                   \
    X(SSL_read)                                                                                                        \
    X(SSL_read_ex)                                                                                                     \
    X(SSL_read_early_data)                                                                                             \
    X(SSL_write)                                                                                                       \
    X(SSL_write_ex)                                                                                                    \
    X(SSL_write_ex2)                                                                                                   \
    X(SSL_write_early_data)                                                                                            \
    X(SSL_sendfile)                                                                                                    \
    X(SSL_shutdown)                                                                                                    \
    X(SSL_set_fd)                                                                                                      \
    X(SSL_set_rfd)                                                                                                     \
    X(SSL_set_wfd)                                                                                                     \
    X(SSL_set_bio)                                                                                                     \
    X(SSL_set0_rbio)                                                                                                   \
    X(SSL_set0_wbio)                                                                                                   \
    X(SSL_clear)                                                                                                       \
    X(SSL_up_ref)                                                                                                      \
    X(SSL_dup)                                                                                                         \
    X(SSL_free)                                                                                                        \
    X(SSL_get_error)                                                                                                   \
    X(SSL_get_rfd)                                                                                                     \
    X(SSL_get_rbio)                                                                                                    \
    X(SSL_get_wbio)                                                                                                    \
    X(SSL_get_wfd)                                                                                                     \
    X(SSL_is_server)                                                                                                   \
    X(SSL_is_dtls)                                                                                                     \
    X(SSL_in_before)                                                                                                   \
    X(SSL_is_init_finished)                                                                                            \
    X(SSL_ctrl)

OI_LIBRARY(openssl, FUNCTIONS);

/* --- what a session works on -------------------------------------------------------------------------------------- */

/* What is asked of every session. */
static bool is_whole(const struct oi_provider *provider)
{
    return OI_REAL_OF(provider, SSL_get_error) && OI_REAL_OF(provider, SSL_get_rfd) &&
           OI_REAL_OF(provider, SSL_get_wfd) && OI_REAL_OF(provider, SSL_get_rbio) &&
           OI_REAL_OF(provider, SSL_get_wbio) && OI_REAL_OF(provider, SSL_is_server) &&
           OI_REAL_OF(provider, SSL_is_init_finished) && OI_REAL_OF(provider, SSL_ctrl) &&
           OI_REAL_OF(provider, SSL_is_dtls) && OI_REAL_OF(provider, SSL_in_before);
}

/* Asked of a session without a BIO, OpenSSL 3 adds to the program's error queue. A BIO of the program's own is asked by
 * a call of its function: without the guard. */
static int read_fd(const struct oi_call *call, const SSL *ssl)
{
    return OI_REAL(*call, SSL_get_rbio)(ssl) ? OI_REAL(*call, SSL_get_rfd)(ssl) : -1;
}

static int write_fd(const struct oi_call *call, const SSL *ssl)
{
    return OI_REAL(*call, SSL_get_wbio)(ssl) ? OI_REAL(*call, SSL_get_wfd)(ssl) : -1;
}

/* False: the session is none of the program's own. Datagrams carry no stream. */
static bool given_begins(struct oi_call *call, const SSL *ssl, const void *caller)
{
    *call = oi_call_enter(&oi_library_openssl, caller);
    if (!call->watched)
        return false;
    bool ours = !oi_library_contains(caller) && is_whole(call->provider) &&
                (oi_clients_wanted() || oi_http_server_wanted()) && oi_life_in_own_process() &&
                !OI_REAL(*call, SSL_is_dtls)(ssl);
    if (ours)
        oi_call_pause(call);
    else
        oi_call_leave(call);
    return ours;
}

/* A program that works on memory may never accept or connect: the worker is started here. */
static void given(struct oi_call *call, const SSL *ssl)
{
    int error = errno, in = read_fd(call, ssl), out = write_fd(call, ssl);
    errno = error;
    oi_call_resume(call);
    struct oi_tls *tls = oi_tls_add(ssl, call->provider);
    if (tls)
        oi_tls_beneath(tls, in, out, !OI_REAL(*call, SSL_in_before)(ssl));
    oi_guard_leave();
    if (tls && in < 0 && out < 0)
        oi_worker_need();
    errno = call->error;
}

/* The body of a hook that gives a session something to work on. */
#define GIVE(function, missing, call_it)                                                                               \
    struct oi_call call;                                                                                               \
    bool told = given_begins(&call, ssl, OI_CALLER);                                                                   \
    if (!call.provider || !OI_REAL(call, function))                                                                    \
        return missing;                                                                                                \
    call_it;                                                                                                           \
    if (told)                                                                                                          \
    given(&call, ssl)

OI_HOOK(int, SSL_set_fd, (SSL * ssl, int fd))
{
    GIVE(SSL_set_fd, 0, int result = OI_REAL(call, SSL_set_fd)(ssl, fd));
    return result;
}

OI_HOOK(int, SSL_set_rfd, (SSL * ssl, int fd))
{
    GIVE(SSL_set_rfd, 0, int result = OI_REAL(call, SSL_set_rfd)(ssl, fd));
    return result;
}

OI_HOOK(int, SSL_set_wfd, (SSL * ssl, int fd))
{
    GIVE(SSL_set_wfd, 0, int result = OI_REAL(call, SSL_set_wfd)(ssl, fd));
    return result;
}

OI_HOOK(void, SSL_set_bio, (SSL * ssl, BIO *in, BIO *out))
{
    GIVE(SSL_set_bio, , OI_REAL(call, SSL_set_bio)(ssl, in, out));
}

OI_HOOK(void, SSL_set0_rbio, (SSL * ssl, BIO *in))
{
    GIVE(SSL_set0_rbio, , OI_REAL(call, SSL_set0_rbio)(ssl, in));
}

OI_HOOK(void, SSL_set0_wbio, (SSL * ssl, BIO *out))
{
    GIVE(SSL_set0_wbio, , OI_REAL(call, SSL_set0_wbio)(ssl, out));
}

/* --- a session that is known -------------------------------------------------------------------------------------- */

struct session {
    struct oi_call call;
    struct oi_tls *tls;
};

/* False: nothing is to be told about it; the call has the real functions all the same. */
static bool enter(struct session *session, const SSL *ssl, const void *caller)
{
    struct oi_tls *tls = oi_tls_find(ssl);
    bool busy = oi_thread.busy;
    session->tls = tls;
    session->call = oi_call_enter_with(&oi_library_openssl, tls ? tls->provider : NULL, caller);
    if (!session->call.watched) {
        if (tls && busy) /* a signal handler has interrupted the agent */
            oi_tls_lose(tls);
        return false;
    }
    if (tls)
        return true;
    oi_call_leave(&session->call);
    return false;
}

/* Before its plaintext passes. */
static bool enter_bound(struct session *session, const SSL *ssl, const void *caller)
{
    struct oi_tls *tls = oi_tls_find(ssl);
    if (tls && oi_tls_is_spent(tls) && !tls->provider->gone) {
        *session = (struct session){.call = {.provider = tls->provider}};
        return false;
    }
    if (!enter(session, ssl, caller))
        return false;
    struct oi_call *call = &session->call;
    int in = -1, out = -1;
    if (!session->tls->bound) {
        oi_call_pause(call);
        in = read_fd(call, ssl);
        out = write_fd(call, ssl);
        errno = call->error;
        oi_call_resume(call);
    }
    if (oi_tls_bind(session->tls, in, out, !session->tls->bound && OI_REAL(*call, SSL_is_server)(ssl) == 1))
        return true;
    oi_call_leave(call);
    return false;
}

/* False: this copy of the library has no such function, and the hook is over. */
static bool is_there(struct session *session, size_t function, bool entered)
{
    const struct oi_provider *provider = session->call.provider;
    if (provider && provider->functions[function])
        return true;
    if (entered)
        oi_call_leave(&session->call);
    return false;
}

/* Nothing is told about it any more (the agent stands down): what was begun is ended all the same. */
static bool enter_unfinished(struct session *session)
{
    if (!session->tls || !oi_tls_unfinished(session->tls) || !oi_guard_enter())
        return false;
    session->call.error = errno;
    oi_tls_lose(session->tls);
    return true;
}

/* Ends a hook in which something was sent. */
static void leave_sent(struct session *session, bool exports)
{
    oi_guard_leave();
    if (exports)
        oi_life_with_sdk();
    errno = session->call.error;
}

/* --- in ----------------------------------------------------------------------------------------------------------- */

/* The real function returned `result`, and gave `got` bytes if that is above 0. */
static void read_ends(struct session *session, const SSL *ssl, const void *buffer, int result, size_t got)
{
    oi_call_resume(&session->call);
    int why = result > 0 ? SSL_ERROR_NONE : OI_REAL(session->call, SSL_get_error)(ssl, result);
    int error = session->call.error;
    if (result > 0)
        oi_tls_received(session->tls, buffer, got);
    else if (why == SSL_ERROR_ZERO_RETURN || why == SSL_ERROR_SSL)
        oi_tls_no_more_input(session->tls, 0);
    else if (why == SSL_ERROR_SYSCALL && (oi_connection_gone(error) || error == 0))
        oi_tls_no_more_input(session->tls, error);
    oi_call_leave(&session->call);
}

OI_HOOK(int, SSL_read, (SSL * ssl, void *buffer, int size))
{
    struct session session;
    bool told = enter_bound(&session, ssl, OI_CALLER);
    if (!session.call.provider)
        return -1;
    if (!told)
        return OI_REAL(session.call, SSL_read)(ssl, buffer, size);
    oi_call_pause(&session.call);
    int result = OI_REAL(session.call, SSL_read)(ssl, buffer, size);
    if (size > 0)
        read_ends(&session, ssl, buffer, result, result > 0 ? (size_t)result : 0);
    return result;
}

OI_HOOK(int, SSL_read_ex, (SSL * ssl, void *buffer, size_t size, size_t *got))
{
    struct session session;
    bool told = enter_bound(&session, ssl, OI_CALLER);
    if (!is_there(&session, index_SSL_read_ex, told))
        return 0;
    if (!told)
        return OI_REAL(session.call, SSL_read_ex)(ssl, buffer, size, got);
    oi_call_pause(&session.call);
    int result = OI_REAL(session.call, SSL_read_ex)(ssl, buffer, size, got);
    if (size > 0)
        read_ends(&session, ssl, buffer, result, result > 0 ? *got : 0);
    return result;
}

/* A client may repeat what it has sent so, where the server does not want it: then it passes twice there, and once
 * here. */
OI_HOOK(int, SSL_read_early_data, (SSL * ssl, void *buffer, size_t size, size_t *got))
{
    struct session session;
    bool told = enter_bound(&session, ssl, OI_CALLER);
    if (!is_there(&session, index_SSL_read_early_data, told))
        return SSL_READ_EARLY_DATA_ERROR;
    if (!told)
        return OI_REAL(session.call, SSL_read_early_data)(ssl, buffer, size, got);
    oi_call_pause(&session.call);
    int result = OI_REAL(session.call, SSL_read_early_data)(ssl, buffer, size, got);
    oi_call_resume(&session.call);
    if (result == SSL_READ_EARLY_DATA_SUCCESS)
        oi_tls_received(session.tls, buffer, *got);
    oi_call_leave(&session.call);
    return result;
}

/* --- out ---------------------------------------------------------------------------------------------------------- */

/* Which of the functions that write the program has called. */
struct writer {
    enum { WRITE, WRITE_EX, WRITE_EX2 } function;
    uint64_t flags;
};

static int hand_over(const struct oi_call *call, const struct writer *writer, SSL *ssl, const void *at, size_t length,
                     size_t *put)
{
    int result;
    switch (writer->function) {
    case WRITE_EX:
        return OI_REAL(*call, SSL_write_ex)(ssl, at, length, put);
    case WRITE_EX2:
        return OI_REAL(*call, SSL_write_ex2)(ssl, at, length, writer->flags, put);
    default:
        result = OI_REAL(*call, SSL_write)(ssl, at, (int)length);
        *put = result > 0 ? (size_t)result : 0;
        return result;
    }
}

static enum oi_tls_result outcome(const struct oi_call *call, const SSL *ssl, int result)
{
    if (result > 0)
        return OI_TLS_TOOK;
    int why = OI_REAL(*call, SSL_get_error)(ssl, result);
    if (why == SSL_ERROR_SSL || why == SSL_ERROR_SYSCALL || why == SSL_ERROR_ZERO_RETURN)
        return OI_TLS_FAILED;
    if (why == SSL_ERROR_WANT_ASYNC) /* it was paused somewhere, in a handshake, too, and goes on with what it has */
        return OI_TLS_AGAIN;
    return OI_REAL(*call, SSL_is_init_finished)(ssl) ? OI_TLS_AGAIN : OI_TLS_REFUSED;
}

static bool moves(const struct oi_call *call, SSL *ssl)
{
    return (OI_REAL(*call, SSL_ctrl)(ssl, SSL_CTRL_MODE, 0, NULL) & SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER) != 0;
}

/* What the real function returns; *written: bytes of the program's that have gone, where that is above 0. */
static int write_told(struct session *session, const struct writer *writer, SSL *ssl, const void *buffer, size_t size,
                      size_t *written)
{
    struct oi_call *call = &session->call;
    struct oi_tls_piece piece;
    enum oi_tls_result how;
    size_t put;
    int result, error;
    if (!oi_tls_write(session->tls, buffer, size, moves(call, ssl), &piece)) {
        oi_call_leave(call);
        return hand_over(call, writer, ssl, buffer, piece.length, written);
    }
    do {
        oi_tls_next(session->tls, &piece);
        oi_call_pause(call);
        result = hand_over(call, writer, ssl, piece.at, piece.length, &put);
        oi_call_resume(call);
        how = outcome(call, ssl, result);
        error = how == OI_TLS_FAILED && oi_connection_gone(call->error) ? call->error : 0;
    } while (oi_tls_wrote(session->tls, &piece, how, put, error));
    leave_sent(session, piece.exports);
    if (result > 0)
        *written = piece.done;
    return result;
}

/* The beginning of a hook that writes; `wished`: the call is one to be told. */
#define WRITE_WITH(function, missing, wished, call_it)                                                                 \
    struct session session;                                                                                            \
    bool told = enter_bound(&session, ssl, OI_CALLER) || enter_unfinished(&session);                                   \
    if (!is_there(&session, index_##function, told))                                                                   \
        return missing;                                                                                                \
    if (told && !(wished))                                                                                             \
        oi_call_leave(&session.call);                                                                                  \
    if (!told || !(wished))                                                                                            \
    return call_it

OI_HOOK(int, SSL_write, (SSL * ssl, const void *buffer, int size))
{
    size_t put = 0;
    WRITE_WITH(SSL_write, -1, size > 0, OI_REAL(session.call, SSL_write)(ssl, buffer, size));
    int result = write_told(&session, &(struct writer){.function = WRITE}, ssl, buffer, (size_t)size, &put);
    return result > 0 ? (int)put : result;
}

OI_HOOK(int, SSL_write_ex, (SSL * ssl, const void *buffer, size_t size, size_t *written))
{
    WRITE_WITH(SSL_write_ex, 0, size > 0, OI_REAL(session.call, SSL_write_ex)(ssl, buffer, size, written));
    return write_told(&session, &(struct writer){.function = WRITE_EX}, ssl, buffer, size, written);
}

OI_HOOK(int, SSL_write_ex2, (SSL * ssl, const void *buffer, size_t size, uint64_t flags, size_t *written))
{
    WRITE_WITH(SSL_write_ex2, 0, size > 0, OI_REAL(session.call, SSL_write_ex2)(ssl, buffer, size, flags, written));
    return write_told(&session, &(struct writer){WRITE_EX2, flags}, ssl, buffer, size, written);
}

/* A server may answer early. What a client asks so it may have to ask again: nothing is said about that connection. */
OI_HOOK(int, SSL_write_early_data, (SSL * ssl, const void *buffer, size_t size, size_t *written))
{
    WRITE_WITH(SSL_write_early_data, 0, size > 0,
               OI_REAL(session.call, SSL_write_early_data)(ssl, buffer, size, written));
    bool server = OI_REAL(session.call, SSL_is_server)(ssl) == 1;
    if (!server)
        oi_tls_lose(session.tls);
    oi_call_pause(&session.call);
    int result = OI_REAL(session.call, SSL_write_early_data)(ssl, buffer, size, written);
    oi_call_resume(&session.call);
    leave_sent(&session, server && result > 0 && oi_tls_sent(session.tls, buffer, *written));
    return result;
}

OI_HOOK(ossl_ssize_t, SSL_sendfile, (SSL * ssl, int fd, off_t offset, size_t size, int flags))
{
    WRITE_WITH(SSL_sendfile, -1, true, OI_REAL(session.call, SSL_sendfile)(ssl, fd, offset, size, flags));
    oi_call_pause(&session.call);
    ossl_ssize_t result = OI_REAL(session.call, SSL_sendfile)(ssl, fd, offset, size, flags);
    oi_call_resume(&session.call);
    leave_sent(&session, result > 0 && oi_tls_sent(session.tls, NULL, (size_t)result));
    return result;
}

/* --- ends ---------------------------------------------------------------------------------------------------------
 *
 * Of these each call is noted, also where nothing is told any more: what is kept of a write must end with its session,
 * and with nothing else. OpenSSL itself calls SSL_clear as a handshake begins, which may be in the middle of a write.
 */

OI_HOOK(int, SSL_shutdown, (SSL * ssl))
{
    struct session session;
    bool told = enter_bound(&session, ssl, OI_CALLER);
    if (!session.call.provider)
        return -1;
    if (!told)
        return OI_REAL(session.call, SSL_shutdown)(ssl);
    oi_call_pause(&session.call);
    int result = OI_REAL(session.call, SSL_shutdown)(ssl);
    oi_call_resume(&session.call);
    if (result >= 0)
        oi_tls_no_more_output(session.tls);
    oi_call_leave(&session.call);
    return result;
}

OI_HOOK(int, SSL_clear, (SSL * ssl))
{
    struct session session;
    bool told = enter(&session, ssl, OI_CALLER);
    if (!session.call.provider)
        return 0;
    if (told) {
        oi_tls_clear(session.tls);
        oi_call_pause(&session.call);
    } else if (session.tls && !oi_provider_contains(session.call.provider, OI_CALLER) && oi_guard_enter()) {
        oi_tls_clear(session.tls);
        oi_guard_leave();
    }
    return OI_REAL(session.call, SSL_clear)(ssl);
}

/* Nobody has seen it being given something to work on; that may come, and its references count from the first one. */
static struct oi_tls *know(const SSL *ssl, const void *caller)
{
    struct oi_call call;
    if (!given_begins(&call, ssl, caller))
        return NULL;
    oi_call_resume(&call);
    struct oi_tls *tls = oi_tls_add(ssl, call.provider);
    if (tls)
        oi_tls_lose(tls);
    oi_call_leave(&call);
    return tls;
}

OI_HOOK(int, SSL_up_ref, (SSL * ssl))
{
    struct session session;
    bool told = enter(&session, ssl, OI_CALLER);
    if (!is_there(&session, index_SSL_up_ref, told))
        return 0;
    struct oi_tls *tls = session.tls ? session.tls : know(ssl, OI_CALLER);
    if (tls)
        oi_tls_refer(tls);
    if (told)
        oi_call_pause(&session.call);
    return OI_REAL(session.call, SSL_up_ref)(ssl);
}

/* Of a session in use there is no copy: it is another reference. */
OI_HOOK(SSL *, SSL_dup, (SSL * ssl))
{
    struct session session;
    bool told = enter(&session, ssl, OI_CALLER);
    if (!is_there(&session, index_SSL_dup, told))
        return NULL;
    if (told)
        oi_call_pause(&session.call);
    SSL *result = OI_REAL(session.call, SSL_dup)(ssl);
    if (session.tls && result == ssl)
        oi_tls_refer(session.tls);
    return result;
}

OI_HOOK(void, SSL_free, (SSL * ssl))
{
    struct session session;
    bool told = enter(&session, ssl, OI_CALLER);
    if (!session.call.provider)
        return;
    if (told) {
        oi_tls_free(ssl);
        oi_call_pause(&session.call);
    } else if (session.tls && oi_guard_enter()) {
        oi_tls_free(ssl);
        oi_guard_leave();
    }
    OI_REAL(session.call, SSL_free)(ssl);
}
