#include "agent/id.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/futex.h"
#include "agent/thread.h"

__thread struct oi_thread oi_thread __attribute__((tls_model("initial-exec")));

static uint64_t secret[2];
static _Atomic uint64_t streams; /* threads seeded so far */
static _Atomic uint32_t epoch;   /* process images so far; 0: not initialised */

/* The finaliser of MurmurHash3: every input bit changes every output bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

void oi_id_init(void)
{
    int saved = errno;
    uint64_t fresh[2] = {0};
    if (getrandom(fresh, sizeof fresh, GRND_NONBLOCK) != (ssize_t)sizeof fresh) {
        /* Early boot, or a sandbox. What differs between a parent and its children must differ here too. */
        fresh[0] = oi_clock_ns(CLOCK_REALTIME) ^ (uint64_t)getpid() << 32;
        fresh[1] = oi_mono_ns() ^ (uint64_t)(uintptr_t)&saved;
    }
    secret[0] = mix(secret[0] + 1) ^ fresh[0];
    secret[1] = mix(secret[1] + 1) ^ fresh[1];
    atomic_fetch_add(&epoch, 1);
    errno = saved;
}

static uint64_t next(void)
{
    struct oi_thread *thread = &oi_thread;
    uint32_t now = atomic_load_explicit(&epoch, memory_order_relaxed);
    if (thread->random_epoch != now) {
        uint64_t stream = atomic_fetch_add(&streams, 1) * 2 + 1;
        thread->random[0] = mix(secret[0] ^ mix(stream));
        thread->random[1] = mix(secret[1] ^ mix(stream + 1)) | 1; /* the all-zero state is a fixed point */
        thread->random_epoch = now;
    }
    uint64_t a = thread->random[0], b = thread->random[1], result = a + b;
    b ^= a;
    thread->random[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
    thread->random[1] = b << 37 | b >> 27;
    return result;
}

void oi_id_span(uint8_t out[8])
{
    uint64_t id;
    do
        id = next();
    while (id == 0);
    memcpy(out, &id, sizeof id);
}

void oi_id_trace(uint8_t out[16])
{
    uint64_t high = next();
    memcpy(out, &high, sizeof high);
    oi_id_span(out + 8);
}
