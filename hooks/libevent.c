#include "hooks/libevent.h"

#include "agent/handles.h"
#include "agent/permanent.h"
#include "hooks/hook.h"
#include "hooks/http_server.h"
#include "hooks/libevent_stubs.h"

/* Those whose pointers dlsym hands out, and how to tell libevent 2 from whatever else has one of its names. */
#define FUNCTIONS(X)                                                                                                   \
    X(event_assign)                                                                                                    \
    X(event_new)                                                                                                       \
    X(event_set)                                                                                                       \
    X(event_once)                                                                                                      \
    X(event_base_once)                                                                                                 \
    X(event_loop)                                                                                                      \
    X(event_base_loop)                                                                                                 \
    X(event_dispatch)                                                                                                  \
    X(event_base_dispatch)                                                                                             \
    X(event_get_callback)                                                                                              \
    X(event_get_assignment)                                                                                            \
    X(evhttp_cancel_request)                                                                                           \
    X(evhttp_connection_free)                                                                                          \
    X(evhttp_make_request)                                                                                             \
    X(evhttp_request_free)                                                                                             \
    X(evhttp_request_new)
OI_LIBRARY_FUNCTIONS(libevent, FUNCTIONS);
OI_LIBRARY_TABLE(libevent, FUNCTIONS);

/* EV_READ, and EV_SIGNAL, of which the descriptor is a signal's number. */
enum { READ = 0x02, SIGNAL = 0x08 };

/* Nothing but requests that are counted asks for an event (agent/gate.h). */
static bool wanted;

/* --- functions that stand for the program's ----------------------------------------------------------------------- */

extern const char oi_stands[] __attribute__((visibility("hidden")));
static _Atomic uintptr_t stood_for[OI_STANDS];

/* The program's function that this one stands for, or itself. */
static uintptr_t own_of(uintptr_t function)
{
    uintptr_t offset = function - (uintptr_t)oi_stands;
    if (offset >= (uintptr_t)OI_STANDS << OI_STAND_LOG2)
        return function;
    return atomic_load_explicit(&stood_for[offset >> OI_STAND_LOG2], memory_order_relaxed);
}

/* One of the `count` from `from` on. */
static uintptr_t stand_in_for(uintptr_t function, unsigned from, unsigned count)
{
    if (function == 0 || own_of(function) != function)
        return function;
    unsigned first = (unsigned)(function >> 4) % count;
    for (unsigned i = 0; i < count; i++) {
        unsigned number = from + (first + i) % count;
        uintptr_t there = atomic_load_explicit(&stood_for[number], memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong_explicit(&stood_for[number], &there, function,
                                                                  memory_order_relaxed, memory_order_relaxed))
            there = function;
        if (there == function)
            return (uintptr_t)oi_stands + ((uintptr_t)number << OI_STAND_LOG2);
    }
    return function;
}

OI_CALLS_BACK void oi_event_run(evutil_socket_t fd, short what, void *value, unsigned number)
{
    event_callback_fn function = (event_callback_fn)atomic_load_explicit(&stood_for[number], memory_order_relaxed);
    oi_gate_event_begin(fd);
    function(fd, what, value);
    oi_gate_event_end();
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* What each request was made for, until it is freed, or made again. NULL: none was made yet, and few programs do. */
static _Atomic(struct oi_handles *) requests;

static struct oi_handles *all_requests(void)
{
    struct oi_handles *known = atomic_load_explicit(&requests, memory_order_acquire);
    struct oi_handles *fresh = known ? NULL : oi_permanent(sizeof *fresh);
    if (!fresh)
        return known;
    fresh->state_size = sizeof(struct oi_current);
    return atomic_compare_exchange_strong(&requests, &known, fresh) ? fresh : known;
}

static void make_request(const void *request)
{
    struct oi_handles *all = all_requests();
    struct oi_current *made_for = all ? oi_handles_add(all, request) : NULL;
    if (made_for)
        *made_for = oi_context_keep();
}

static void forget_request(const void *request)
{
    struct oi_handles *all = atomic_load_explicit(&requests, memory_order_acquire);
    if (all)
        oi_handles_remove(all, request);
}

static const struct oi_current *context_of(const void *request)
{
    struct oi_handles *all = atomic_load_explicit(&requests, memory_order_acquire);
    return all && request ? oi_handles_find(all, request) : NULL;
}

/* Without an answer there may be no request either, and so nothing is known. */
OI_CALLS_BACK void oi_request_run(struct evhttp_request *request, void *value, uintptr_t none, unsigned number)
{
    void (*function)(struct evhttp_request *, void *) =
        (void (*)(struct evhttp_request *, void *))atomic_load_explicit(&stood_for[number], memory_order_relaxed);
    const struct oi_current *made_for = context_of(request);
    (void)none;
    if (!made_for) {
        function(request, value);
        return;
    }
    struct oi_current before = oi_context_exchange(*made_for);
    function(request, value);
    oi_context_exchange(before);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

/* What is done before the call. */
enum action {
    ADD_EVENT,   /* a function for events on a descriptor */
    END_EVENT,   /* it does what others have asked for: runs a loop, or begins with the next request */
    ADD_REQUEST, /* a function for a request */
    MAKE_REQUEST,
    FORGET_REQUEST,
};

/* Each is looked for by its own name: what is called may be another library's, and then is left alone. */
static struct called {
    struct oi_library library;
    uint8_t index; /* in the list above */
    uint8_t action;
    uint8_t fd, function; /* which arguments these are; the events stand behind the descriptor */
    int8_t failure;
} called[OI_EVENT_STUBS] = {
#define CALLED(called_, beside, ...)                                                                                   \
    {                                                                                                                  \
        .library = {.name = "libevent",                                                                                \
                    .symbols = (const char *const[]){#called_, beside},                                                \
                    .count = 2,                                                                                        \
                    .runs_others = true},                                                                              \
        .index = index_##called_, __VA_ARGS__                                                                          \
    }
#define ADDS(called_, fd_, function_, failure_)                                                                        \
    CALLED(called_, "event_assign", .action = ADD_EVENT, .fd = (fd_), .function = (function_), .failure = (failure_))
#define ENDS(called_, failure_) CALLED(called_, #called_, .action = END_EVENT, .failure = (failure_))
    [OI_EVENT_ASSIGN] = ADDS(event_assign, 2, 4, -1),
    [OI_EVENT_NEW] = ADDS(event_new, 1, 3, 0),
    [OI_EVENT_SET] = ADDS(event_set, 1, 3, 0),
    [OI_EVENT_ONCE] = ADDS(event_once, 0, 2, -1),
    [OI_EVENT_BASE_ONCE] = ADDS(event_base_once, 1, 3, -1),
    [OI_EVENT_LOOP] = ENDS(event_loop, -1),
    [OI_EVENT_BASE_LOOP] = ENDS(event_base_loop, -1),
    [OI_EVENT_DISPATCH] = ENDS(event_dispatch, -1),
    [OI_EVENT_BASE_DISPATCH] = ENDS(event_base_dispatch, -1),
    [OI_EVENT_CANCEL_REQUEST] = ENDS(evhttp_cancel_request, 0),
    [OI_EVENT_CONNECTION_FREE] = ENDS(evhttp_connection_free, 0),
    [OI_EVENT_REQUEST_NEW] = CALLED(evhttp_request_new, "evhttp_make_request", .action = ADD_REQUEST, .function = 0),
    [OI_EVENT_MAKE_REQUEST] = CALLED(evhttp_make_request, "evhttp_request_new", .action = MAKE_REQUEST, .failure = -1),
    [OI_EVENT_REQUEST_FREE] = CALLED(evhttp_request_free, "evhttp_make_request", .action = FORGET_REQUEST),
};

void oi_libevent_init(void)
{
    wanted = oi_http_server_wanted() && oi_gate_counts() && !oi_library_libevent.disabled;
    oi_library_libevent.runs_others = true;
    for (size_t i = 0; i < OI_EVENT_STUBS; i++)
        oi_library_register(&called[i].library);
}

/* The copy whose function the program got from dlsym; NULL: it has called by name. */
static const struct oi_provider *asked(const void *caller)
{
    return __builtin_expect(oi_thread.entry != 0, false) ? oi_entry_taken(&oi_library_libevent, caller) : NULL;
}

/* A copy of libevent 2, not another library with a function of that name. */
static bool is_libevent(const struct oi_provider *provider)
{
    return provider->functions[1] && oi_provider_contains(provider, provider->functions[1]);
}

static void add_event(const struct called *function, uintptr_t *arguments)
{
    int fd = (int)arguments[function->fd];
    short events = (short)arguments[function->fd + 1];
    uintptr_t *given = &arguments[function->function];
    if (fd >= 0 && (events & READ) && !(events & SIGNAL))
        *given = stand_in_for(*given, 0, OI_STANDS_FOR_EVENTS);
}

/* `nested`: libevent has functions of its own for the requests of a server and of evrpc. */
static void act(const struct called *function, uintptr_t *arguments, bool nested)
{
    switch ((enum action)function->action) {
    case ADD_EVENT:
        add_event(function, arguments);
        break;
    case END_EVENT:
        oi_gate_event_end();
        break;
    case ADD_REQUEST:
        if (!nested)
            arguments[0] = stand_in_for(arguments[0], OI_STANDS_FOR_EVENTS, OI_STANDS - OI_STANDS_FOR_EVENTS);
        break;
    case MAKE_REQUEST:
        if (!nested)
            make_request((const void *)arguments[1]);
        break;
    case FORGET_REQUEST:
        forget_request((const void *)arguments[0]);
        break;
    }
}

struct oi_event_route oi_event_called(unsigned number, uintptr_t *arguments, const void *caller)
{
    int error = errno;
    struct called *function = &called[number];
    const struct oi_provider *copy = asked(caller);
    const struct oi_provider *provider = copy ? copy : oi_library_provider(&function->library, caller);
    struct oi_event_route route = {NULL, function->failure};
    if (provider)
        route.go_on = provider->functions[copy ? function->index : 0];
    if (wanted && provider && (copy || is_libevent(provider)))
        act(function, arguments, oi_provider_contains(provider, caller));
    errno = error;
    return route;
}

/* --- what the program asks for ------------------------------------------------------------------------------------ */

static const struct oi_provider *provider_of(const void *caller)
{
    int error = errno;
    const struct oi_provider *copy = asked(caller);
    const struct oi_provider *provider = copy ? copy : oi_library_provider(&oi_library_libevent, caller);
    errno = error;
    return provider;
}

OI_HOOK(event_callback_fn, event_get_callback, (const struct event *event))
{
    const struct oi_provider *provider = provider_of(OI_CALLER);
    if (!provider || !OI_REAL_OF(provider, event_get_callback))
        return NULL;
    return (event_callback_fn)own_of((uintptr_t)OI_REAL_OF(provider, event_get_callback)(event));
}

OI_HOOK(void, event_get_assignment,
        (const struct event *event, struct event_base **base, evutil_socket_t *fd, short *events,
         event_callback_fn *function, void **value))
{
    const struct oi_provider *provider = provider_of(OI_CALLER);
    if (!provider || !OI_REAL_OF(provider, event_get_assignment))
        return;
    OI_REAL_OF(provider, event_get_assignment)(event, base, fd, events, function, value);
    if (function)
        *function = (event_callback_fn)own_of((uintptr_t)*function);
}
