/* From an endpoint setting to the URL that requests are posted to.
 *
 * Specification: protocol/exporter.md#endpoint-urls-for-otlphttp and the endpoint row of its option table. Pure.
 */
#ifndef OI_EXPORTER_ENDPOINT_H
#define OI_EXPORTER_ENDPOINT_H

#include <stdbool.h>

enum { OI_ENDPOINT_MAX = 2048 };

enum oi_endpoint_form {
    OI_ENDPOINT_EXACT, /* a signal's own HTTP endpoint: used as it is */
    OI_ENDPOINT_BASE,  /* the general HTTP endpoint: v1/traces is appended to its path */
    OI_ENDPOINT_GRPC,  /* host and port count, the path is the method's */
};

struct oi_endpoint {
    char url[OI_ENDPOINT_MAX + 128];
    char display[OI_ENDPOINT_MAX + 128]; /* for messages: without what may be a secret */
    bool tls;
    bool loopback; /* this machine: no proxy stands between */
};

/* NULL: `out` is filled. Otherwise what is wrong with the text, as the end of a sentence. Without a scheme, HTTP is
 * plain, and gRPC is so if `insecure`. */
const char *oi_endpoint_parse(struct oi_endpoint *out, const char *text, enum oi_endpoint_form form, bool insecure);

#endif
