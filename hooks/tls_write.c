/* Writing into a session, with headers of ours in between. */
#include <string.h>

#include "agent/agent.h"
#include "agent/pool.h"
#include "hooks/outgoing.h"
#include "hooks/outgoing_left.h"
#include "hooks/tls.h"

enum { COPIES = 512, COPY_TEXT = 16384 /* a record of TLS */ };

struct oi_tls_copy {
    uint32_t pool_link;         /* the pool's */
    bool known;                 /* the library has taken note of it */
    uint32_t length, put;       /* bytes in it, and what the library has taken of them */
    uint32_t program, tail;     /* how many of them are the program's, and how many of those stand behind ours */
    uint32_t same;              /* how many of the first ones are as the program has them */
    struct oi_sending *sending; /* what they were read ahead with; NULL: nothing is told about them any more */
    char text[COPY_TEXT];
};

static struct oi_pool copies = {
    .slot_size = (sizeof(struct oi_tls_copy) + 63) / 64 * 64, .count = COPIES, .modest = true};

/* --- telling ------------------------------------------------------------------------------------------------------ */

/* What was read ahead has gone up to `to` of the piece, or not even up to `place`. */
static bool tell_ahead(struct oi_tls *tls, const struct iovec *piece, uint64_t from, uint64_t place, uint64_t to,
                       struct oi_sending *sending)
{
    struct oi_connection *connection = oi_connection_hold(tls->seen);
    bool exports = false;
    if (connection) {
        if (connection->protocol == OI_CLIENT_HTTP1)
            exports = oi_http_client_took(connection, tls->fd, piece, 1, from, place, to, sending);
        oi_connection_leave(connection);
    }
    oi_sending_give(sending);
    return exports;
}

/* All of the copy has gone; or nothing of it will. */
static bool tell_copy(struct oi_tls *tls, bool gone)
{
    struct oi_tls_copy *copy = tls->copy;
    struct oi_sending *sending = copy->sending;
    const struct iovec tail = {copy->text + copy->length - copy->tail, copy->tail};
    if (!sending)
        return false;
    if (gone) {
        sending->sent = sending->length;
        sending->ids_sent = sending->ids_length;
    }
    copy->sending = NULL;
    return tell_ahead(tls, &tail, 0, gone ? 0 : 1, gone ? copy->tail : 0, sending);
}

static bool end_copy(struct oi_tls *tls, bool gone)
{
    struct oi_tls_copy *copy = tls->copy;
    bool exports = tell_copy(tls, gone);
    tls->copy = NULL;
    oi_pool_give(&copies, copy);
    return exports;
}

static bool tell_own(struct oi_tls *tls, struct oi_tls_piece *piece, size_t put)
{
    struct oi_sending *sending = piece->sending;
    piece->sending = NULL;
    if (sending)
        return tell_ahead(tls, &piece->all, tls->done, piece->place, tls->done + put, sending);
    return put > 0 && !tls->over && oi_connection_sent(tls->seen, tls->fd, &piece->all, tls->done, put);
}

void oi_tls_forget_write(struct oi_tls *tls)
{
    if (tls->copy)
        end_copy(tls, false);
    tls->done = tls->segment = 0;
    tls->stuck = tls->handed = false;
}

void oi_tls_keep_write(struct oi_tls *tls)
{
    if (tls->copy)
        tell_copy(tls, false);
}

/* --- the next piece ----------------------------------------------------------------------------------------------- */

static void put_text(struct oi_tls_copy *copy, const void *at, size_t length)
{
    memcpy(copy->text + copy->length, at, length);
    copy->length += (uint32_t)length;
}

/* How many bytes in front of those headers there is no room for. */
static uint64_t beyond_copy(const struct oi_outgoing *out)
{
    uint64_t bytes = out->at.place - out->from + out->sending->length;
    return bytes > COPY_TEXT ? bytes - COPY_TEXT : 0;
}

/* The program's bytes up to where headers belong, these, and, if there is room, what of the request follows. */
static __attribute__((noinline)) struct oi_tls_copy *make_copy(const struct oi_outgoing *out, const char *buffer)
{
    struct oi_sending *sending = out->sending;
    uint64_t head = out->at.place - out->from, tail = out->at.end - out->at.place;
    struct oi_tls_copy *copy = oi_pool_take(&copies);
    if (!copy)
        return NULL;
    copy->known = false;
    copy->length = copy->put = 0;
    put_text(copy, buffer + out->from, head);
    copy->same = (uint32_t)head;
    if (sending->ids_length > 0) {
        copy->same = (uint32_t)(out->at.ids - out->from);
        memcpy(copy->text + copy->same, sending->ids, sending->ids_length);
    }
    put_text(copy, sending->text, sending->length);
    copy->tail = copy->length + tail <= COPY_TEXT ? (uint32_t)tail : 0;
    put_text(copy, buffer + out->at.place, copy->tail);
    copy->program = (uint32_t)head + copy->tail;
    copy->sending = sending;
    return copy;
}

static void take_copy(const struct oi_tls *tls, struct oi_tls_piece *piece)
{
    piece->sending = NULL;
    piece->at = tls->copy->text + tls->copy->put;
    piece->length = tls->copy->length - tls->copy->put;
}

/* One of the program's own, unless something goes along. What the library has seen of a buffer it has to be given again
 * as it was. */
static void look(struct oi_tls *tls, struct oi_tls_piece *piece)
{
    struct oi_outgoing out;
    oi_outgoing_look(&out, tls->seen, tls->fd, &piece->all, tls->done, tls->done + piece->length, !tls->stuck);
    piece->sending = out.sending;
    piece->place = out.at.place;
    if (!out.adds)
        return;
    if (out.sending->length == 0 && out.sending->ids_length == 0) {
        piece->length = out.at.end - tls->done; /* another request follows, which may be given some */
    } else if (beyond_copy(&out) > 0) {
        piece->length = beyond_copy(&out); /* these go as they are, and what was read ahead is read anew behind them */
    } else if ((tls->copy = make_copy(&out, piece->all.iov_base)) != NULL) {
        take_copy(tls, piece);
    } else {
        out.sending->length = out.sending->ids_length = 0;
    }
}

void oi_tls_next(struct oi_tls *tls, struct oi_tls_piece *piece)
{
    tls->handed = true;
    if (tls->copy) {
        take_copy(tls, piece);
        return;
    }
    size_t left = piece->all.iov_len - tls->done;
    piece->sending = NULL;
    piece->at = (const char *)piece->all.iov_base + tls->done;
    piece->length = tls->segment > 0 && tls->segment < left ? tls->segment : left;
    if (!tls->over && tls->client)
        look(tls, piece);
}

/* Nothing of ours stands between what the library knows and what the program gives it now. */
static bool repeats(const struct oi_tls *tls, const void *buffer, size_t size, bool moves)
{
    size_t least = tls->done + (tls->copy ? tls->copy->program : tls->segment > 0);
    return (!tls->copy && tls->done == 0 && tls->segment == 0) || (size >= least && (moves || buffer == tls->buffer));
}

/* The real function has called something of the program's that writes, too; or it was left by a jump, and this is the
 * same write once more. */
static bool is_another(const struct oi_tls *tls, const void *buffer, size_t size, bool moves)
{
    const struct oi_tls_copy *copy = tls->copy;
    return tls->handed && tls->done == 0 &&
           !(copy && size >= copy->program && (moves || buffer == tls->buffer) &&
             memcmp(copy->text, buffer, copy->same) == 0);
}

bool oi_tls_write(struct oi_tls *tls, const void *buffer, size_t size, bool moves, struct oi_tls_piece *piece)
{
    *piece = (struct oi_tls_piece){.all = {(void *)(uintptr_t)buffer, size}, .length = size};
    if (is_another(tls, buffer, size, moves)) {
        oi_tls_lose(tls);
        return false;
    }
    if (!repeats(tls, buffer, size, moves)) {
        /* Where some has gone, or the library waits for a copy of ours, it must not take this for the same bytes. */
        piece->length = oi_tls_unfinished(tls) ? 0 : size;
        oi_tls_forget_write(tls);
        oi_tls_lose(tls);
        return false;
    }
    tls->buffer = buffer;
    return true;
}

/* --- after -------------------------------------------------------------------------------------------------------- */

/* True: there is more to hand over. */
static bool go_on(struct oi_tls *tls, struct oi_tls_piece *piece, bool whole)
{
    if (whole && tls->done < piece->all.iov_len)
        return true;
    piece->done = tls->done;
    tls->done = 0;
    return false;
}

static bool copy_taken(struct oi_tls *tls, struct oi_tls_piece *piece, size_t put)
{
    struct oi_tls_copy *copy = tls->copy;
    copy->put += (uint32_t)put;
    if (copy->put == copy->length) {
        tls->done += copy->program;
        piece->exports |= end_copy(tls, true);
    }
    return tls->copy || go_on(tls, piece, true);
}

static bool own_taken(struct oi_tls *tls, struct oi_tls_piece *piece, size_t put)
{
    bool whole = put == piece->length;
    piece->exports |= tell_own(tls, piece, put);
    tls->done += put;
    tls->segment = 0;
    tls->stuck = false;
    return go_on(tls, piece, whole);
}

bool oi_tls_wrote(struct oi_tls *tls, struct oi_tls_piece *piece, enum oi_tls_result result, size_t put, int error)
{
    tls->handed = false;
    if (result == OI_TLS_TOOK)
        return tls->copy ? copy_taken(tls, piece, put) : own_taken(tls, piece, put);
    if (result == OI_TLS_REFUSED && (tls->copy ? tls->copy->known : tls->stuck))
        result = OI_TLS_AGAIN; /* another handshake has come between */
    if (!tls->copy) {
        tell_own(tls, piece, 0);
        tls->stuck = result != OI_TLS_REFUSED; /* one that has failed is made once more by some, nevertheless */
        tls->segment = tls->stuck && tls->client ? piece->length : 0;
    } else if (tls->copy->put == 0 && result == OI_TLS_REFUSED) {
        end_copy(tls, false);
    } else {
        tls->copy->known = true;
        if (tls->copy->put == 0 && error)
            oi_tls_keep_write(tls);
    }
    if (result == OI_TLS_FAILED && error)
        oi_connection_failed(tls->seen, error, true);
    return false;
}

bool oi_tls_sent(struct oi_tls *tls, const void *at, size_t length)
{
    const struct iovec piece = {(void *)(uintptr_t)at, length};
    return length > 0 && oi_connection_sent(tls->seen, tls->fd, at ? &piece : NULL, 0, length);
}
