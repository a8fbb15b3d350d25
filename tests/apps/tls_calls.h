/* What tls_calls.c throws dice for, and a BIO of its own, which takes what they say. */
#include "tls_pair.h"

enum { ROOM = 1 << 19 };

typedef unsigned long long dice;

/* What goes one way through a BIO of our own. */
struct pipe {
    char bytes[LITTLE];
    size_t count;
};

struct side {
    SSL *ssl;
    struct pipe *in, *out;
    int fd;
    char said[ROOM], got[ROOM]; /* to be written, of which `put` are told to be; and read */
    size_t length, put, read, answered;
    char *moved;     /* the write that waits: its bytes, where they move */
    size_t size;     /* and how many; 0: none */
    bool keys, ends; /* it changes its keys; the other one has ended */
    int lent;
};

static __thread dice moment; /* what comes between */

static size_t below(dice *state, size_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)((*state * 0x2545f4914f6cdd1dULL >> 33) % limit);
}

static size_t chance(size_t limit)
{
    return below(&moment, limit);
}

static int own_write(BIO *bio, const char *at, int length)
{
    struct pipe *pipe = ((struct side *)BIO_get_data(bio))->out;
    size_t room = sizeof pipe->bytes - pipe->count, most = chance(4) ? (size_t)length : 1 + chance((size_t)length);
    size_t put = most < room ? most : room;
    BIO_clear_retry_flags(bio);
    if (put == 0 || chance(5) == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(pipe->bytes + pipe->count, at, put);
    pipe->count += put;
    return (int)put;
}

static int own_read(BIO *bio, char *at, int length)
{
    struct pipe *pipe = ((struct side *)BIO_get_data(bio))->in;
    size_t got = pipe->count < (size_t)length ? pipe->count : (size_t)length;
    BIO_clear_retry_flags(bio);
    if (got == 0 || chance(5) == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(at, pipe->bytes, got);
    memmove(pipe->bytes, pipe->bytes + got, pipe->count - got);
    pipe->count -= got;
    return (int)got;
}

static long own_control(BIO *bio, int what, long number, void *more)
{
    (void)bio, (void)number, (void)more;
    return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *own_method;

static void make_method(void)
{
    own_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "own");
    BIO_meth_set_write(own_method, own_write);
    BIO_meth_set_read(own_method, own_read);
    BIO_meth_set_ctrl(own_method, own_control);
}

static BIO *make_own(struct side *side)
{
    BIO *bio = BIO_new(own_method);
    BIO_set_data(bio, side);
    BIO_set_init(bio, 1);
    return bio;
}
