/* UTF-8: where a text may be cut, and how much of it is valid. RFC 3629 (no surrogates, no overlong forms, up to
 * U+10FFFF).
 *
 * Pure, async-signal-safe, never reads past the given length; eight bytes at a time through ASCII.
 */
#ifndef OI_AGENT_UTF8_H
#define OI_AGENT_UTF8_H

#include <stddef.h>

/* Length in bytes of the longest valid prefix of at[0..len). A sequence that the end cuts short is not part of it. */
size_t oi_utf8_valid_prefix(const char *at, size_t len);

/* Length in bytes to keep so that at most `max_bytes` bytes remain and no sequence is cut. Bytes that are not UTF-8
 * count as characters of their own; at most three bytes less than allowed are kept. Constant time. */
size_t oi_utf8_cut_bytes(const char *at, size_t len, size_t max_bytes);

/* Length in bytes to keep so that at most `max_chars` code points remain. Bytes that are not UTF-8 count as one each.
 */
size_t oi_utf8_cut_chars(const char *at, size_t len, size_t max_chars);

/* Length in bytes of the sequence at[0], 1 to 4; 0 where it is not valid (or cut short by the end). len >= 1. */
size_t oi_utf8_sequence(const char *at, size_t len);

#endif
