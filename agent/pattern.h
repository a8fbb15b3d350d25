/* Regular expressions of the settings (headers to capture, URLs to leave out), in the syntax of Python's `re`, whose
 * users wrote them, and that of POSIX: . [] [[:digit:]] \d \w \s \b ^ $ * + ? {n} | () (?:). Not: look-around, back
 * references, {n,m} (the comma separates items), anything beyond ASCII.
 *
 * libc's regexec allocates, takes a lock and reads the program's locale; none of that may happen in a hook. Here an
 * expression becomes a few bytes of steps once, at the start, and matching follows all of its ways at the same time:
 * the time is bounded by the product of the lengths, whatever the expression. Matching is async-signal-safe and takes
 * 0.4 KiB of stack; compiling takes 2 KiB and is for the start only.
 */
#ifndef OI_AGENT_PATTERN_H
#define OI_AGENT_PATTERN_H

#include "agent/text.h"

struct oi_pattern;

/* The expressions of one setting. Zeroed: none. */
struct oi_patterns {
    const struct oi_pattern *first;
    size_t count;
};

/* Whether an expression can be compiled: it is understood, and not too long (255 steps, about as many characters). */
bool oi_pattern_valid(struct oi_text expression);

/* Compiles the items of a comma list (NULL: none) into `room`, whose address is a multiple of 4 and which must outlive
 * them. Items that are not valid, or for which there is no room, are left out. `fold`: upper and lower case alike. */
void oi_patterns_compile(struct oi_patterns *out, const char *list, bool fold, struct oi_buffer *room);

/* Whether one of the expressions matches the whole text, or some part of it. */
bool oi_patterns_match(const struct oi_patterns *patterns, struct oi_text text);
bool oi_patterns_search(const struct oi_patterns *patterns, struct oi_text text);

#endif
