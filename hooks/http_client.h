/* The requests that the program itself sends over a connection it has opened: looked at for one thing only, whether it
 * exports traces. A program that does has an SDK of its own, and two tracers in one process would tell each call twice.
 *
 * All functions are called with the connection held and the guard taken; async-signal-safe.
 */
#ifndef OI_HOOKS_HTTP_CLIENT_H
#define OI_HOOKS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/wire/http1.h"

struct oi_http_client {
    struct oi_http1 requests;
    bool over; /* not HTTP/1 */
    bool is_post;
    bool is_otlp_path, is_type;
    uint8_t kept;  /* bytes in text */
    char text[32]; /* the end of the target, then the start of the Content-Type */
};

void oi_http_client_begin(struct oi_http_client *client);

/* Bytes were sent; `at` NULL: nobody saw them. True: they are an export of traces. */
bool oi_http_client_sent(struct oi_http_client *client, const char *at, size_t length);

#endif
