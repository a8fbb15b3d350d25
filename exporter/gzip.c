#include "exporter/gzip.h"

#include <zlib.h>

enum {
    GZIP_WINDOW = 15 + 16, /* the largest window, gzip's header and trailer */
    MEMORY_LEVEL = 8,
    LEVEL = 1, /* attributes repeat: higher levels cost twice the time for a tenth less */
    SPARE = 64,
};

/* zlib writes forwards; the writer is filled from its end. So the result is moved there. */
static void place(struct oi_writer *out, size_t made)
{
    out->at = out->start + out->capacity - made;
    memmove(out->at, out->start, made);
}

bool oi_gzip(struct oi_writer *out, const uint8_t *at, size_t len)
{
    z_stream stream = {0};
    oi_writer_reset(out, SIZE_MAX);
    if (len > UINT32_MAX ||
        deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&stream, len) + SPARE;
    bool done = bound <= UINT32_MAX && oi_writer_reserve(out, bound);
    if (done) {
        stream.next_in = (uint8_t *)(uintptr_t)at; /* zlib's interface lacks the const */
        stream.avail_in = (uInt)len;
        stream.next_out = out->start;
        stream.avail_out = (uInt)(bound - SPARE);
        done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    if (done)
        place(out, stream.total_out);
    deflateEnd(&stream);
    return done;
}

bool oi_gunzip(struct oi_writer *out, const uint8_t *at, size_t len, size_t limit)
{
    z_stream stream = {0};
    oi_writer_reset(out, SIZE_MAX);
    if (len > UINT32_MAX || inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return false;
    bool done = oi_writer_reserve(out, limit);
    if (done) {
        stream.next_in = (uint8_t *)(uintptr_t)at;
        stream.avail_in = (uInt)len;
        stream.next_out = out->start;
        stream.avail_out = (uInt)limit;
        done = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    if (done)
        place(out, stream.total_out);
    inflateEnd(&stream);
    return done;
}
