/* GnuTLS: what is kept of a send, and what is held back.
 *
 * While a session is corked, the library holds back what is sent and counts it; the program is told of those bytes that
 * are its own.
 */
#include "agent/pool.h"
#include "hooks/gnutls.h"

enum { KEPT = 512 };

static struct oi_pool kept_sends = {
    .slot_size = (sizeof(struct oi_gnutls_kept) + 63) / 64 * 64, .count = KEPT, .modest = true};

struct oi_gnutls_kept *oi_gnutls_take_kept(void)
{
    return oi_pool_take(&kept_sends);
}

void oi_gnutls_forget(struct oi_gnutls *session)
{
    if (session->kept)
        oi_pool_give(&kept_sends, session->kept);
    session->kept = NULL;
    session->waits = false;
}

void oi_gnutls_forget_ours(struct oi_gnutls *session)
{
    if (session->ours)
        oi_pool_give(&kept_sends, session->ours);
    session->ours = NULL;
    session->held = 0;
}

bool oi_gnutls_may_hold_ours(struct oi_gnutls *session)
{
    if (!session->corked || session->server)
        return true;
    if (!session->ours && (session->ours = oi_gnutls_take_kept()) != NULL)
        session->ours->size = 0;
    return session->ours && session->ours->size < OI_GNUTLS_OURS;
}

/* Ours begin with a letter, and what they precede is the end of a line. */
size_t oi_gnutls_place_of_ours(const char *piece, size_t length, const char *own, size_t own_length)
{
    size_t same = 0, most = length < own_length ? length : own_length;
    while (same < most && piece[same] == own[same])
        same++;
    return same;
}

void oi_gnutls_hold_back(struct oi_gnutls *session, size_t length, size_t program, size_t place)
{
    struct oi_gnutls_kept *kept = session->ours;
    if (kept && length > program) {
        struct oi_gnutls_ours ours = {.at = session->held + place, .length = (uint32_t)(length - program)};
        if (kept->size < OI_GNUTLS_OURS)
            kept->ours[kept->size++] = ours;
        else
            kept->ours[kept->size - 1].length += ours.length;
    }
    session->held += length;
}

/* How many of the last `left` that were held back are ours. */
static uint64_t ours_among(const struct oi_gnutls *session, uint64_t left)
{
    const struct oi_gnutls_kept *kept = session->ours;
    uint64_t ours = 0, from = left < session->held ? session->held - left : 0;
    for (uint32_t i = 0; kept && i < kept->size; i++) {
        uint64_t begin = kept->ours[i].at, end = begin + kept->ours[i].length;
        if (end > from)
            ours += end - (begin > from ? begin : from);
    }
    return ours;
}

OI_HOOK(void, gnutls_record_cork, (gnutls_session_t session))
{
    struct oi_gnutls_call call;
    if (oi_gnutls_enter(&call, session, OI_CALLER)) {
        call.session->corked = true;
        oi_call_pause(&call.call);
    }
    if (OI_GNUTLS_HAS(call, gnutls_record_cork))
        OI_REAL(call.call, gnutls_record_cork)(session);
}

/* Those of ours are not the program's to know of, whatever has become of the connection. */
OI_HOOK(size_t, gnutls_record_check_corked, (gnutls_session_t session))
{
    struct oi_gnutls_call call;
    if (oi_gnutls_enter(&call, session, OI_CALLER))
        oi_call_pause(&call.call);
    if (!OI_GNUTLS_HAS(call, gnutls_record_check_corked))
        return 0;
    size_t left = OI_REAL(call.call, gnutls_record_check_corked)(session);
    return call.session ? left - (size_t)ours_among(call.session, left) : left;
}

OI_HOOK(int, gnutls_record_uncork, (gnutls_session_t session, unsigned flags))
{
    struct oi_gnutls_call call;
    bool known = oi_gnutls_enter(&call, session, OI_CALLER);
    if (known)
        oi_call_pause(&call.call);
    if (!OI_GNUTLS_HAS(call, gnutls_record_uncork))
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
    int put = OI_REAL(call.call, gnutls_record_uncork)(session, flags), error = 0;
    struct oi_gnutls *state = call.session;
    if (state && put >= 0) {
        put -= (int)ours_among(state, (uint64_t)put);
        state->corked = false;
        oi_gnutls_forget_ours(state);
    }
    if (!known)
        return put;
    oi_call_resume(&call.call);
    if (put < 0 && state && state->settled && !state->tls->over && oi_gnutls_is_over(&call, put, &error))
        oi_connection_failed(state->tls->seen, error, true);
    oi_call_leave(&call.call);
    return put;
}
