/* libevent 2: which event a thread is in.
 *
 * What an event loop does between events leaves no trace in system calls, and so what it has read says nothing about
 * what it does next, once several requests are under way (agent/gate.h). libevent tells: it calls a function for a
 * descriptor, and is given one of ours in its place. What such a function reads on its own descriptor is what it works
 * for until it returns.
 *
 * A struct event may be the program's: on its stack, copied, assigned anew, thrown away without a word. So nothing is
 * kept for an event. A function of the program's has one of ours, whatever events it is given for, and the value that
 * it is called with stays the program's own. Functions are compared by their address alone, and never forgotten: where
 * another one has taken the place of one that was unloaded, it is called. Those for which there is no room are left as
 * they are.
 *
 * Likewise a request of evhttp's as a client: the function that is called with its answer works for what
 * evhttp_make_request was called for.
 *
 * libevent's own functions (bufferevent, evhttp) are among them where it calls event_assign as anybody would; it does
 * unless it was linked with -Bsymbolic.
 */
#ifndef OI_HOOKS_LIBEVENT_H
#define OI_HOOKS_LIBEVENT_H

#include <stdint.h>

/* libevent's own types, without its headers: nothing else is taken from them. */
struct event;
struct event_base;
struct evhttp_request;
typedef int evutil_socket_t;
typedef void (*event_callback_fn)(evutil_socket_t fd, short what, void *value);

event_callback_fn event_get_callback(const struct event *event);
void event_get_assignment(const struct event *event, struct event_base **base, evutil_socket_t *fd, short *events,
                          event_callback_fn *function, void **value);

/* From the constructor, after oi_http_server_init. */
void oi_libevent_init(void);

/* For hooks/libevent_stubs.S: where to go on, with changed arguments; nowhere: what to return. */
struct oi_event_route {
    void *go_on;
    intptr_t result;
};
struct oi_event_route oi_event_called(unsigned number, uintptr_t *arguments, const void *caller)
    __attribute__((visibility("hidden")));

/* What our function of that number does: call the program's. */
void oi_event_run(evutil_socket_t fd, short what, void *value, unsigned number) __attribute__((visibility("hidden")));
void oi_request_run(struct evhttp_request *request, void *value, uintptr_t none, unsigned number)
    __attribute__((visibility("hidden")));

#endif
