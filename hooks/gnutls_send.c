/* GnuTLS: what a session is given to hide, and the headers that go along.
 *
 * One call takes one record, or, while the session is corked, anything: then the library holds it back and counts it,
 * and the program is told of those bytes that are its own.
 */
#include <string.h>

#include "agent/agent.h"
#include "agent/pool.h"
#include "hooks/gnutls.h"

enum { KEPT = 512 };

static struct oi_pool kept_sends = {
    .slot_size = (sizeof(struct oi_gnutls_kept) + 63) / 64 * 64, .count = KEPT, .modest = true};

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

/* Ends a hook in which something was sent. */
static void leave(struct oi_gnutls_call *call, bool exports)
{
    oi_guard_leave();
    if (exports)
        oi_life_with_sdk();
    errno = call->call.error;
}

/* --- bytes that are held back ------------------------------------------------------------------------------------- */

/* There is room to note where ours stand, should there be any in what is sent now. */
static bool may_hold_ours(struct oi_gnutls *session)
{
    if (!session->corked || session->server)
        return true;
    if (!session->ours && (session->ours = oi_pool_take(&kept_sends)) != NULL)
        session->ours->size = 0;
    return session->ours && session->ours->size < OI_GNUTLS_OURS;
}

/* Where ours stand in a piece, if there are any: where it begins to differ from the program's bytes at `own`, for ours
 * begin with a letter and what they precede is the end of a line. */
static size_t place_of_ours(const char *piece, size_t length, const char *own, size_t own_length)
{
    size_t same = 0, most = length < own_length ? length : own_length;
    while (same < most && piece[same] == own[same])
        same++;
    return same;
}

/* A piece of `length` bytes, of which `program` are the program's. */
static void hold_back(struct oi_gnutls *session, size_t length, size_t program, size_t place)
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

/* --- sending ------------------------------------------------------------------------------------------------------ */

/* Which of the functions the program has called. */
struct sender {
    bool pads;
    size_t padding;
    unsigned flags;
};

static ssize_t hand_over(const struct oi_gnutls_call *call, const struct sender *sender, gnutls_session_t session,
                         const void *at, size_t length)
{
    return sender->pads ? OI_REAL(call->call, gnutls_record_send2)(session, at, length, sender->padding, sender->flags)
                        : OI_REAL(call->call, gnutls_record_send)(session, at, length);
}

/* As it is. `at` NULL: nobody sees the bytes. */
static ssize_t send_plain(struct oi_gnutls_call *call, const struct sender *sender, gnutls_session_t session,
                          const void *at, size_t length)
{
    struct oi_gnutls *state = call->session;
    oi_call_pause(&call->call);
    ssize_t put = hand_over(call, sender, session, at, length);
    oi_call_resume(&call->call);
    int error = 0;
    if (put < 0 && oi_gnutls_is_over(call, put, &error))
        oi_connection_failed(state->tls->seen, error, true);
    if (put > 0 && state->corked)
        state->held += (uint64_t)put;
    state->waits = oi_gnutls_again(put);
    leave(call, put > 0 && oi_tls_sent(state->tls, at, (size_t)put));
    return put;
}

static enum oi_tls_result outcome(const struct oi_gnutls_call *call, ssize_t put, int *error)
{
    *error = 0;
    if (put > 0)
        return OI_TLS_TOOK;
    if (oi_gnutls_again(put))
        return OI_TLS_AGAIN;
    return oi_gnutls_is_over(call, put, error) ? OI_TLS_FAILED : OI_TLS_REFUSED;
}

/* What is to be made again is kept: the program need not give it again. */
static void keep(struct oi_gnutls *session, const void *data, size_t size)
{
    struct oi_gnutls_kept *kept = session->kept;
    session->waits = true;
    if (!kept || data == kept->bytes)
        return;
    if (size > sizeof kept->bytes) { /* more than a record, which is never to be made again; nothing is known then */
        oi_gnutls_forget(session);
        session->waits = true;
        return;
    }
    memcpy(kept->bytes, data, size);
    kept->size = (uint32_t)size;
}

/* In pieces, of which some are ours. `data` stays as it is meanwhile. */
static ssize_t send_pieces(struct oi_gnutls_call *call, const struct sender *sender, gnutls_session_t session,
                           const char *data, size_t size, struct oi_tls_piece *piece)
{
    struct oi_gnutls *state = call->session;
    ssize_t put;
    bool more;
    do {
        oi_tls_next(state->tls, piece);
        size_t before = state->tls->done, place = piece->length;
        const char *at = piece->at;
        bool is_copy = at < data || at >= data + size;
        if (state->corked && is_copy)
            place = place_of_ours(at, piece->length, data + before, size - before);
        oi_call_pause(&call->call);
        put = hand_over(call, sender, session, at, piece->length);
        oi_call_resume(&call->call);
        int error;
        enum oi_tls_result how = outcome(call, put, &error);
        more = oi_tls_wrote(state->tls, piece, how, put > 0 ? (size_t)put : 0, error);
        size_t program = (more ? state->tls->done : piece->done) - before;
        if (put > 0 && state->corked)
            hold_back(state, (size_t)put, is_copy ? program : (size_t)put, place);
    } while (more);
    return put;
}

/* The bytes of a call, as the retry rule has it. False: they are not there any more, or there is no room to keep them
 * in case that they are asked for again. */
static bool find_bytes(struct oi_gnutls *state, const void **data, size_t *size)
{
    if (state->waits && state->kept) {
        *data = state->kept->bytes;
        *size = state->kept->size;
        return true;
    }
    if (state->waits || !*data || *size == 0)
        return false;
    if (!state->corked && *size > OI_GNUTLS_RECORD)
        *size = OI_GNUTLS_RECORD;
    if (!state->kept && !state->server)
        state->kept = oi_pool_take(&kept_sends);
    return may_hold_ours(state) && (state->kept || state->server);
}

static ssize_t send_told(struct oi_gnutls_call *call, const struct sender *sender, gnutls_session_t session,
                         const void *given, size_t given_size)
{
    struct oi_gnutls *state = call->session;
    struct oi_tls_piece piece;
    const void *data = given;
    size_t size = given_size;
    if (!find_bytes(state, &data, &size)) {
        oi_tls_forget_write(state->tls);
        return send_plain(call, sender, session, given, given_size);
    }
    if (!oi_tls_write(state->tls, data, size, true, &piece)) {
        oi_gnutls_forget(state);
        oi_call_leave(&call->call);
        return hand_over(call, sender, session, given, given_size);
    }
    ssize_t put = send_pieces(call, sender, session, data, size, &piece);
    if (oi_gnutls_again(put)) {
        if (!state->kept)
            state->kept = oi_pool_take(&kept_sends);
        keep(state, data, size);
    } else {
        oi_gnutls_forget(state);
    }
    leave(call, piece.exports);
    return piece.done > 0 ? (ssize_t)piece.done : put;
}

/* Nothing is told about it any more (the agent stands down): what was begun is ended all the same. A call that the
 * library makes inside of another one is none of that. */
static bool enter_unfinished(struct oi_gnutls_call *call, const void *caller)
{
    bool own = !oi_own_caller(caller) && !(call->call.provider && oi_provider_contains(call->call.provider, caller));
    if (!own || !call->session || !oi_tls_unfinished(call->session->tls) || !oi_guard_enter())
        return false;
    call->call.error = errno;
    oi_tls_lose(call->session->tls);
    return true;
}

/* Apart, for the sake of the stack. */
static __attribute__((noinline)) ssize_t send_with(const struct sender *sender, gnutls_session_t session,
                                                   const void *data, size_t size, const void *caller)
{
    struct oi_gnutls_call call;
    bool told = oi_gnutls_enter_bound(&call, session, caller) || enter_unfinished(&call, caller);
    if (!call.call.provider || !(sender->pads ? OI_REAL(call.call, gnutls_record_send2) != NULL : true)) {
        if (told)
            oi_call_leave(&call.call);
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
    }
    return told ? send_told(&call, sender, session, data, size) : hand_over(&call, sender, session, data, size);
}

OI_HOOK(ssize_t, gnutls_record_send, (gnutls_session_t session, const void *data, size_t size))
{
    return send_with(&(struct sender){0}, session, data, size, OI_CALLER);
}

OI_HOOK(ssize_t, gnutls_record_send2,
        (gnutls_session_t session, const void *data, size_t size, size_t padding, unsigned flags))
{
    return send_with(&(struct sender){true, padding, flags}, session, data, size, OI_CALLER);
}

/* --- other ways to send, in which nothing goes along -------------------------------------------------------------- */

/* The body of a hook: what the real function returned is in `put`, and `sent` says what to tell of it. */
#define SEND(function, arguments, sent)                                                                                \
    struct oi_gnutls_call call;                                                                                        \
    bool told = oi_gnutls_enter_bound(&call, session, OI_CALLER);                                                      \
    if (told)                                                                                                          \
        oi_call_pause(&call.call);                                                                                     \
    if (!OI_GNUTLS_HAS(call, function))                                                                                \
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;                                                                         \
    ssize_t put = OI_REAL(call.call, function) arguments;                                                              \
    if (told) {                                                                                                        \
        oi_call_resume(&call.call);                                                                                    \
        leave(&call, sent);                                                                                            \
    }                                                                                                                  \
    return put

/* Its records have a length that does not say how much is in them. */
OI_HOOK(ssize_t, gnutls_record_send_range,
        (gnutls_session_t session, const void *data, size_t size, const gnutls_range_st *range))
{
    SEND(gnutls_record_send_range, (session, data, size, range),
         put > 0 && oi_tls_sent(call.session->tls, data, (size_t)put));
}

/* How much had gone before it failed, it does not say. */
static bool sent_file(struct oi_tls *tls, ssize_t put)
{
    if (put >= 0)
        return put > 0 && oi_tls_sent(tls, NULL, (size_t)put);
    oi_tls_lose(tls);
    return false;
}

OI_HOOK(ssize_t, gnutls_record_send_file, (gnutls_session_t session, int file, off_t *offset, size_t size))
{
    SEND(gnutls_record_send_file, (session, file, offset, size), sent_file(call.session->tls, put));
}

/* The server may refuse it, and then it is sent once more: nothing is said about such a session. */
OI_HOOK(ssize_t, gnutls_record_send_early_data, (gnutls_session_t session, const void *data, size_t size))
{
    struct oi_gnutls_call call;
    if (oi_gnutls_enter(&call, session, OI_CALLER)) {
        call.session->early = true;
        oi_tls_lose(call.session->tls);
        oi_call_pause(&call.call);
    }
    return OI_GNUTLS_HAS(call, gnutls_record_send_early_data)
               ? OI_REAL(call.call, gnutls_record_send_early_data)(session, data, size)
               : GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

OI_HOOK(size_t, gnutls_record_discard_queued, (gnutls_session_t session))
{
    struct oi_gnutls_call call;
    if (oi_gnutls_enter(&call, session, OI_CALLER)) {
        struct oi_gnutls *state = call.session;
        if (state->waits) {
            oi_gnutls_forget(state);
            oi_tls_forget_write(state->tls);
            oi_tls_lose(state->tls);
        }
        oi_call_pause(&call.call);
    }
    return OI_GNUTLS_HAS(call, gnutls_record_discard_queued) ? OI_REAL(call.call, gnutls_record_discard_queued)(session)
                                                             : 0;
}
