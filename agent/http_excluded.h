/* Requests that make no span: OTEL_NATIVE_EXCLUDED_URLS and, for a command line that served the Python agent,
 * OTEL_PYTHON_EXCLUDED_URLS.
 *
 * Comma lists of regular expressions (agent/pattern.h), each of which may match any part of the URL
 * (`http://host:port/path?query`), upper and lower case apart. What is said below such a request is no span either: the
 * caller lets an unsampled context be current.
 */
#ifndef OI_AGENT_HTTP_EXCLUDED_H
#define OI_AGENT_HTTP_EXCLUDED_H

#include "agent/text.h"

/* Compiles the lists (NULL: none). Once, from the constructor: takes 2 KiB of stack. Expressions that cannot be used
 * are left out. */
void oi_http_excluded_init(const char *own, const char *python);

/* Whether there is any expression: only then a URL is worth putting together. One load. */
bool oi_http_excluded_any(void);

/* Whether the URL matches one. Async-signal-safe, no lock, no allocation; 0.4 KiB of stack; the time is bounded by the
 * product of the lengths. */
bool oi_http_excluded(struct oi_text url);

#endif
