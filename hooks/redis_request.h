/* One Redis command that a program has written to a socket: what is kept of it until its reply is there.
 *
 * Of its arguments as much is kept as there is room for, each up to a bound: further ones are counted, a longer one is
 * `?`, which is what becomes of values anyway. No allocation but the pool's; async-signal-safe.
 */
#ifndef OI_HOOKS_REDIS_REQUEST_H
#define OI_HOOKS_REDIS_REQUEST_H

#include "agent/redact.h"
#include "agent/span.h"
#include "hooks/redis_session.h"

enum { OI_REDIS_REQUEST_SIZE = 1024, OI_REDIS_ARGUMENT_MAX = 255 };

/* What a command is to those who wait for its reply. */
enum oi_redis_kind {
    OI_REDIS_PLAIN,
    OI_REDIS_SETUP,   /* HELLO, AUTH, SELECT …: sets the connection up where nothing else has come before */
    OI_REDIS_PING,    /* asks whether the server is there */
    OI_REDIS_POLL,    /* waits for something to come, and comes back empty where nothing does */
    OI_REDIS_CONFIRM, /* SUBSCRIBE and its like: answered by messages, one for each channel */
    OI_REDIS_MONITOR, /* from here on, the server tells what others do */
    OI_REDIS_LAST,    /* QUIT, SHUTDOWN: the connection ends, perhaps without a reply */
    OI_REDIS_UNFIT,   /* what follows is no conversation of commands and replies (SYNC, CLIENT REPLY) */
};

struct oi_redis_request {
    uint32_t pool_link; /* the pool's */
    uint8_t kind;       /* enum oi_redis_kind */
    uint8_t effect;     /* enum oi_redis_effect */
    bool complete;      /* sent as a whole */
    bool setting_up;    /* nothing but such commands came before it */
    bool answered;      /* its span is over; more confirmations are to come */
    bool cut;           /* the argument at hand does not fit */
    struct oi_redis_request *next;
    struct oi_span span;
    uint32_t image, forks; /* process image and number of forks when it was sent */
    uint32_t arguments;    /* in all */
    uint32_t together;     /* commands that went out with it; 0: not known */
    uint32_t confirmed;
    int database;           /* of SELECT */
    uint16_t known;         /* arguments in `texts` */
    uint16_t open;          /* bytes of the argument at hand, which stand behind `texts` */
    uint16_t used;          /* bytes of arguments at the other end of the room */
    struct oi_text texts[]; /* the room */
};

/* A command whose first byte has been sent; NULL: there are too many. Its span is not started. */
struct oi_redis_request *oi_redis_request_take(void);
void oi_redis_request_give(struct oi_redis_request *request);

/* A piece of its next argument. */
void oi_redis_request_add(struct oi_redis_request *request, const char *at, size_t length, bool last);

/* It is complete: says what it is. */
void oi_redis_request_end(struct oi_redis_request *request);

/* Its arguments as far as they are known. */
struct oi_redis_args oi_redis_request_args(const struct oi_redis_request *request);

/* The name it was given; absent: none that is known. */
struct oi_text oi_redis_request_name(const struct oi_redis_request *request);

#endif
