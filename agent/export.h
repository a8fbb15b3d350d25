/* The seam between the agent and libotel-exporter.so, which the worker opens with dlopen at its first batch.
 *
 * The exporter object exports one function, `oi_exporter_open`. Everything in `struct oi_exporter` is called on the
 * worker thread, one call at a time. The exporter has no thread, no lock and no signal disposition of its own, never
 * writes to descriptor 1, and takes every setting from `host->config`, never from the environment.
 */
#ifndef OI_AGENT_EXPORT_H
#define OI_AGENT_EXPORT_H

#include "agent/config.h"
#include "agent/image.h"
#include "agent/log.h"
#include "agent/span.h"

#define OI_EXPORT_ABI 2

/* The resource all spans of this process image belong to. */
struct oi_resource {
    const struct oi_attribute *attributes;
    size_t count;
    const char *schema_url; /* or NULL */
};

/* What became of a batch, in spans. delivered + rejected + failed == count, or less where spans are held back (the
 * console exporter keeps a trace's spans until its local root ends; they count as delivered when taken). */
struct oi_export_result {
    uint64_t delivered;
    uint64_t rejected; /* the receiver's partial success */
    uint64_t failed;
};

/* A frame of a call stack. */
struct oi_frame {
    const struct oi_image *image;
    uintptr_t address; /* where it goes on, in the addresses of the object's file: one behind the call */
};

/* What a call stack says. Absent: not known. */
struct oi_code {
    struct oi_text function; /* of the first frame: qualified, without arguments */
    struct oi_text file;     /* as the compiler was given it, made absolute */
    int64_t line;            /* 0: not known */
    struct oi_text trace;    /* all frames, a line each */
};

/* What the agent offers. */
struct oi_export_host {
    int abi; /* OI_EXPORT_ABI */
    const struct oi_config *config;
    const char *version;   /* of the package, for User-Agent and scope versions */
    bool config_announced; /* the launcher has already complained about settings: do not repeat */

    /* Rate-limited diagnostics on stderr (agent/log.h). */
    void (*log)(enum oi_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

    /* Writes to the program's stderr in one write, if that is still the stream known at start. For console output. */
    void (*write_stderr)(const char *at, size_t len);

    /* Brackets every stretch of libcurl, OpenSSL or dlopen work that may hold one of their locks, and what takes or
     * gives memory (an allocator that is not the system's may not expect a fork meanwhile: AddressSanitizer's leaves
     * its locks locked), so that fork waits for its end. Short and never across a wait: curl_multi_poll and what is
     * written to stderr stay outside. Not nested. */
    void (*unsafe_begin)(void);
    void (*unsafe_end)(void);

    /* Waits up to `milliseconds`, or less: returns true as soon as the process is leaving or a flush was asked for.
     * For retry delays. */
    bool (*wait)(uint32_t milliseconds);

    /* True once the process is leaving. `deadline` (monotonic ns, may be NULL) gets the time by which the worker must
     * be back: no new try after it, no retry with a delay at all (a refused connection costs milliseconds). */
    bool (*leaving)(uint64_t *deadline);

    /* How this object was opened: flags for what it opens itself. */
    int dlopen_flags;
};

struct oi_exporter {
    /* Exports one batch: tries, retries with back-off inside `timeout` of the configuration, returns when it knows.
     * While in flight it must look at host->leaving() at least every 50 ms. (curl_multi_wakeup cannot be used across
     * threads here: the worker has a private descriptor table, and the number would name a descriptor of the
     * program's.) Records stay the worker's. */
    struct oi_export_result (*export_spans)(struct oi_exporter *self, const struct oi_resource *resource,
                                            struct oi_record *const *records, size_t count);
    /* Prints or sends what is held back (console). Called at flush and before parking. */
    void (*flush)(struct oi_exporter *self);
    /* The process is a forked child: forget connections and everything held back, without touching a descriptor. */
    void (*forked)(struct oi_exporter *self);
    /* Finds out what a call stack of 1 frame or more says; with_trace: all of it. The texts stay valid until the next
     * export_spans has returned. */
    void (*describe)(struct oi_exporter *self, const struct oi_frame *frames, size_t count, bool with_trace,
                     struct oi_code *code);
};

/* Opens the exporters that the configuration names. NULL: none could be opened (said by host->log); the agent then
 * counts spans as dropped. */
typedef struct oi_exporter *oi_exporter_open_fn(const struct oi_export_host *host);
oi_exporter_open_fn oi_exporter_open __attribute__((visibility("default")));

#endif
