/* TLS: what a session brings out, and what it is given to hide, are the bytes of a connection like any other.
 *
 * A library's hooks (hooks/openssl*.c) say which descriptors a session works on. From then on those descriptors' own
 * bytes are nobody's, and what passes the session is their connection's: peer, role, opener and epoll sets are those
 * that are known of it. A session that works on memory has a connection of its own, without a descriptor, whose other
 * end is unknown. One on a descriptor that is no connection of ours (a library with hooks of its own has opened it, or
 * nobody saw that) is left alone.
 *
 * A session that was set up out of our sight is unknown, and costs a look-up; in a process that has none, a load.
 *
 * By the libraries' contract a session belongs to one thread at a time; where reading and writing may be two threads'
 * (GnuTLS), what is kept of the write under way is the writer's. All functions but oi_tls_find and oi_tls_refer are
 * called with the guard held. Async-signal-safe but for oi_tls_add, oi_tls_beneath and oi_tls_bind, which may map
 * memory.
 */
#ifndef OI_HOOKS_TLS_H
#define OI_HOOKS_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "hooks/connection.h"

struct oi_provider;

/* What stands in a buffer of ours: a part of the program's bytes with what goes along. */
struct oi_tls_copy;

struct oi_tls {
    const struct oi_provider *provider; /* the copy of the library that the session is of */
    struct oi_connection_seen seen;     /* NULL: not bound, or nothing is to be told */
    int fd;                             /* beneath; -1: none */
    bool bound;
    bool client;                 /* of whoever connected */
    bool over;                   /* nothing is to be told */
    _Atomic uint32_t references; /* beside the first one */
    void *own;                   /* what the library's hooks keep of it; NULL: nothing */
    /* The write under way, which the program will repeat. */
    struct oi_tls_copy *copy; /* it is to be handed over again, from where it was left; NULL: none */
    const void *buffer;       /* the program's */
    size_t done;              /* bytes of it that have gone, of which the program has not been told */
    size_t segment;           /* behind them, bytes that are to be handed over again as they are; 0: all there are */
    bool stuck;               /* the library has taken note of those, and wants no others */
    bool handed; /* the real function has not returned: what it calls may write, too; or was left by a jump */
};

/* A session's state; NULL: unknown. */
extern _Atomic bool oi_tls_any __attribute__((visibility("hidden")));
struct oi_tls *oi_tls_look_up(const void *session);
static inline struct oi_tls *oi_tls_find(const void *session)
{
    return __builtin_expect(atomic_load_explicit(&oi_tls_any, memory_order_relaxed), false) ? oi_tls_look_up(session)
                                                                                            : NULL;
}

/* A session of that copy of its library, which is given something to work on; it may be known already. NULL: no
 * memory. */
struct oi_tls *oi_tls_add(const void *session, const struct oi_provider *provider);

/* The descriptors it reads from and writes to; -1: none, or memory. What passes over them is TLS's from now on.
 * `begun`: it has shaken hands, or does so: what waits to be written goes on. Otherwise nothing of it is known that is
 * true of this one: another session may have been at its address. */
void oi_tls_beneath(struct oi_tls *tls, int in, int out, bool begun);

/* Before plaintext passes: true: it is to be told. Once known, `in`, `out` and `server` (the session is the server's
 * side) are not looked at. */
bool oi_tls_bind(struct oi_tls *tls, int in, int out, bool server);

/* Something of the write that the program is to repeat has gone, or the library knows of a copy: it must be ended as it
 * was begun, also where nothing is told any more (oi_tls_lose). */
static inline bool oi_tls_unfinished(const struct oi_tls *tls)
{
    return tls->copy || tls->done > 0;
}

/* Its calls are passed on at once. */
static inline bool oi_tls_is_spent(const struct oi_tls *tls)
{
    return tls->bound && tls->over && !oi_tls_unfinished(tls);
}

/* Another reference to the session; one less: the last one forgets it. */
void oi_tls_refer(struct oi_tls *tls);
void oi_tls_free(const void *session);

/* It is used anew. */
void oi_tls_clear(struct oi_tls *tls);

/* What passed is not to be told any more. Async-signal-safe, also without the guard. */
void oi_tls_lose(struct oi_tls *tls);

/* Plaintext that was read; `at` NULL: nobody saw it. */
void oi_tls_received(struct oi_tls *tls, const void *at, size_t length);

/* The other end has closed, or the session has failed; `error`: what a system call failed with, 0: none. */
void oi_tls_no_more_input(struct oi_tls *tls, int error);

/* The program closes its side. */
void oi_tls_no_more_output(struct oi_tls *tls);

/* --- writing (tls_write.c) ---
 *
 * What is written goes to the library in pieces: those of the program's buffer, and copies with headers of ours in
 * between, which are as stable as the library wants a buffer that it has to be given again. The program is told of a
 * write when all of its pieces have gone, or as much of them as the library took.
 *
 *   oi_tls_write(tls, buffer, size, moves, &piece);
 *   do {
 *       oi_tls_next(tls, &piece);
 *       … the real function, with piece.at and piece.length …
 *   } while (oi_tls_wrote(tls, &piece, result));
 *   the program gets piece.done; or, where nothing has gone, the real function's result
 */
struct oi_tls_piece {
    const void *at; /* what the library is to be given */
    size_t length;
    size_t done;  /* afterwards: the program's bytes that it is told of */
    bool exports; /* afterwards: it was an export of traces; oi_life_with_sdk is to be called, without the guard */
    /* private to tls_write.c */
    struct iovec all;
    struct oi_sending *sending;
    uint64_t place;
};

enum oi_tls_result {
    OI_TLS_TOOK,    /* some of it */
    OI_TLS_AGAIN,   /* nothing; the same is to be given again */
    OI_TLS_REFUSED, /* nothing, and what is given next need not be the same (the handshake is not over) */
    OI_TLS_FAILED,  /* nothing */
};

/* A write begins; the program says that its buffer may have been copied to another place since the write
 * that it repeats (`moves`). False: it does not repeat what it has to, or another write is under way; the real function
 * is to be called with its own arguments, but for piece->length, and nothing more is told about the session. */
bool oi_tls_write(struct oi_tls *tls, const void *buffer, size_t size, bool moves, struct oi_tls_piece *piece);

/* What the library is to be given now. */
void oi_tls_next(struct oi_tls *tls, struct oi_tls_piece *piece);

/* The library took `put` bytes of the piece, or none; `error` as above. True: there is another piece. */
bool oi_tls_wrote(struct oi_tls *tls, struct oi_tls_piece *piece, enum oi_tls_result result, size_t put, int error);

/* Bytes that went out otherwise; `at` NULL: nobody saw them. True: as `exports`. */
bool oi_tls_sent(struct oi_tls *tls, const void *at, size_t length);

/* The write under way will not be repeated; or it will, and nothing is told about it. */
void oi_tls_forget_write(struct oi_tls *tls);
void oi_tls_keep_write(struct oi_tls *tls);

#endif
