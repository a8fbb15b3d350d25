/* What the console exporter says of one span, and how it writes text, times and widths. Pure.
 */
#ifndef OI_EXPORTER_CONSOLE_TEXT_H
#define OI_EXPORTER_CONSOLE_TEXT_H

#include "agent/span.h"

/* Text that grows. `failed`: no memory, the text is not complete. */
struct oi_console_out {
    char *at;
    size_t len;
    size_t size;
    bool failed;
};

void oi_console_put(struct oi_console_out *out, const char *at, size_t len);
void oi_console_pad(struct oi_console_out *out, size_t spaces);
void oi_console_format(struct oi_console_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends text for a terminal: one line, control characters and invalid UTF-8 replaced, runs of blanks made one, cut to
 * `max_chars` with an ellipsis. */
void oi_console_clean(struct oi_console_out *out, struct oi_text text, size_t max_chars);

/* Appends a time in the unit that suits it, right-aligned: `     412 µs`, `    12.3 ms`, `    1.50 s`. */
void oi_console_time(struct oi_console_out *out, uint64_t ns);

/* Appends the telling attributes of a span, old names or new: its error, statement, URL, peer, result. */
void oi_console_details(struct oi_console_out *out, const struct oi_record *record);

/* Characters (code points) of UTF-8 text. */
size_t oi_console_width(const char *at, size_t len);

#endif
