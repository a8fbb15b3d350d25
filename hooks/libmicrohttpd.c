#include "hooks/libmicrohttpd.h"

#include "hooks/connection.h"
#include "hooks/hook.h"
#include "hooks/http_request.h"
#include "hooks/http_server.h"

#define FUNCTIONS(X)                                                                                                   \
    X(MHD_start_daemon)                                                                                                \
    X(MHD_start_daemon_va)                                                                                             \
    X(MHD_get_connection_info)
OI_LIBRARY_FUNCTIONS(libmicrohttpd, FUNCTIONS);
OI_LIBRARY_TABLE(libmicrohttpd, FUNCTIONS);

enum { HANDLER = 4, CONNECTION_FD = 6, STANDS = 16 }; /* the argument; MHD_CONNECTION_INFO_CONNECTION_FD */

typedef int handler(void *user, struct MHD_Connection *connection, const char *target, const char *method,
                    const char *version, const char *body, size_t *body_size, void **kept);

static bool wanted;

/* The program's functions, and of which copy of the library's daemons they are. */
static struct {
    _Atomic(handler *) function;
    _Atomic(const struct oi_provider *) provider; /* NULL: not known yet */
} stood_for[STANDS];

void oi_libmicrohttpd_init(void)
{
    wanted = oi_http_server_wanted() && !oi_library_libmicrohttpd.disabled;
    oi_library_libmicrohttpd.runs_others = true;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* True: the thread's current span is that of the request that `fd` waits for the answer to. */
static bool turn_to(int fd, struct oi_current *before)
{
    struct oi_connection *connection = oi_connection_hold(oi_descriptor_connection(fd));
    if (!connection)
        return false;
    const struct oi_request *request = connection->role == OI_ROLE_SERVER ? connection->http.first : NULL;
    bool known = request && request->headed;
    if (known)
        *before = oi_context_exchange((struct oi_current){
            &request->active, atomic_load_explicit(&request->active.generation, memory_order_acquire), false});
    oi_connection_leave(connection);
    return known;
}

static bool begin(const struct oi_provider *provider, struct MHD_Connection *connection, struct oi_current *before)
{
    int error = errno;
    bool known = false;
    const int *fd = (const int *)(const void *)OI_REAL_OF(provider, MHD_get_connection_info)(connection, CONNECTION_FD);
    if (fd && oi_guard_enter()) {
        known = turn_to(*fd, before);
        oi_guard_leave();
    }
    errno = error;
    return known;
}

static OI_CALLS_BACK int run(unsigned number, void *user, struct MHD_Connection *connection, const char *target,
                             const char *method, const char *version, const char *body, size_t *body_size, void **kept)
{
    handler *function = atomic_load_explicit(&stood_for[number].function, memory_order_relaxed);
    const struct oi_provider *provider = atomic_load_explicit(&stood_for[number].provider, memory_order_acquire);
    struct oi_current before;
    bool known = provider && begin(provider, connection, &before);
    int result = function(user, connection, target, method, version, body, body_size, kept);
    if (known)
        oi_context_exchange(before);
    return result;
}

#define STAND(number)                                                                                                  \
    static int stand_##number(void *user, struct MHD_Connection *connection, const char *target, const char *method,   \
                              const char *version, const char *body, size_t *body_size, void **kept)                   \
    {                                                                                                                  \
        return run(number, user, connection, target, method, version, body, body_size, kept);                          \
    }
#define NUMBERS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
NUMBERS(STAND)
#define NAME(number) stand_##number,
static handler *const stands[STANDS] = {NUMBERS(NAME)};

/* --- daemons ------------------------------------------------------------------------------------------------------ */

static bool is_own(handler *function)
{
    for (unsigned i = 0; i < STANDS; i++)
        if (function == stands[i])
            return true;
    return false;
}

/* One function for daemons of two copies of the library has one of ours for each. */
static handler *stand_in_for(handler *function, const struct oi_provider *provider)
{
    for (unsigned i = 0; function && !is_own(function) && i < STANDS; i++) {
        const struct oi_provider *of = NULL;
        handler *there = NULL;
        if (atomic_compare_exchange_strong(&stood_for[i].function, &there, function))
            there = function;
        if (there == function &&
            (atomic_compare_exchange_strong(&stood_for[i].provider, &of, provider) || of == provider))
            return stands[i];
    }
    return function;
}

struct oi_daemon_route oi_daemon_called(unsigned number, uintptr_t *arguments, const void *caller)
{
    int error = errno;
    const struct oi_provider *provider =
        __builtin_expect(oi_thread.entry != 0, false) ? oi_entry_taken(&oi_library_libmicrohttpd, caller) : NULL;
    if (!provider)
        provider = oi_library_provider(&oi_library_libmicrohttpd, caller);
    struct oi_daemon_route route = {NULL, 0};
    if (provider)
        route.go_on = provider->functions[number == 0 ? index_MHD_start_daemon : index_MHD_start_daemon_va];
    if (wanted && provider && OI_REAL_OF(provider, MHD_get_connection_info))
        arguments[HANDLER] = (uintptr_t)stand_in_for((handler *)arguments[HANDLER], provider);
    errno = error;
    return route;
}
