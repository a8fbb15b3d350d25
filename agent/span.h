/* Spans: the live half that a hook keeps on its stack or in a handle's state, and the record that is exported.
 *
 * A hook does
 *
 *     struct oi_span span;
 *     oi_span_start(&span);                                  ids, parent, sampling decision, start time
 *     result = real(...);                                    nothing of ours is held across this
 *     struct oi_record *record = oi_span_end(&span, &scope, OI_KIND_CLIENT);   end time; NULL: not recorded
 *     oi_record_name(record, OI_TEXT("GET"));
 *     oi_record_str(record, "db.system", OI_TEXT("redis"));
 *     oi_record_submit(record);
 *
 * No memory is taken before the operation is over, so a call that is left by cancellation, longjmp or an exception
 * leaks nothing. Every function accepts a NULL record and does nothing. None allocates, locks or blocks; all are
 * async-signal-safe. They must be called with the guard held (agent/thread.h).
 *
 * Specification: trace/sdk.md (sampling, limits), common/README.md#attribute-limits.
 */
#ifndef OI_AGENT_SPAN_H
#define OI_AGENT_SPAN_H

#include "agent/clock.h"
#include "agent/context.h"

enum oi_kind { OI_KIND_INTERNAL = 1, OI_KIND_SERVER, OI_KIND_CLIENT, OI_KIND_PRODUCER, OI_KIND_CONSUMER };
enum oi_status { OI_STATUS_UNSET, OI_STATUS_OK, OI_STATUS_ERROR };

/* Which conventions a scope's spans follow: decides its schema URL and the opt-in that applies. */
enum oi_signal_area { OI_AREA_OTHER, OI_AREA_HTTP, OI_AREA_DATABASE };

/* An instrumentation scope. Static; its address is its identity. */
struct oi_scope {
    const char *name; /* "otel-instrument.libcurl" */
    enum oi_signal_area area;
};

/* A live span. Plain data: may be copied and abandoned. */
struct oi_span {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8];
    uint8_t flags; /* W3C trace flags of this span */
    bool has_parent;
    bool parent_remote;
    bool debug; /* the caller wants this trace kept in any case; said on */
    uint64_t start_unix_ns;
    uint64_t start_mono_ns;
    uint32_t parent_generation;
    uint16_t stack; /* who called (agent/stack.h); 0: not known */
    const struct oi_active
        *parent; /* whose texts the next two are; NULL: the caller's of oi_span_start_under, or none */
    struct oi_text tracestate;
    struct oi_text baggage;
};

/* Starts a span under the thread's current context, or under `parent` (NULL: a root). Never fails. */
void oi_span_start(struct oi_span *span);
/* (the context's texts must then stay valid as long as the span is used) */
void oi_span_start_under(struct oi_span *span, const struct oi_context *parent);
/* (NULL: now) */
void oi_span_start_then(struct oi_span *span, const struct oi_context *parent, const struct oi_time *at);

/* Starts a span under an active one, as it was seen in that generation; NULL, or ended since: under what is left where
 * a thread has no current span. */
void oi_span_start_in(struct oi_span *span, const struct oi_active *active, uint32_t generation);

/* What a child or an outgoing request of this span is given: its ids and flags, the parent's tracestate and the
 * current baggage. An unsampled span propagates too. */
void oi_span_context(const struct oi_span *span, struct oi_context *out);

/* An attribute's or resource attribute's value. */
enum oi_value_type { OI_VALUE_STRING, OI_VALUE_INT, OI_VALUE_DOUBLE, OI_VALUE_BOOL, OI_VALUE_STRINGS };

struct oi_attribute {
    const char *key; /* NUL-terminated, static or in the same arena */
    union {
        const char *string; /* NUL-terminated for convenience; `length` counts, and may include NULs. STRINGS: packed */
        int64_t integer;
        double real;
        bool boolean;
    };
    uint32_t length; /* of the string, or of the packed strings, in bytes */
    uint16_t key_length;
    uint8_t type; /* enum oi_value_type */
};

/* Several texts as one value: each is followed by its length in four bytes, so that they are taken from the end, as the
 * encoder writes. One piece of text, without an address in it. */
enum { OI_STRINGS_EACH = sizeof(uint32_t) };

/* Takes the last text of `packed`. False: there is none. */
static inline bool oi_strings_take_last(struct oi_text *packed, struct oi_text *last)
{
    uint32_t length;
    if (packed->len < sizeof length)
        return false;
    packed->len -= sizeof length;
    memcpy(&length, packed->at + packed->len, sizeof length);
    packed->len -= length;
    *last = (struct oi_text){packed->at + packed->len, length};
    return true;
}

/* A finished span on its way to the exporter. One writer at a time: the hook, then the worker. */
struct oi_chunk;

struct oi_record {
    uint32_t pool_link; /* the pool's; first, so that a free record is a free slot */
    uint32_t dropped_attributes;
    uint32_t epoch; /* the process image it was made in: a forked child does not deliver its parent's spans again */
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8];
    uint8_t flags;
    uint8_t kind;   /* enum oi_kind */
    uint8_t status; /* enum oi_status */
    bool has_parent;
    bool parent_remote;
    uint16_t attribute_count;
    uint16_t attribute_inline; /* how many of them stand in `attributes` (the rest in `more`) */
    uint16_t stack;            /* who called (agent/stack.h); 0: not known */
    uint64_t keys_seen;        /* a bit a hash of the keys set, so that most new keys need no look */
    uint64_t start_unix_ns;
    uint64_t end_unix_ns;
    const struct oi_scope *scope;
    struct oi_text name;
    struct oi_text status_message;
    struct oi_text tracestate;
    struct oi_attribute *more;               /* attributes that did not fit inline */
    char *text_top;                          /* texts are placed downwards from here */
    void (*write)(struct oi_record *record); /* what is still to be done about it (oi_record_put_off); NULL: nothing */
    struct oi_chunk *chunks;                 /* larger pieces of memory this record holds */
    struct oi_attribute attributes[];
};

/* The i-th attribute, 0 <= i < attribute_count. */
static inline const struct oi_attribute *oi_record_attribute(const struct oi_record *record, size_t i)
{
    return i < record->attribute_inline ? &record->attributes[i] : &record->more[i - record->attribute_inline];
}

/* Ends a span: takes a record and the end time. NULL where the span is not recorded: not sampled, agent not active, or
 * memory exhausted (counted as dropped). */
struct oi_record *oi_span_end(const struct oi_span *span, const struct oi_scope *scope, enum oi_kind kind);

/* Sets the name; the text is copied (bounded), as in all setters. */
void oi_record_name(struct oi_record *record, struct oi_text name);

/* Status. A message only counts with OI_STATUS_ERROR; absent: none. */
void oi_record_status(struct oi_record *record, enum oi_status status, struct oi_text message);

/* Attributes. `key` must be a string literal (of the functions, also a text in the record). An absent text sets
 * nothing. A key set twice keeps the last value. A new attribute past the count limit is dropped and counted; a long
 * text is cut at a UTF-8 boundary. */
#define oi_record_str(record, key, text) oi_record_add_str((record), OI_KEY(key), (text))
#define oi_record_int(record, key, value) oi_record_add_int((record), OI_KEY(key), (value))
#define oi_record_double(record, key, value) oi_record_add_double((record), OI_KEY(key), (value))
#define oi_record_bool(record, key, value) oi_record_add_bool((record), OI_KEY(key), (value))

/* One of 64 bits, so that a key that is new mostly needs no look at those already there: of the key's length and of the
 * eight bytes before its last one, where keys differ most. The factor was searched for: no two keys of one kind of span
 * share a bit. Of a literal it is a constant. */
static inline uint64_t oi_key_bit(const char *key, size_t length)
{
    uint64_t tail;
    uint32_t last;
    if (length > sizeof tail)
        memcpy(&tail, key + (length - 1 - sizeof tail), sizeof tail);
    else if (length >= sizeof last)
        memcpy(&last, key + (length - sizeof last), sizeof last), tail = last;
    else
        tail = length > 0 ? (unsigned char)key[0] : 0;
    return UINT64_C(1) << ((tail + length) * UINT64_C(0x3ebcc0d5aabbb129) >> 58);
}

#define OI_KEY(key) "" key, sizeof(key) - 1, oi_key_bit("" key, sizeof(key) - 1)
void oi_record_add_str(struct oi_record *record, const char *key, size_t key_length, uint64_t bit,
                       struct oi_text value);
void oi_record_add_int(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, int64_t value);
void oi_record_add_double(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, double value);
void oi_record_add_bool(struct oi_record *record, const char *key, size_t key_length, uint64_t bit, bool value);

/* With a key that is no literal. */
static inline void oi_record_put_str(struct oi_record *record, const char *key, size_t key_length, struct oi_text value)
{
    oi_record_add_str(record, key, key_length, oi_key_bit(key, key_length), value);
}

/* Writing a text in place instead of copying it: `begin` gives a buffer of `wanted` bytes inside the record, or as many
 * as there are (0 for a NULL record); `end` keeps what was written and returns it. One at a time, nothing else in
 * between. The text may then be used in the `_owned` setters without a copy. */
struct oi_buffer oi_record_text_begin(struct oi_record *record, size_t wanted);
struct oi_text oi_record_text_end(struct oi_record *record, struct oi_buffer *buffer);
void oi_record_name_owned(struct oi_record *record, struct oi_text name);
void oi_record_error_owned(struct oi_record *record, struct oi_text message); /* OI_STATUS_ERROR with it */
void oi_record_add_str_owned(struct oi_record *record, const char *key, size_t key_length, uint64_t bit,
                             struct oi_text value);
#define oi_record_str_owned(record, key, text) oi_record_add_str_owned((record), OI_KEY(key), (text))

/* An array of texts: `begin` with room for the texts and OI_STRINGS_EACH bytes for each of them, `add` every one,
 * `end`, put. What does not fit is cut, or left out where not even its length fits. */
void oi_record_strings_add(struct oi_buffer *buffer, struct oi_text value);
void oi_record_put_strings_owned(struct oi_record *record, const char *key, size_t key_length, struct oi_text packed);

/* Puts off what a record says: the worker calls `write` before it exports it, which sets name, attributes and status.
 * Returns where the caller leaves what `write` needs to know, `size` bytes (at most OI_FACTS_MAX), aligned as
 * attributes are. Of a new record, before anything else; texts may then be written in place, and used in the `_owned`
 * setters.
 *
 * A thread that serves comes back to this code after it has been in the kernel and elsewhere, and finds little of it in
 * the caches; the worker does the same for one record after the other. */
enum { OI_FACTS_MAX = 256 };
void *oi_record_put_off(struct oi_record *record, void (*write)(struct oi_record *record), size_t size);

/* In `write`, first of all: takes them out, for they stand where attributes will. */
void oi_record_facts(struct oi_record *record, void *facts, size_t size);

/* Maps the memory for `records` records; once, from the constructor. `count_limit` attributes a span, `length_limit`
 * characters a text value (UINT32_MAX: no limit). False: no memory. */
bool oi_records_init(uint32_t records, uint32_t count_limit, uint32_t length_limit);

/* The process image that records made from now on belong to. */
void oi_records_epoch(uint32_t epoch);

/* The process image this is: what is kept across calls was begun in one, and is no other's to report. */
uint32_t oi_span_image(void);

/* Hands the record to the queue. Full: the span is dropped and counted. The record is not the caller's any more. */
void oi_record_submit(struct oi_record *record);

/* Gives a record back unexported (the worker, or a hook that changed its mind). */
void oi_record_free(struct oi_record *record);

#endif
