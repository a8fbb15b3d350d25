/* The requests that come in over an accepted connection, and what becomes of each: a SERVER span.
 *
 * A span begins with the first byte of its request that was read and ends with the last byte of the answer that was
 * handed to the kernel, or with the connection. While it lasts, its context is that of the thread that reads the
 * request (docs/context.md). Semantic conventions: http/http-spans.md#http-server.
 *
 * All functions are called with the connection held and the guard taken; async-signal-safe.
 */
#ifndef OI_HOOKS_HTTP_SERVER_H
#define OI_HOOKS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/wire/http1.h"

struct oi_connection;
struct oi_request;

struct oi_http_server {
    struct oi_http1 requests, answers;
    struct oi_request *first, *last; /* not answered completely, oldest first */
    struct oi_request *reading;      /* which of them the requests' side is in; NULL: none */
    struct oi_request *fresh;        /* the oldest one that the read under way has completed; NULL: none */
    uint32_t waiting;                /* how many there are */
    bool over;                       /* not HTTP/1, or no longer to be told */
    bool deaf;                       /* no further request can be told */
};

/* From the constructor: whether there is anything to do here at all. */
void oi_http_server_init(void);
bool oi_http_server_wanted(void);

/* Before the process is shut in: what a server will need is mapped. */
void oi_http_server_map(void);

void oi_http_server_begin(struct oi_http_server *server);

/* Bytes passed; `at` NULL: nobody saw them. */
void oi_http_server_received(struct oi_connection *connection, int fd, const char *at, size_t length);
void oi_http_server_sent(struct oi_connection *connection, int fd, const char *at, size_t length);

void oi_http_server_end_of_input(struct oi_connection *connection);
void oi_http_server_end_of_output(struct oi_connection *connection);
void oi_http_server_failed(struct oi_connection *connection, int error);

/* The last descriptor is closed. */
void oi_http_server_end(struct oi_connection *connection);

#endif
