// build: -pthread
/* Gives libevent hundreds of functions, asks for each of them back, and has each called once.
 *
 *   -DLOADED   opens libevent itself, and takes its functions by dlsym
 *   -DNONE     says whether there is such a function at all
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>

#ifdef NONE
int main(void)
{
    puts(dlsym(RTLD_DEFAULT, "event_new") ? "event_new" : "no event_new");
    return 0;
}
#else

#ifdef LOADED
#define NAMES(X)                                                                                                       \
    X(event_active)                                                                                                    \
    X(event_add)                                                                                                       \
    X(event_assign)                                                                                                    \
    X(event_base_free)                                                                                                 \
    X(event_base_loop)                                                                                                 \
    X(event_base_new)                                                                                                  \
    X(event_del)                                                                                                       \
    X(event_free)                                                                                                      \
    X(event_get_assignment)                                                                                            \
    X(event_get_callback)                                                                                              \
    X(event_get_callback_arg)                                                                                          \
    X(event_new)                                                                                                       \
    X(event_self_cbarg)                                                                                                \
    X(evhttp_cancel_request)                                                                                           \
    X(evhttp_connection_base_new)                                                                                      \
    X(evhttp_connection_free)                                                                                          \
    X(evhttp_request_free)                                                                                             \
    X(evhttp_request_new)                                                                                              \
    X(evhttp_make_request)
static struct {
#define DECLARE(name) __typeof__(&name) name##_;
    NAMES(DECLARE)
} of_library;
#define event_active of_library.event_active_
#define event_add of_library.event_add_
#define event_assign of_library.event_assign_
#define event_base_free of_library.event_base_free_
#define event_base_loop of_library.event_base_loop_
#define event_base_new of_library.event_base_new_
#define event_del of_library.event_del_
#define event_free of_library.event_free_
#define event_get_assignment of_library.event_get_assignment_
#define event_get_callback of_library.event_get_callback_
#define event_get_callback_arg of_library.event_get_callback_arg_
#define event_new of_library.event_new_
#define event_self_cbarg of_library.event_self_cbarg_
#define evhttp_cancel_request of_library.evhttp_cancel_request_
#define evhttp_connection_base_new of_library.evhttp_connection_base_new_
#define evhttp_connection_free of_library.evhttp_connection_free_
#define evhttp_request_free of_library.evhttp_request_free_
#define evhttp_request_new of_library.evhttp_request_new_
#define evhttp_make_request of_library.evhttp_make_request_
#endif

static int called[300], ends, wrong;

static void note(int number, const void *user)
{
    called[number]++;
    wrong += user != &called[number];
}

/* 300 functions: f0 … f299. */
#define ONE(n)                                                                                                         \
    static void f##n(evutil_socket_t fd, short what, void *user)                                                       \
    {                                                                                                                  \
        (void)fd, (void)what;                                                                                          \
        note((1##n) - 1000, user);                                                                                     \
    }
#define TEN(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define HUNDRED(X, n)                                                                                                  \
    TEN(X, n##0)                                                                                                       \
    TEN(X, n##1) TEN(X, n##2) TEN(X, n##3) TEN(X, n##4) TEN(X, n##5) TEN(X, n##6) TEN(X, n##7) TEN(X, n##8) TEN(X, n##9)
HUNDRED(ONE, 0)
HUNDRED(ONE, 1)
HUNDRED(ONE, 2)
#define NAME(n) f##n,
static const event_callback_fn functions[300] = {HUNDRED(NAME, 0) HUNDRED(NAME, 1) HUNDRED(NAME, 2)};

static void on_self(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    wrong += event_get_callback(user) != on_self;
}

/* Each event is copied before it is added, as programs do that keep it in a structure of theirs. */
static void check(struct event_base *base, int fd, int number)
{
    static struct event kept[300];
    struct event event;
    struct event_base *of = NULL;
    evutil_socket_t its = -1;
    short events = 0;
    event_callback_fn function = NULL;
    void *user = NULL;
    memset(&event, 0, sizeof event);
    event_assign(&event, base, fd, EV_READ, functions[number], &called[number]);
    kept[number] = event;
    event_get_assignment(&kept[number], &of, &its, &events, &function, &user);
    wrong += event_get_callback(&kept[number]) != functions[number] || function != functions[number] || of != base ||
             its != fd || events != EV_READ || user != &called[number] ||
             event_get_callback_arg(&kept[number]) != &called[number];
    event_get_assignment(&kept[number], NULL, NULL, NULL, NULL, NULL);
    event_add(&kept[number], NULL);
    event_active(&kept[number], EV_READ, 1);
}

static void on_end(struct evhttp_request *request, void *user)
{
    (void)request, (void)user;
    ends++;
}

static void cancel(struct event_base *base)
{
    struct evhttp_connection *connection = evhttp_connection_base_new(base, NULL, "127.0.0.1", 9);
    struct evhttp_request *request = evhttp_request_new(on_end, NULL);
    if (evhttp_make_request(connection, request, EVHTTP_REQ_GET, "/") == 0)
        evhttp_cancel_request(request);
    evhttp_request_free(evhttp_request_new(on_end, NULL));
    evhttp_connection_free(connection);
    printf("%d\n", ends);
}

int main(void)
{
    int pair[2];
#ifdef LOADED
    void *library = dlopen("libevent-2.1.so.7", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return 1;
#define LOAD(name) *(void **)&of_library.name##_ = dlsym(library, #name);
    NAMES(LOAD)
#endif
    struct event_base *base = event_base_new();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 1;
    for (int i = 0; i < 300; i++)
        check(base, pair[0], i);
    struct event *self = event_new(base, pair[0], EV_READ, on_self, event_self_cbarg());
    event_active(self, EV_READ, 1);
    printf("%d\n", event_base_loop(base, EVLOOP_NONBLOCK));
    for (int i = 0; i < 300; i++)
        wrong += called[i] != 1;
    event_free(self);
    cancel(base);
    puts(wrong ? "not its own" : "all its own");
    return 0;
}
#endif
