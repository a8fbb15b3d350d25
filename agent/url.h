/* The parts of a URL that a span speaks of, as pointers into it. Pure; async-signal-safe; bounded by the URL's length.
 *
 * RFC 3986 §3, with the liberties that HTTP clients take: one to three slashes after the scheme, no scheme at all.
 */
#ifndef OI_AGENT_URL_H
#define OI_AGENT_URL_H

#include <stdint.h>

#include "agent/text.h"

struct oi_url {
    struct oi_text scheme; /* absent: the text does not start with `scheme:/` */
    struct oi_text host;   /* without the brackets of an IPv6 address; may be empty */
    uint16_t port;         /* 0: none given, or none that is a port */
    struct oi_text path;   /* from the first slash on, without query and fragment; may be empty */
};

struct oi_url oi_url_split(struct oi_text url);

/* True if the texts differ in nothing but the case of ASCII letters. (strncasecmp asks the locale.) */
bool oi_text_equal_nocase(struct oi_text a, struct oi_text b);

#endif
