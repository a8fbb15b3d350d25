/* libmicrohttpd: which request a thread works for.
 *
 * A thread that serves many connections reads from one, goes on with another, and begins with what came in two pieces
 * when it gets to it: what it has read says little (agent/gate.h). But it calls one function of the program's for all
 * requests, with the connection, which it can be asked for its descriptor; and it serves the requests of a connection
 * one after the other. So that function works for the oldest one there that is not answered.
 *
 * The library is given a function of ours in place of the program's: sixteen, which stand for one each. Those for which
 * there is none left are left as they are.
 */
#ifndef OI_HOOKS_LIBMICROHTTPD_H
#define OI_HOOKS_LIBMICROHTTPD_H

#include <stddef.h>
#include <stdint.h>

/* The library's own types, without its header: nothing else is taken from them. */
struct MHD_Connection;
union MHD_ConnectionInfo;
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection, int what, ...);

/* From the constructor, after oi_http_server_init. */
void oi_libmicrohttpd_init(void);

/* For hooks/libmicrohttpd_stubs.S: where to go on, with a changed argument; nowhere: what to return. */
struct oi_daemon_route {
    void *go_on;
    intptr_t result;
};
struct oi_daemon_route oi_daemon_called(unsigned number, uintptr_t *arguments, const void *caller)
    __attribute__((visibility("hidden")));

#endif
