/* GnuTLS: what a session brings out. */
#include "hooks/gnutls.h"

/* The real function returned `got`: so many bytes, which stand at `at`. */
static void received(struct oi_gnutls_call *call, const void *at, ssize_t got)
{
    int error = 0;
    if (got > 0)
        oi_tls_received(call->session->tls, at, (size_t)got);
    else if (got == 0 || oi_gnutls_is_over(call, got, &error))
        oi_tls_no_more_input(call->session->tls, error);
}

/* The body of a hook that reads, up to where `got` is known. */
#define RECEIVE(function, arguments)                                                                                   \
    struct oi_gnutls_call call;                                                                                        \
    bool told = oi_gnutls_enter_bound(&call, session, OI_CALLER);                                                      \
    if (told)                                                                                                          \
        oi_call_pause(&call.call);                                                                                     \
    if (!OI_GNUTLS_HAS(call, function))                                                                                \
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;                                                                         \
    ssize_t got = OI_REAL(call.call, function) arguments;                                                              \
    if (!told)                                                                                                         \
        return got;                                                                                                    \
    oi_call_resume(&call.call)

OI_HOOK(ssize_t, gnutls_record_recv, (gnutls_session_t session, void *data, size_t size))
{
    RECEIVE(gnutls_record_recv, (session, data, size));
    received(&call, data, got);
    oi_call_leave(&call.call);
    return got;
}

OI_HOOK(ssize_t, gnutls_record_recv_seq, (gnutls_session_t session, void *data, size_t size, unsigned char *number))
{
    RECEIVE(gnutls_record_recv_seq, (session, data, size, number));
    received(&call, data, got);
    oi_call_leave(&call.call);
    return got;
}

OI_HOOK(ssize_t, gnutls_record_recv_packet, (gnutls_session_t session, gnutls_packet_t *packet))
{
    RECEIVE(gnutls_record_recv_packet, (session, packet));
    gnutls_datum_t data = {0};
    if (got > 0)
        OI_REAL(call.call, gnutls_packet_get)(*packet, &data, NULL);
    received(&call, data.data, got);
    oi_call_leave(&call.call);
    return got;
}

/* What a client has said before the handshake was over; where there is nothing, that says nothing of the stream. */
OI_HOOK(ssize_t, gnutls_record_recv_early_data, (gnutls_session_t session, void *data, size_t size))
{
    RECEIVE(gnutls_record_recv_early_data, (session, data, size));
    if (got > 0)
        received(&call, data, got);
    oi_call_leave(&call.call);
    return got;
}
