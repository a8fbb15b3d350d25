#include "exporter/symbols.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter/function_name.h"
#include "exporter/object_file.h"
#include "exporter/source_lines.h"

enum {
    PLACES = 8,        /* of one address: a function and what was inlined in it */
    BUCKETS = 4096,    /* of remembered addresses */
    REMEMBERED = 3072, /* when there are more, all are forgotten */
    OBJECTS = 64,      /* whose debug information is kept open */
    TRACE_MAX = 16384, /* bytes of a stack's text */
};

struct place {
    char *function; /* NULL: not known */
    char *file;
    int line;
};

/* What an address means. */
struct meaning {
    const struct oi_image *image;
    uintptr_t address;
    uint64_t offset; /* from the start of the function's symbol */
    size_t count;    /* of places, innermost first; at least one */
    struct place places[];
};

struct object {
    const struct oi_image *image;
    struct oi_lines *lines; /* NULL: there are none */
};

struct text {
    struct text *next;
    size_t length;
    char at[];
};

struct oi_symbols {
    const struct oi_export_host *host;
    volatile bool busy;
    struct meaning *remembered[BUCKETS];
    size_t remembered_count;
    struct object objects[OBJECTS];
    size_t object_count;
    struct text *given; /* traces that are being exported */
    char program[4096]; /* its path */
};

/* --- one address -------------------------------------------------------------------------------------------------- */

/* The object's debug information: its own, or in a file of its own. */
static struct oi_lines *lines_of(struct oi_symbols *symbols, const struct oi_image *image, int file)
{
    for (size_t i = 0; i < symbols->object_count; i++)
        if (symbols->objects[i].image == image)
            return symbols->objects[i].lines;
    if (symbols->object_count == OBJECTS)
        return NULL;
    struct object *object = &symbols->objects[symbols->object_count++];
    int from = oi_object_has_debug(file) ? dup(file) : oi_object_open_debug(file);
    object->image = image;
    object->lines = from >= 0 ? oi_lines_open(symbols->host, from) : NULL;
    return object->lines;
}

/* The symbol of an instruction: from the full table, which may have been put into a file of its own, or else from the
 * exported ones. */
static bool find_symbol(int file, uint64_t address, struct oi_symbol *symbol)
{
    if (oi_object_symbol(file, address, true, symbol))
        return true;
    int debug = oi_object_open_debug(file);
    bool found = debug >= 0 && oi_object_symbol(debug, address, true, symbol);
    if (debug >= 0)
        close(debug);
    return found || oi_object_symbol(file, address, false, symbol);
}

static struct meaning *new_meaning(const struct oi_frame *frame, size_t count)
{
    struct meaning *meaning = calloc(1, sizeof *meaning + (count > 0 ? count : 1) * sizeof *meaning->places);
    if (!meaning)
        return NULL;
    meaning->image = frame->image;
    meaning->address = frame->address;
    meaning->count = count > 0 ? count : 1;
    return meaning;
}

static void keep_place(const struct oi_symbols *symbols, const struct oi_place *found, struct place *place)
{
    place->function = found->symbol ? oi_function_name(symbols->host, found->symbol) : NULL;
    place->file = found->file;
    place->line = found->file ? found->line : 0;
}

static struct meaning *find_out(struct oi_symbols *symbols, const struct oi_frame *frame)
{
    struct oi_place places[PLACES];
    struct oi_symbol symbol;
    uint64_t call = frame->address - 1;
    size_t count = 0;
    bool named = false;
    int file = oi_object_open(frame->image);
    symbol.start = 0;
    if (file >= 0) {
        struct oi_lines *lines = lines_of(symbols, frame->image, file);
        count = lines ? oi_lines_find(lines, call, places, PLACES) : 0;
        named = find_symbol(file, call, &symbol);
        close(file);
    }
    struct meaning *meaning = new_meaning(frame, count);
    for (size_t i = 0; i < count; i++) {
        if (meaning)
            keep_place(symbols, &places[i], &meaning->places[i]);
        else
            free(places[i].file);
        free(places[i].symbol);
    }
    if (meaning && named) {
        struct place *outermost = &meaning->places[meaning->count - 1];
        meaning->offset = frame->address - symbol.start;
        if (!outermost->function)
            outermost->function = oi_function_name(symbols->host, symbol.name);
    }
    return meaning;
}

static void forget(struct oi_symbols *symbols)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct meaning *meaning = symbols->remembered[i];
        for (size_t k = 0; meaning && k < meaning->count; k++) {
            free(meaning->places[k].function);
            free(meaning->places[k].file);
        }
        free(meaning);
        symbols->remembered[i] = NULL;
    }
    symbols->remembered_count = 0;
}

/* NULL: no memory. */
static const struct meaning *meaning_of(struct oi_symbols *symbols, const struct oi_frame *frame)
{
    size_t at = (size_t)((frame->address ^ (uintptr_t)frame->image) * UINT64_C(0x9e3779b97f4a7c15) >> 52);
    for (size_t i = 0; i < BUCKETS; i++) {
        struct meaning **place = &symbols->remembered[(at + i) % BUCKETS];
        if (!*place && (*place = find_out(symbols, frame)))
            symbols->remembered_count++;
        if (!*place || ((*place)->address == frame->address && (*place)->image == frame->image))
            return *place;
    }
    return NULL;
}

/* --- a stack ------------------------------------------------------------------------------------------------------ */

static const char *path_of(struct oi_symbols *symbols, const struct oi_image *image)
{
    if (image->path[0])
        return image->path;
    if (!symbols->program[0]) {
        ssize_t length = readlink("/proc/self/exe", symbols->program, sizeof symbols->program - 1);
        symbols->program[length > 0 ? length : 0] = '\0';
    }
    return symbols->program;
}

/* A line that would not fit is left out, and what follows it. */
static bool put_line(char *text, size_t *used, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool put_line(char *text, size_t *used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text + *used, TRACE_MAX - *used, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= TRACE_MAX - *used)
        return false;
    *used += (size_t)length;
    return true;
}

/* The lines of one frame, `number` counting them. */
static bool put_frame(struct oi_symbols *symbols, const struct oi_frame *frame, size_t *number, char *text,
                      size_t *used)
{
    const struct meaning *meaning = meaning_of(symbols, frame);
    for (size_t i = 0; meaning && i < meaning->count; i++) {
        const struct place *place = &meaning->places[i];
        const char *name = place->function ? place->function : "??", *gap = *number > 0 ? "\n" : "";
        size_t here = (*number)++;
        bool put;
        if (place->file)
            put = put_line(text, used, "%s#%zu %s at %s:%d", gap, here, name, place->file, place->line);
        else if (place->function && meaning->offset > 0)
            put = put_line(text, used, "%s#%zu %s+0x%llx in %s", gap, here, name, (unsigned long long)meaning->offset,
                           path_of(symbols, frame->image));
        else
            put = put_line(text, used, "%s#%zu 0x%llx in %s", gap, here, (unsigned long long)frame->address,
                           path_of(symbols, frame->image));
        if (!put)
            return false;
    }
    return true;
}

static struct oi_text trace_of(struct oi_symbols *symbols, const struct oi_frame *frames, size_t count)
{
    static char text[TRACE_MAX]; /* one call at a time */
    size_t used = 0, number = 0;
    for (size_t i = 0; i < count && put_frame(symbols, &frames[i], &number, text, &used); i++) {
    }
    struct text *kept = malloc(sizeof *kept + used);
    if (!kept)
        return (struct oi_text){0};
    memcpy(kept->at, text, used);
    kept->length = used;
    kept->next = symbols->given;
    symbols->given = kept;
    return oi_text_of(kept->at, used);
}

/* No look-up is begun when the process should be gone. */
static bool late(const struct oi_symbols *symbols)
{
    struct timespec now;
    uint64_t by = 0;
    if (!symbols->host->leaving(&by))
        return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec >= by;
}

void oi_symbols_describe(struct oi_symbols *symbols, const struct oi_frame *frames, size_t count, bool with_trace,
                         struct oi_code *code)
{
    if (count == 0 || late(symbols))
        return;
    symbols->busy = true;
    const struct meaning *first = meaning_of(symbols, &frames[0]);
    if (first) {
        code->function = oi_text_from(first->places[0].function);
        code->file = oi_text_from(first->places[0].file);
        code->line = first->places[0].line;
    }
    if (with_trace)
        code->trace = trace_of(symbols, frames, count);
    symbols->busy = false;
}

void oi_symbols_used(struct oi_symbols *symbols)
{
    for (struct text *text = symbols->given, *next; text; text = next) {
        next = text->next;
        free(text);
    }
    symbols->given = NULL;
    if (symbols->remembered_count > REMEMBERED)
        forget(symbols);
}

bool oi_symbols_torn(const struct oi_symbols *symbols)
{
    return symbols->busy;
}

struct oi_symbols *oi_symbols_new(const struct oi_export_host *host)
{
    struct oi_symbols *symbols = calloc(1, sizeof *symbols);
    if (symbols)
        symbols->host = host;
    return symbols;
}
