/* The console exporter: traces as trees, for a person at a terminal.
 *
 *   otel-instrument: trace 5b8aa5a2d2c872e8321cf37308d69df2, board, 3 spans, 20.1 ms
 *          0 µs    20.1 ms  board        exit 0
 *       1.20 ms    3.41 ms  ├─ SELECT    SELECT * FROM messages WHERE id = ?  mysql 127.0.0.1:3306/shop  2 rows
 *       5.90 ms    6.20 ms  └─ GET       http://127.0.0.1:8080/  200
 *
 * Columns: start relative to the trace's first span, duration, name, what is telling. A trace is printed in one write
 * when its local root (a span without a parent in this process) has arrived; what waits for one is bounded, and printed
 * as incomplete when the bound is reached or at a flush. Never coloured: whether the text ends in a terminal is not
 * known here, and escape sequences in a log file help nobody.
 */
#include <stdlib.h>

#include "exporter/console_text.h"
#include "exporter/sinks.h"

enum {
    HELD_MAX = 1024, /* spans that wait for their root; about 300 bytes each */
    RECENT = 32,     /* traces whose late spans are printed at once, because their root has been printed */
    NAME_CHARS = 60,
    SERVICE_CHARS = 100,
    INDENT_MAX = 24, /* levels; deeper ones are not indented further */
};

struct held {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_id[8];
    bool local_root;
    bool printed;
    uint64_t start, end;                   /* Unix ns */
    struct held *parent, *child, *sibling; /* while a tree is printed */
    size_t name_len;
    size_t len;
    char text[]; /* name, then details */
};

struct console {
    struct oi_exporter exporter; /* first: the same address */
    const struct oi_export_host *host;
    struct held *held[HELD_MAX]; /* in order of arrival */
    size_t count;
    struct held *tree[HELD_MAX]; /* the spans of the trace being printed, by start */
    size_t tree_count;
    uint8_t recent[RECENT][16];
    size_t recent_next;
    char service[4 * SERVICE_CHARS + 1];
};

static bool same_trace(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16) == 0;
}

/* --- the tree ----------------------------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const struct held *left = *(struct held *const *)a, *right = *(struct held *const *)b;
    return left->start < right->start ? -1 : left->start > right->start;
}

static struct held *find_parent(struct console *console, const struct held *span)
{
    if (span->local_root)
        return NULL;
    for (size_t i = 0; i < console->tree_count; i++) {
        struct held *other = console->tree[i];
        if (other != span && memcmp(other->span_id, span->parent_id, sizeof span->parent_id) == 0)
            return other;
    }
    return NULL;
}

/* Links the held spans of one trace to each other: children by start. */
static void link_trace(struct console *console, const uint8_t trace_id[16])
{
    console->tree_count = 0;
    for (size_t i = 0; i < console->count; i++)
        if (same_trace(console->held[i]->trace_id, trace_id))
            console->tree[console->tree_count++] = console->held[i];
    qsort(console->tree, console->tree_count, sizeof *console->tree, by_start);
    for (size_t i = 0; i < console->tree_count; i++)
        console->tree[i]->child = console->tree[i]->sibling = NULL;
    for (size_t i = console->tree_count; i-- > 0;) {
        struct held *span = console->tree[i];
        span->parent = find_parent(console, span);
        if (span->parent) {
            span->sibling = span->parent->child;
            span->parent->child = span;
        }
    }
}

/* The next span of the tree under `top`, parents before children; NULL: it was the last. */
static struct held *next_in_tree(struct held *span, const struct held *top)
{
    if (span->child)
        return span->child;
    while (span != top && !span->sibling)
        span = span->parent;
    return span == top ? NULL : span->sibling;
}

static size_t depth_of(const struct held *span, const struct held *top)
{
    size_t depth = 0;
    for (; span != top; span = span->parent)
        depth++;
    return depth;
}

/* --- its text ----------------------------------------------------------------------------------------------------- */

static void put_branches(struct oi_console_out *out, const struct held *span, size_t depth)
{
    const struct held *line[INDENT_MAX];
    size_t shown = depth < INDENT_MAX ? depth : INDENT_MAX;
    for (size_t i = shown; i-- > 0; span = span->parent)
        line[i] = span;
    for (size_t i = 0; i < shown; i++) {
        const char *branch = i + 1 < shown ? (line[i]->sibling ? "│  " : "   ") : (line[i]->sibling ? "├─ " : "└─ ");
        oi_console_put(out, branch, strlen(branch));
    }
}

static size_t name_width(const struct held *span, size_t depth)
{
    return 3 * (depth < INDENT_MAX ? depth : INDENT_MAX) + oi_console_width(span->text, span->name_len);
}

static void put_span(struct oi_console_out *out, const struct held *span, const struct held *top, uint64_t origin,
                     size_t widest)
{
    size_t depth = depth_of(span, top);
    oi_console_time(out, span->start > origin ? span->start - origin : 0);
    oi_console_pad(out, 2);
    oi_console_time(out, span->end > span->start ? span->end - span->start : 0);
    oi_console_pad(out, 2);
    put_branches(out, span, depth);
    oi_console_put(out, span->text, span->name_len);
    if (span->len > span->name_len) {
        oi_console_pad(out, widest - name_width(span, depth) + 2);
        oi_console_put(out, span->text + span->name_len, span->len - span->name_len);
    }
    oi_console_put(out, "\n", 1);
}

struct extent {
    size_t spans, widest;
    uint64_t start, end;
};

static void measure(struct extent *extent, struct held *top)
{
    for (struct held *span = top; span; span = next_in_tree(span, top)) {
        size_t width = name_width(span, depth_of(span, top));
        extent->widest = width > extent->widest ? width : extent->widest;
        extent->start = span->start < extent->start ? span->start : extent->start;
        extent->end = span->end > extent->end ? span->end : extent->end;
        extent->spans++;
    }
}

static void put_heading(struct console *console, struct oi_console_out *out, const uint8_t trace_id[16],
                        const struct extent *extent, const char *remark)
{
    char id[33];
    for (size_t i = 0; i < 16; i++) {
        id[2 * i] = "0123456789abcdef"[trace_id[i] >> 4];
        id[2 * i + 1] = "0123456789abcdef"[trace_id[i] & 15];
    }
    id[32] = '\0';
    oi_console_format(out, "otel-instrument: trace %s, %s%s%zu span%s,", id, console->service,
                      console->service[0] ? ", " : "", extent->spans, extent->spans == 1 ? "" : "s");
    struct oi_console_out time = {0};
    oi_console_time(&time, extent->end > extent->start ? extent->end - extent->start : 0);
    size_t blank = 0;
    while (blank + 1 < time.len && time.at[blank + 1] == ' ')
        blank++;
    if (time.len > 0 && time.at[0] != ' ')
        oi_console_pad(out, 1);
    oi_console_put(out, time.at + blank, time.len - blank);
    free(time.at);
    oi_console_format(out, "%s\n", remark);
}

/* Prints the trees under `tops` in one write and marks their spans. */
static void print(struct console *console, struct held *const *tops, size_t count, const char *remark)
{
    struct oi_console_out out = {0};
    struct extent extent = {.start = UINT64_MAX};
    for (size_t i = 0; i < count; i++)
        measure(&extent, tops[i]);
    put_heading(console, &out, tops[0]->trace_id, &extent, remark);
    for (size_t i = 0; i < count; i++)
        for (struct held *span = tops[i]; span; span = next_in_tree(span, tops[i])) {
            put_span(&out, span, tops[i], extent.start, extent.widest);
            span->printed = true;
        }
    console->host->unsafe_end();
    if (!out.failed)
        console->host->write_stderr(out.at, out.len);
    console->host->unsafe_begin();
    free(out.at);
}

/* --- what is held ------------------------------------------------------------------------------------------------- */

static void forget_printed(struct console *console)
{
    size_t kept = 0;
    for (size_t i = 0; i < console->count; i++) {
        if (console->held[i]->printed)
            free(console->held[i]);
        else
            console->held[kept++] = console->held[i];
    }
    console->count = kept;
}

/* Everything held of a trace, whose root is not there: the spans whose parents are not held are its tops. */
static void print_rest(struct console *console, const uint8_t trace_id[16], const char *remark)
{
    link_trace(console, trace_id);
    size_t tops = 0;
    for (size_t i = 0; i < console->tree_count; i++)
        if (!console->tree[i]->parent)
            console->tree[tops++] = console->tree[i];
    if (tops > 0)
        print(console, console->tree, tops, remark);
    for (size_t i = 0; i < console->count; i++) /* a circle of parents has no top */
        if (same_trace(console->held[i]->trace_id, trace_id))
            console->held[i]->printed = true;
    forget_printed(console);
}

static bool recently_printed(const struct console *console, const uint8_t trace_id[16])
{
    for (size_t i = 0; i < RECENT; i++)
        if (same_trace(console->recent[i], trace_id))
            return true;
    return false;
}

static void print_complete(struct console *console)
{
    for (size_t i = 0; i < console->count; i++) {
        struct held *span = console->held[i];
        if (!span->local_root || span->printed)
            continue;
        link_trace(console, span->trace_id);
        print(console, &span, 1, "");
        memcpy(console->recent[console->recent_next++ % RECENT], span->trace_id, sizeof span->trace_id);
    }
    forget_printed(console);
    for (size_t i = 0; i < console->count; i++)
        if (recently_printed(console, console->held[i]->trace_id)) {
            uint8_t trace_id[16];
            memcpy(trace_id, console->held[i]->trace_id, sizeof trace_id);
            print_rest(console, trace_id, " (after its root)");
            i = (size_t)-1; /* the array has changed: from the start */
        }
}

static void hold(struct console *console, const struct oi_record *record)
{
    struct oi_console_out text = {0};
    oi_console_clean(&text, record->name, NAME_CHARS);
    size_t name_len = text.len;
    oi_console_details(&text, record);
    struct held *span = text.failed ? NULL : malloc(sizeof *span + text.len);
    if (span) {
        *span = (struct held){
            .local_root = !record->has_parent || record->parent_remote,
            .start = record->start_unix_ns,
            .end = record->end_unix_ns,
            .name_len = name_len,
            .len = text.len,
        };
        memcpy(span->trace_id, record->trace_id, sizeof span->trace_id);
        memcpy(span->span_id, record->span_id, sizeof span->span_id);
        memcpy(span->parent_id, record->parent_id, sizeof span->parent_id);
        if (text.len > 0)
            memcpy(span->text, text.at, text.len);
        console->held[console->count++] = span;
    }
    free(text.at);
}

static void remember_service(struct console *console, const struct oi_resource *resource)
{
    console->service[0] = '\0';
    for (size_t i = 0; i < resource->count; i++) {
        const struct oi_attribute *attribute = &resource->attributes[i];
        if (attribute->type != OI_VALUE_STRING || attribute->key_length != 12 ||
            memcmp(attribute->key, "service.name", 12) != 0)
            continue;
        struct oi_console_out text = {0};
        oi_console_clean(&text, oi_text_of(attribute->string, attribute->length), SERVICE_CHARS - 1);
        if (!text.failed && text.len < sizeof console->service) {
            memcpy(console->service, text.at, text.len);
            console->service[text.len] = '\0';
        }
        free(text.at);
    }
}

/* --- the exporter ------------------------------------------------------------------------------------------------- */

static struct oi_export_result export_spans(struct oi_exporter *self, const struct oi_resource *resource,
                                            struct oi_record *const *records, size_t count)
{
    struct console *console = (struct console *)self;
    console->host->unsafe_begin();
    remember_service(console, resource);
    for (size_t i = 0; i < count; i++) {
        if (console->count == HELD_MAX)
            print_complete(console);
        if (console->count == HELD_MAX) {
            uint8_t trace_id[16];
            memcpy(trace_id, console->held[0]->trace_id, sizeof trace_id);
            print_rest(console, trace_id, " (incomplete)");
        }
        hold(console, records[i]);
    }
    print_complete(console);
    console->host->unsafe_end();
    return (struct oi_export_result){.delivered = count};
}

static void flush(struct oi_exporter *self)
{
    struct console *console = (struct console *)self;
    console->host->unsafe_begin();
    while (console->count > 0) {
        uint8_t trace_id[16];
        memcpy(trace_id, console->held[0]->trace_id, sizeof trace_id);
        print_rest(console, trace_id, " (incomplete)");
    }
    console->host->unsafe_end();
}

static void forked(struct oi_exporter *self)
{
    struct console *console = (struct console *)self;
    for (size_t i = 0; i < console->count; i++)
        free(console->held[i]);
    console->count = 0;
}

struct oi_exporter *oi_console_open(const struct oi_export_host *host)
{
    struct console *console = calloc(1, sizeof *console);
    if (!console)
        return NULL;
    console->exporter = (struct oi_exporter){export_spans, flush, forked, NULL};
    console->host = host;
    return &console->exporter;
}
