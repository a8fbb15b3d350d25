#include "agent/http_name.h"

#include "agent/http_route.h"

/* Multiplies to 128 bits and folds: which names collide depends on the seed. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(uint64_t seed, struct oi_text name)
{
    uint64_t hash = seed ^ 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < name.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, name.at + i, name.len - i < 8 ? name.len - i : 8);
        hash = mix(hash ^ word, 0xd6e8feb86659fd93u ^ seed);
    }
    hash = mix(hash ^ name.len, 0xa0761d6478bd642fu ^ seed);
    return hash ? hash : 1; /* 0 is a free slot */
}

/* Counts one more, unless there are enough. */
static bool reserve(struct oi_http_names *names)
{
    uint32_t count = atomic_load_explicit(&names->count, memory_order_relaxed);
    while (count < OI_HTTP_NAMES)
        if (atomic_compare_exchange_weak_explicit(&names->count, &count, count + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

bool oi_http_names_allow(struct oi_http_names *names, struct oi_text name)
{
    enum { SLOTS = sizeof names->slots / sizeof *names->slots };
    _Static_assert(SLOTS > 2 * OI_HTTP_NAMES, "a free slot is always near");
    uint64_t hash = hash_of(names->seed, name);
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        uint64_t seen = atomic_load_explicit(&names->slots[i], memory_order_relaxed);
        if (seen == 0) {
            if (!reserve(names))
                return false;
            if (atomic_compare_exchange_strong_explicit(&names->slots[i], &seen, hash, memory_order_relaxed,
                                                        memory_order_relaxed))
                return true;
            atomic_fetch_sub_explicit(&names->count, 1, memory_order_relaxed); /* another thread took the slot */
        }
        if (seen == hash)
            return true;
    }
}

void oi_http_server_name(const struct oi_http_server_name *request, struct oi_http_names *names, struct oi_buffer *out)
{
    size_t start = out->len;
    oi_buffer_put(out, request->method.at, request->method.len);
    size_t method_end = out->len;
    if (oi_text_present(request->route)) {
        oi_buffer_char(out, ' ');
        oi_buffer_put(out, request->route.at, request->route.len);
        return;
    }
    if (!request->guess || request->status == 404 || request->status == 405 || out->len == out->size)
        return;
    oi_buffer_char(out, ' ');
    if (!oi_http_route_guess(request->path, out) ||
        !oi_http_names_allow(names, oi_text_of(out->at + start, out->len - start)))
        out->len = method_end;
}
