/* Diagnostics: one line on stderr, prefixed `otel-instrument: `, rate-limited, only while descriptor 2 is still the
 * stream known at start. errno is preserved. Never blocks, never raises SIGPIPE or SIGXFSZ, never writes to
 * stdout.
 */
#ifndef OI_AGENT_LOG_H
#define OI_AGENT_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* OTEL_LOG_LEVEL. A message is printed if its level is at most the configured one. */
enum oi_log_level { OI_LOG_NONE, OI_LOG_ERROR, OI_LOG_WARN, OI_LOG_INFO, OI_LOG_DEBUG };

/* Remembers which stream descriptor 2 is. From the constructor. */
void oi_log_init(enum oi_log_level level);

/* printf-like, without the prefix and the newline. Lines over 1 KiB are cut. At most 20 lines in 10 seconds; how many
 * were held back is said with the next one. Not async-signal-safe: not from a hook's hot path. */
void oi_log(enum oi_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same without limit: for what is said once by construction (settings, the summary). */
void oi_log_always(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From a thread that is about to give itself a table of descriptors of its own: whether 2 must stay in it, because it
 * cannot be had again. So it is where stderr is a socket, as a service's to the journal, under a system call filter. */
bool oi_log_keep_stderr(void);

/* Writes raw text to the program's stderr in one write where possible. */
void oi_log_write(const char *at, size_t len);

#endif
