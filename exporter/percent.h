/* Percent-decoding, as header values (W3C baggage) and grpc-message need it. Pure.
 */
#ifndef OI_EXPORTER_PERCENT_H
#define OI_EXPORTER_PERCENT_H

#include <stddef.h>

/* Decodes `from` to at most size - 1 bytes and a NUL; `to` may be `from`. What is not %XX stays as it is. */
void oi_percent_decode(char *to, size_t size, const char *from);

#endif
