/* OTEL_EXPORTER_OTLP_HEADERS: `key=value,key=value`, percent-encoded.
 *
 * Specification: protocol/exporter.md#specifying-headers-via-environment-variables, in the liberal form that exporters
 * use: blanks inside a value are taken as they are. Names become lower case; of two with the same name the last one
 * wins.
 */
#ifndef OI_EXPORTER_HEADERS_H
#define OI_EXPORTER_HEADERS_H

#include <stddef.h>

struct oi_header {
    const char *name;
    const char *value;
};

struct oi_headers {
    struct oi_header *at;
    size_t count;
    char *text; /* what names and values point into */
};

/* Parses `list` (NULL: empty). `reject` is told the number, from 1, of each member that cannot be used; never its text,
 * which may be a secret. Free with oi_headers_free. Without memory: no headers. */
void oi_headers_parse(struct oi_headers *out, const char *list, void (*reject)(void *user, size_t member), void *user);

void oi_headers_free(struct oi_headers *headers);

/* The value of a header, by its lower-case name; NULL: none. */
const char *oi_headers_get(const struct oi_headers *headers, const char *name);

#endif
