/* Sessions: which connection each of them is, and what is read from it. */
#include "hooks/tls.h"

#include "agent/handles.h"
#include "hooks/descriptor.h"

static struct oi_handles sessions = OI_HANDLES(struct oi_tls);

_Atomic bool oi_tls_any;

struct oi_tls *oi_tls_look_up(const void *session)
{
    return oi_handles_find(&sessions, session);
}

struct oi_tls *oi_tls_add(const void *session, const struct oi_provider *provider)
{
    struct oi_tls *tls = oi_handles_find(&sessions, session);
    if (!tls && (tls = oi_handles_add(&sessions, session)) != NULL)
        tls->fd = -1;
    if (!tls)
        return NULL;
    tls->provider = provider;
    atomic_store_explicit(&oi_tls_any, true, memory_order_relaxed);
    return tls;
}

/* The connection of one that has no descriptor is its own. */
static void unbind(struct oi_tls *tls)
{
    if (tls->bound && tls->fd < 0)
        oi_connection_end_apart(tls->seen);
    tls->seen = (struct oi_connection_seen){0};
    tls->bound = tls->over = false;
    tls->fd = -1;
}

/* It works on what it worked on: another BIO for the same stream (each packet that arrives may get one of its own). */
static bool is_same(const struct oi_tls *tls, int in, int out)
{
    struct oi_connection_seen seen;
    int fd = in >= 0 ? in : out;
    if (!tls->bound || fd != tls->fd)
        return false;
    if (fd < 0)
        return true;
    seen = oi_descriptor_any_connection(fd);
    return seen.connection && seen.connection == tls->seen.connection && seen.generation == tls->seen.generation;
}

/* The library has to be given something again, wherever it goes then: nothing may come in between. */
static bool waits(const struct oi_tls *tls)
{
    return oi_tls_unfinished(tls) || tls->segment > 0 || tls->stuck || tls->handed;
}

void oi_tls_beneath(struct oi_tls *tls, int in, int out, bool begun)
{
    if (begun && is_same(tls, in, out))
        return;
    if (begun)
        oi_tls_keep_write(tls);
    else
        oi_tls_forget_write(tls);
    unbind(tls);
    tls->bound = tls->over = waits(tls);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? in : out;
        struct oi_connection_seen seen =
            fd >= 0 && (i == 0 || fd != in) ? oi_descriptor_any_connection(fd) : (struct oi_connection_seen){0};
        if (seen.connection)
            oi_connection_secure(seen);
    }
}

static bool serves(enum oi_role role)
{
    return role == OI_ROLE_SERVER ? oi_http_server_wanted() : oi_clients_wanted();
}

/* Both must be the same connection, in the role that was seen when it was made. */
static struct oi_connection_seen connection_beneath(int in, int out, enum oi_role role)
{
    struct oi_connection_seen seen = oi_descriptor_any_connection(in), other = seen;
    if (out != in)
        other = oi_descriptor_any_connection(out);
    if (!seen.connection || seen.connection != other.connection || seen.connection->role != (uint8_t)role)
        return (struct oi_connection_seen){0};
    oi_connection_secure(seen);
    return seen;
}

bool oi_tls_bind(struct oi_tls *tls, int in, int out, bool server)
{
    enum oi_role role = server ? OI_ROLE_SERVER : OI_ROLE_CLIENT;
    if (tls->bound) {
        tls->over = tls->over || atomic_load_explicit(&tls->seen.connection->generation, memory_order_acquire) !=
                                     tls->seen.generation;
        return !tls->over;
    }
    tls->fd = in >= 0 ? in : out;
    if (serves(role))
        tls->seen = tls->fd >= 0 ? connection_beneath(tls->fd, out >= 0 ? out : in, role) : oi_connection_apart(role);
    tls->over = !tls->seen.connection;
    tls->client = !server;
    tls->bound = true;
    return !tls->over;
}

void oi_tls_refer(struct oi_tls *tls)
{
    atomic_fetch_add(&tls->references, 1);
}

void oi_tls_free(const void *session)
{
    struct oi_tls *tls = oi_handles_find(&sessions, session);
    if (!tls)
        return;
    uint32_t references = atomic_load(&tls->references);
    while (references > 0)
        if (atomic_compare_exchange_weak(&tls->references, &references, references - 1))
            return;
    oi_tls_clear(tls);
    oi_handles_remove(&sessions, session);
}

void oi_tls_clear(struct oi_tls *tls)
{
    oi_tls_forget_write(tls);
    unbind(tls);
}

void oi_tls_lose(struct oi_tls *tls)
{
    oi_connection_lose(tls->seen);
    tls->bound = tls->over = true;
}

void oi_tls_received(struct oi_tls *tls, const void *at, size_t length)
{
    const struct iovec piece = {(void *)(uintptr_t)at, length};
    if (length == 0)
        return;
    oi_connection_received(tls->seen, tls->fd, at ? &piece : NULL, length);
    tls->over = tls->over || oi_connection_is_spent(tls->seen);
}

void oi_tls_no_more_input(struct oi_tls *tls, int error)
{
    if (error)
        oi_connection_failed(tls->seen, error, false);
    else
        oi_connection_end_of_input(tls->seen);
}

void oi_tls_no_more_output(struct oi_tls *tls)
{
    oi_connection_end_of_output(tls->seen);
}
