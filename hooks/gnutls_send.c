/* GnuTLS: what a session is given to hide, and the headers that go along.
 *
 * One call takes one record, or, while the session is corked, anything (hooks/gnutls_held.c).
 */
#include <string.h>

#include "agent/agent.h"
#include "hooks/gnutls.h"

/* Ends a hook in which something was sent. */
static void leave(struct oi_gnutls_call *call, bool exports)
{
    oi_guard_leave();
    if (exports)
        oi_life_with_sdk();
    errno = call->call.error;
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

/* What the library calls by itself is part of what the program has called. */
static bool is_nested(const struct oi_call *call, const void *caller)
{
    return oi_own_caller(caller) || (call->provider && oi_provider_contains(call->provider, caller));
}

/* As it is, and nothing is told. What is held back is counted all the same. */
static ssize_t send_untold(const struct oi_gnutls_call *call, const struct sender *sender, gnutls_session_t session,
                           const void *data, size_t size, const void *caller)
{
    ssize_t put = hand_over(call, sender, session, data, size);
    if (put > 0 && call->session && call->session->corked && !is_nested(&call->call, caller))
        call->session->held += (uint64_t)put;
    return put;
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
            place = oi_gnutls_place_of_ours(at, piece->length, data + before, size - before);
        oi_call_pause(&call->call);
        put = hand_over(call, sender, session, at, piece->length);
        oi_call_resume(&call->call);
        int error;
        enum oi_tls_result how = outcome(call, put, &error);
        more = oi_tls_wrote(state->tls, piece, how, put > 0 ? (size_t)put : 0, error);
        size_t program = (more ? state->tls->done : piece->done) - before;
        if (put > 0 && state->corked)
            oi_gnutls_hold_back(state, (size_t)put, is_copy ? program : (size_t)put, place);
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
        state->kept = oi_gnutls_take_kept();
    return oi_gnutls_may_hold_ours(state) && (state->kept || state->server);
}

/* A send that failed is not made again. The bytes that had gone by then are the program's to know of, if it can go on
 * behind them. */
static size_t end_failed(const struct oi_gnutls_call *call, ssize_t put)
{
    struct oi_tls *tls = call->session->tls;
    size_t done = tls->done;
    int error;
    oi_tls_forget_write(tls);
    return oi_gnutls_is_over(call, put, &error) ? 0 : done;
}

static ssize_t send_told(struct oi_gnutls_call *call, const struct sender *sender, gnutls_session_t session,
                         const void *given, size_t given_size, const void *caller)
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
        return send_untold(call, sender, session, given, given_size, caller);
    }
    ssize_t put = send_pieces(call, sender, session, data, size, &piece);
    if (oi_gnutls_again(put)) {
        if (!state->kept)
            state->kept = oi_gnutls_take_kept();
        keep(state, data, size);
    } else {
        oi_gnutls_forget(state);
        if (put < 0)
            piece.done = end_failed(call, put);
    }
    leave(call, piece.exports);
    return piece.done > 0 ? (ssize_t)piece.done : put;
}

/* Nothing is told about it any more (the agent stands down): what was begun is ended all the same. A call that the
 * library makes inside of another one is none of that. */
static bool enter_unfinished(struct oi_gnutls_call *call, const void *caller)
{
    if (is_nested(&call->call, caller) || !call->session || !oi_tls_unfinished(call->session->tls) || !oi_guard_enter())
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
    return told ? send_told(&call, sender, session, data, size, caller)
                : send_untold(&call, sender, session, data, size, caller);
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

/* While the session is corked, it is held back, also what came before a failure. */
static ssize_t send_file(const struct oi_gnutls_call *call, gnutls_session_t session, int file, off_t *offset,
                         size_t size)
{
    struct oi_gnutls *state = call->session;
    bool counts = state && state->corked && OI_REAL(call->call, gnutls_record_check_corked);
    size_t before = counts ? OI_REAL(call->call, gnutls_record_check_corked)(session) : 0;
    ssize_t put = OI_REAL(call->call, gnutls_record_send_file)(session, file, offset, size);
    int error = errno;
    if (counts)
        state->held += OI_REAL(call->call, gnutls_record_check_corked)(session) - before;
    errno = error;
    return put;
}

OI_HOOK(ssize_t, gnutls_record_send_file, (gnutls_session_t session, int file, off_t *offset, size_t size))
{
    struct oi_gnutls_call call;
    bool told = oi_gnutls_enter_bound(&call, session, OI_CALLER);
    if (told)
        oi_call_pause(&call.call);
    if (!OI_GNUTLS_HAS(call, gnutls_record_send_file))
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
    ssize_t put = send_file(&call, session, file, offset, size);
    if (told) {
        oi_call_resume(&call.call);
        leave(&call, sent_file(call.session->tls, put));
    }
    return put;
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
