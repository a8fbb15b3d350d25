/* GnuTLS: what the files of this hook share. What a session says is told through hooks/tls.h.
 *
 * A send that has to be made again is GnuTLS's from its first call on: the library has the record, and the program may
 * give the same bytes again, or none at all. So what stands behind that record is kept here.
 */
#ifndef OI_HOOKS_GNUTLS_H
#define OI_HOOKS_GNUTLS_H

#include <gnutls/gnutls.h>

#include "hooks/hook.h"
#include "hooks/tls.h"

/* What we build against may be older than what we meet. */
ssize_t gnutls_record_send2(gnutls_session_t session, const void *data, size_t size, size_t padding, unsigned flags);
ssize_t gnutls_record_send_file(gnutls_session_t session, int file, off_t *offset, size_t size);
ssize_t gnutls_record_send_early_data(gnutls_session_t session, const void *data, size_t size);
ssize_t gnutls_record_recv_early_data(gnutls_session_t session, void *data, size_t size);

/* The last line is called, not hooked. */
/* clang-format off */
#define OI_GNUTLS_FUNCTIONS(X)                                                                                         \
    X(gnutls_init) X(gnutls_deinit) X(gnutls_handshake) X(gnutls_bye)                                                  \
    X(gnutls_transport_set_push_function) X(gnutls_transport_set_vec_push_function)                                    \
    X(gnutls_transport_set_pull_function)                                                                              \
    X(gnutls_record_recv) X(gnutls_record_recv_seq) X(gnutls_record_recv_packet) X(gnutls_record_recv_early_data)      \
    X(gnutls_record_send) X(gnutls_record_send2) X(gnutls_record_send_range) X(gnutls_record_send_file)                \
    X(gnutls_record_send_early_data) X(gnutls_record_cork) X(gnutls_record_uncork) X(gnutls_record_check_corked)       \
    X(gnutls_record_discard_queued)                                                                                    \
    X(gnutls_transport_get_ptr2) X(gnutls_packet_get)
/* clang-format on */

OI_LIBRARY_FUNCTIONS(gnutls, OI_GNUTLS_FUNCTIONS);
extern struct oi_library oi_library_gnutls;

enum { OI_GNUTLS_RECORD = 16384 }; /* bytes of the program's that one record takes */

/* Bytes of ours among those that are held back, from the first of these on. */
struct oi_gnutls_ours {
    uint64_t at;
    uint32_t length;
};

enum { OI_GNUTLS_OURS = OI_GNUTLS_RECORD / sizeof(struct oi_gnutls_ours) };

/* What is kept of a send that is to be made again, or of what is held back. */
struct oi_gnutls_kept {
    uint32_t pool_link; /* the pool's */
    uint32_t size;      /* bytes, or how many of ours */
    union {
        char bytes[OI_GNUTLS_RECORD];
        struct oi_gnutls_ours ours[OI_GNUTLS_OURS];
    };
};

/* A session that the program has made. What stands behind `settled` is the writer's: another thread may read. */
struct oi_gnutls {
    uint32_t pool_link; /* the pool's */
    bool server;
    bool pushes, pulls; /* functions of the program's own carry its bytes */
    bool early;         /* it has sent before the handshake was over */
    bool settled;       /* what it works on is known: it has begun to shake hands */
    bool waits;         /* a send is to be made again */
    bool corked;
    struct oi_tls *tls;
    struct oi_gnutls_kept *kept; /* of the send; NULL: nothing */
    struct oi_gnutls_kept *ours; /* of what is held back; NULL: none of it is ours */
    uint64_t held;               /* bytes that were held back since there were none */
};

struct oi_gnutls_call {
    struct oi_call call;
    struct oi_gnutls *session; /* NULL: unknown */
};

/* Begins a hook of a session's. True: it is known, and the guard is held. */
bool oi_gnutls_enter(struct oi_gnutls_call *call, gnutls_session_t session, const void *caller);

/* The same, where plaintext passes: true: it is to be told. */
bool oi_gnutls_enter_bound(struct oi_gnutls_call *call, gnutls_session_t session, const void *caller);

/* This copy of the library has the function. */
#define OI_GNUTLS_HAS(call_, function) ((call_).call.provider && OI_REAL((call_).call, function))

/* What a call that failed with `result` says of the connection's end. True: it is over, by a system call's *error (0:
 * by none). */
bool oi_gnutls_is_over(const struct oi_gnutls_call *call, ssize_t result, int *error);

/* The call is to be made again. */
static inline bool oi_gnutls_again(ssize_t result)
{
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

/* --- what is kept, and what is held back (gnutls_held.c) --- */

/* Room for one of them; NULL: there is none. */
struct oi_gnutls_kept *oi_gnutls_take_kept(void);

/* What was kept of a send is not needed any more; nor what was kept of those that are held back. */
void oi_gnutls_forget(struct oi_gnutls *session);
void oi_gnutls_forget_ours(struct oi_gnutls *session);

/* There is room to note where ours stand, should there be any in what is sent now. */
bool oi_gnutls_may_hold_ours(struct oi_gnutls *session);

/* Where ours stand in a piece, if there are any: where it begins to differ from the program's bytes at `own`. */
size_t oi_gnutls_place_of_ours(const char *piece, size_t length, const char *own, size_t own_length);

/* A piece of `length` bytes, of which `program` are the program's, is held back; what else is, stands at `place`. */
void oi_gnutls_hold_back(struct oi_gnutls *session, size_t length, size_t program, size_t place);

#endif
