/* The requests that the program itself sends over a connection it has opened, and their answers: a CLIENT span each.
 *
 * A span begins with the first byte of its request and ends when its answer was read as a whole, or with the
 * connection. What the headers say is known before they are sent: hooks/outgoing.h adds ours in front of the empty line
 * that ends them. Semantic conventions: http/http-spans.md#http-client.
 *
 * All functions but oi_http_client_init and _wanted are called with the connection held and the guard taken;
 * async-signal-safe.
 */
#ifndef OI_HOOKS_HTTP_CLIENT_H
#define OI_HOOKS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "hooks/http_request.h"
#include "hooks/wire/http1.h"

struct oi_connection;
struct oi_opener;

/* A write that was read ahead up to the end of a request's headers, and what of ours goes along with it. */
enum { OI_SENDING_SIZE = 10240, OI_SENDING_IDS = 19 };
struct oi_sending {
    uint32_t pool_link;  /* the pool's */
    uint32_t generation; /* of the connection it belongs to */
    int64_t due;         /* of what is left: bytes written by then (hooks/written.h) */
    bool shared;         /* of what is left: other processes find it (hooks/outgoing_shared.h) */
    /* How things were before: where the kernel takes less, they are so again. */
    struct oi_http1 parser;
    struct oi_request *request; /* NULL: none was being sent, or it has ended since */
    bool headed, complete, begun;
    char texts[offsetof(struct oi_request, text) - offsetof(struct oi_request, method)];
    /* Ours. */
    uint32_t length, sent; /* the headers, in `text` */
    uint32_t ids_length, ids_sent;
    char ids[OI_SENDING_IDS]; /* `<span id>-<flags>` in place of those in a forwarded traceparent */
    char text[];
};

struct oi_http_client {
    struct oi_http1 requests, answers;
    struct oi_request *first, *last; /* not answered as a whole, oldest first */
    struct oi_request *sending;      /* which of them is being sent; NULL: none */
    const struct oi_sending *ahead;  /* the write that was read ahead and is under way; NULL: none */
    uint32_t waiting;
    uint32_t user_generation;
    const struct oi_active *user; /* what was current when it was opened; then the last request's parent */
    bool begun;                   /* it has had a request */
    bool torn;                    /* a fork came between the bytes of a request */
    bool over;                    /* not HTTP/1, or no longer to be told */
};

/* From the constructor: whether there is anything to do here at all. */
void oi_http_client_init(void);
bool oi_http_client_wanted(void);

void oi_http_client_begin(struct oi_http_client *client, const struct oi_opener *opener);

/* It began before a fork: the other process may have sent the end of its headers, or be reading its answer. */
bool oi_http_client_elsewhere(const struct oi_request *request);

/* Before a write: notices whether that has happened to the request that is being sent. */
void oi_http_client_look_for_forks(struct oi_http_client *client);

/* Where in a write of `total` bytes, of which those before `from` have gone, the headers of a request end that has not
 * ended before. */
struct oi_http_ahead {
    uint64_t place; /* of the empty line */
    uint64_t end;   /* of that request; at most where the write ends */
    uint64_t ids;   /* where a traceparent's span id stands that is to be replaced, with the flags behind it */
    bool adds;      /* `sending` has something to go with it */
};

/* What of a piece, which stands at `at` of all bytes, lies between `from` and `to`. */
struct iovec oi_piece_part(const struct iovec *piece, uint64_t at, uint64_t from, uint64_t to);

/* Finds that place. False: there is none, or the bytes up to it cannot be read. */
bool oi_http_client_find(const struct oi_connection *connection, const struct iovec *pieces, size_t count,
                         uint64_t from, uint64_t total, struct oi_http_ahead *out);

/* Reads the write up to there, remembers in *sending how it was before, and writes what is to be added (`may_add`). */
void oi_http_client_read_ahead(struct oi_connection *connection, int fd, const struct iovec *pieces, size_t count,
                               uint64_t from, uint64_t total, bool may_add, struct oi_http_ahead *ahead,
                               struct oi_sending *sending);

/* That write is over, and the kernel took the bytes up to `to` (`from`: none). True as below. */
bool oi_http_client_took(struct oi_connection *connection, int fd, const struct iovec *pieces, size_t count,
                         uint64_t from, uint64_t place, uint64_t to, const struct oi_sending *sending);

/* The thread has turned to this connection: its current span is that of what the connection is used for. */
void oi_http_client_turn(const struct oi_http_client *client);

/* Bytes passed; `at` NULL: nobody saw them. True: a request with them exports traces. */
bool oi_http_client_sent(struct oi_connection *connection, int fd, const char *at, size_t length);
void oi_http_client_received(struct oi_connection *connection, const char *at, size_t length);

void oi_http_client_end_of_input(struct oi_connection *connection);
void oi_http_client_failed(struct oi_connection *connection, int error, bool sending);

/* All headers of a request are known: whose it is. */
void oi_http_client_decide(struct oi_request *request);

/* The program says itself which trace the request belongs to. */
bool oi_http_client_names_a_trace(const struct oi_request *request);

/* Ends requests whose answers came while a write was under way. */
void oi_http_client_finish_ended(struct oi_connection *connection);

/* The last descriptor is closed. */
void oi_http_client_end(struct oi_connection *connection);

/* It is another protocol's connection: forgets what was taken for requests. */
void oi_http_client_drop(struct oi_connection *connection);

#endif
