/* Text of unknown origin as valid UTF-8: each bad sequence becomes one U+FFFD.
 *
 * Protobuf's string type admits only valid UTF-8; receivers throw away the whole request otherwise. One bad sequence is
 * a byte that starts no character, with the continuation bytes that follow it (at most two). NUL is a character like
 * any other. Pure; never reads past `len`.
 */
#ifndef OI_EXPORTER_UTF8_H
#define OI_EXPORTER_UTF8_H

#include <stddef.h>

/* Bytes needed by the text with its bad sequences replaced: `len` if there are none. */
size_t oi_utf8_clean_len(const char *at, size_t len);

/* Writes oi_utf8_clean_len bytes to `to`. */
void oi_utf8_clean(char *to, const char *at, size_t len);

#endif
