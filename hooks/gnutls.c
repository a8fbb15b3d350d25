/* GnuTLS: sessions, from their making to their end.
 *
 * Which descriptor one works on is known when it shakes hands: a program may say before that functions of its own carry
 * the bytes, and then what it has named is no descriptor.
 */
#include <limits.h>

#include "agent/pool.h"
#include "hooks/gnutls.h"
#include "hooks/outgoing.h"

OI_LIBRARY_TABLE(gnutls, OI_GNUTLS_FUNCTIONS);

enum { SESSIONS = 65536 };

static struct oi_pool sessions = {
    .slot_size = (sizeof(struct oi_gnutls) + 63) / 64 * 64, .count = SESSIONS, .modest = true};

bool oi_gnutls_enter(struct oi_gnutls_call *call, gnutls_session_t session, const void *caller)
{
    bool busy = oi_thread.busy;
    struct oi_tls *tls = oi_tls_find(session);
    call->session = tls ? tls->own : NULL;
    call->call = oi_call_enter_with(&oi_library_gnutls, call->session ? tls->provider : NULL, caller);
    if (!call->call.watched) {
        if (busy && !oi_thread.agent && call->session)
            oi_tls_lose(tls); /* a signal handler has interrupted the agent */
        return false;
    }
    if (call->session)
        return true;
    oi_call_leave(&call->call);
    return false;
}

bool oi_gnutls_enter_bound(struct oi_gnutls_call *call, gnutls_session_t session, const void *caller)
{
    struct oi_tls *tls = oi_tls_find(session);
    if (tls && tls->own && oi_tls_is_spent(tls) && !tls->provider->gone) {
        *call = (struct oi_gnutls_call){.call = {.provider = tls->provider}, .session = tls->own};
        return false;
    }
    if (!oi_gnutls_enter(call, session, caller))
        return false;
    if (call->session->settled && oi_tls_bind(call->session->tls, -1, -1, false))
        return true;
    oi_call_leave(&call->call);
    return false;
}

bool oi_gnutls_is_over(const struct oi_gnutls_call *call, ssize_t result, int *error)
{
    bool of_system = result == GNUTLS_E_PUSH_ERROR || result == GNUTLS_E_PULL_ERROR;
    *error = of_system && oi_connection_gone(call->call.error) ? call->call.error : 0;
    return of_system || result == GNUTLS_E_PREMATURE_TERMINATION || result == GNUTLS_E_FATAL_ALERT_RECEIVED;
}

/* --- a session begins --------------------------------------------------------------------------------------------- */

/* The libraries that have hooks of their own tell of their sessions themselves. Datagrams carry no stream. */
static bool is_ours(const struct oi_call *call, unsigned flags, const void *caller)
{
    return (flags & GNUTLS_DATAGRAM) == 0 && !oi_library_contains(caller) &&
           ((flags & GNUTLS_SERVER) ? oi_http_server_wanted() : oi_clients_wanted()) && oi_life_in_own_process() &&
           OI_REAL(*call, gnutls_transport_get_ptr2) && OI_REAL(*call, gnutls_packet_get);
}

static void forget(gnutls_session_t session, struct oi_tls *tls)
{
    struct oi_gnutls *known = tls->own;
    if (known) {
        oi_gnutls_forget(known);
        oi_gnutls_forget_ours(known);
        tls->own = NULL;
        oi_pool_give(&sessions, known);
    }
    oi_tls_free(session);
}

static void know(gnutls_session_t session, const struct oi_provider *provider, bool server)
{
    struct oi_tls *tls = oi_tls_find(session);
    if (tls) /* freed out of our sight, and its address is another's */
        forget(session, tls);
    struct oi_gnutls *known = oi_pool_take(&sessions);
    if (!known)
        return;
    tls = oi_tls_add(session, provider);
    if (tls) {
        *known = (struct oi_gnutls){.tls = tls, .server = server};
        tls->own = known;
    } else {
        oi_pool_give(&sessions, known);
    }
}

OI_HOOK(int, gnutls_init, (gnutls_session_t * session, unsigned flags))
{
    struct oi_call call = oi_call_enter(&oi_library_gnutls, OI_CALLER);
    if (!call.provider)
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
    if (!call.watched)
        return OI_REAL(call, gnutls_init)(session, flags);
    bool ours = is_ours(&call, flags, OI_CALLER);
    oi_call_pause(&call);
    int result = OI_REAL(call, gnutls_init)(session, flags);
    if (!ours || result != GNUTLS_E_SUCCESS)
        return result;
    oi_call_resume(&call);
    know(*session, call.provider, (flags & GNUTLS_SERVER) != 0);
    oi_call_leave(&call);
    return result;
}

/* The body of a hook that names a function of the program's own; NULL is none. */
#define CARRY(function, mark, own)                                                                                     \
    struct oi_gnutls_call call;                                                                                        \
    bool known = oi_gnutls_enter(&call, session, OI_CALLER);                                                           \
    if (known) {                                                                                                       \
        call.session->mark = (own) != NULL;                                                                            \
        oi_call_leave(&call.call);                                                                                     \
    }                                                                                                                  \
    if (OI_GNUTLS_HAS(call, function))                                                                                 \
    OI_REAL(call.call, function)(session, own)

OI_HOOK(void, gnutls_transport_set_push_function, (gnutls_session_t session, gnutls_push_func push))
{
    CARRY(gnutls_transport_set_push_function, pushes, push);
}

OI_HOOK(void, gnutls_transport_set_vec_push_function, (gnutls_session_t session, gnutls_vec_push_func push))
{
    CARRY(gnutls_transport_set_vec_push_function, pushes, push);
}

OI_HOOK(void, gnutls_transport_set_pull_function, (gnutls_session_t session, gnutls_pull_func pull))
{
    CARRY(gnutls_transport_set_pull_function, pulls, pull);
}

static int descriptor_of(gnutls_transport_ptr_t named)
{
    intptr_t number = (intptr_t)named;
    return number >= 0 && number <= INT_MAX ? (int)number : -1;
}

/* Before anything passes over it. */
static void settle(const struct oi_gnutls_call *call, gnutls_session_t session)
{
    struct oi_gnutls *known = call->session;
    gnutls_transport_ptr_t in = NULL, out = NULL;
    OI_REAL(call->call, gnutls_transport_get_ptr2)(session, &in, &out);
    int from = known->pulls ? -1 : descriptor_of(in), to = known->pushes ? -1 : descriptor_of(out);
    oi_tls_beneath(known->tls, from, to, false);
    oi_tls_bind(known->tls, from, to, known->server);
    if (known->early)
        oi_tls_lose(known->tls);
    known->settled = true;
}

/* A program whose sessions work on memory may never accept or connect: the worker is started here. */
OI_HOOK(int, gnutls_handshake, (gnutls_session_t session))
{
    struct oi_gnutls_call call;
    if (oi_gnutls_enter(&call, session, OI_CALLER)) {
        bool first = !call.session->settled;
        if (first)
            settle(&call, session);
        bool apart = first && call.session->tls->fd < 0;
        oi_guard_leave();
        if (apart)
            oi_worker_need();
        errno = call.call.error;
    }
    return call.call.provider ? OI_REAL(call.call, gnutls_handshake)(session) : GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

/* --- and ends ----------------------------------------------------------------------------------------------------- */

OI_HOOK(int, gnutls_bye, (gnutls_session_t session, gnutls_close_request_t how))
{
    struct oi_gnutls_call call;
    bool told = oi_gnutls_enter_bound(&call, session, OI_CALLER);
    if (!OI_GNUTLS_HAS(call, gnutls_bye))
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
    if (!told)
        return OI_REAL(call.call, gnutls_bye)(session, how);
    oi_call_pause(&call.call);
    int result = OI_REAL(call.call, gnutls_bye)(session, how);
    oi_call_resume(&call.call);
    if (result == GNUTLS_E_SUCCESS)
        oi_tls_no_more_output(call.session->tls);
    oi_call_leave(&call.call);
    return result;
}

OI_HOOK(void, gnutls_deinit, (gnutls_session_t session))
{
    struct oi_gnutls_call call;
    if (oi_gnutls_enter(&call, session, OI_CALLER)) {
        forget(session, call.session->tls);
        oi_call_pause(&call.call);
    } else if (call.session && oi_guard_enter()) {
        forget(session, call.session->tls);
        oi_guard_leave();
    }
    if (OI_GNUTLS_HAS(call, gnutls_deinit))
        OI_REAL(call.call, gnutls_deinit)(session);
}
