/* The header lists of a transfer: what the program's own says, and ours, which goes in front of it. */
#ifndef OI_HOOKS_LIBCURL_HEADERS_H
#define OI_HOOKS_LIBCURL_HEADERS_H

#include "agent/span.h"
#include "hooks/libcurl_handle.h"

/* What of the program's own list concerns us. The values point into the list, but for a comma: sent more than once. */
struct oi_curl_own_headers {
    struct oi_text context[OI_HEADERS]; /* absent: not in the list; empty: the program wants none sent */
    struct oi_text user_agent;
    struct oi_text content_type;
};

/* Takes a line of a list apart: `Name: value`; `Name:` keeps libcurl from sending it, `Name;` sends it empty. */
void oi_curl_split_line(const char *line, struct oi_text *name, struct oi_text *value);

void oi_curl_own_headers(const struct curl_slist *list, struct oi_curl_own_headers *out);

/* Starts the span of a transfer: in the trace that the program's own headers name if it sends such, in one of the
 * configured formats, else under the current context. */
void oi_curl_span_start(struct oi_curl_handle *handle, const struct oi_curl_own_headers *own, struct oi_span *span);

/* The list to perform with: our headers, the last of them linked to the program's list, no node of which is written to.
 * NULL: nothing to add. What the program sends itself is not sent again. */
struct curl_slist *oi_curl_list(struct oi_curl_handle *handle, const struct oi_curl_own_headers *own,
                                const struct oi_span *span);

#endif
