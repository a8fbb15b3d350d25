/* Compression of requests and, over gRPC, of answers (RFC 1952). */
#ifndef OI_EXPORTER_GZIP_H
#define OI_EXPORTER_GZIP_H

#include "exporter/writer.h"

/* Compresses `len` bytes to the end of `out`, which is emptied first. False: no memory. */
bool oi_gzip(struct oi_writer *out, const uint8_t *at, size_t len);

/* Expands into `out`, which is emptied first, to at most `limit` bytes. False: not gzip, cut short, too long, or no
 * memory. */
bool oi_gunzip(struct oi_writer *out, const uint8_t *at, size_t len, size_t limit);

#endif
