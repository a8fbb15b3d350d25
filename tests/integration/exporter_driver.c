/* Drives libotel-exporter.so without the agent: exporter_driver LIBRARY COMMAND…
 *
 *   export N          exports N spans; prints `delivered=… rejected=… failed=… ms=…`
 *   big N BYTES       the same with an attribute of that many bytes
 *   batch N M         N spans M times, as fast as possible; prints the CPU time of a span
 *   flush
 *   leave AFTER MS    the process is leaving AFTER milliseconds from now; its time is up MS later
 *   hurry             from now on a wait ends at once, as if a flush were asked for
 *   fork              a child does the rest of the commands, then the parent does them
 *   line              waits for a line on stdin
 *   rss               prints the resident memory in KiB
 *
 * Settings come from the environment, as for the agent. The log goes to stderr.
 */
#include <assert.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/export.h"

extern char **environ;

static struct oi_config config;
static char arena[OI_CONFIG_ARENA];
static bool unsafe;
static uint64_t leave_at, leave_by;
static bool hurried;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static __attribute__((format(printf, 2, 3))) void log_line(enum oi_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%d ", level);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void write_stderr(const char *at, size_t len)
{
    if (write(2, at, len) < 0)
        abort();
}

static void unsafe_begin(void)
{
    assert(!unsafe);
    unsafe = true;
}

static void unsafe_end(void)
{
    assert(unsafe);
    unsafe = false;
}

static bool leaving(uint64_t *deadline)
{
    if (leave_at == 0 || now_ns() < leave_at)
        return false;
    if (deadline)
        *deadline = leave_by;
    return true;
}

static bool wait_for(uint32_t milliseconds)
{
    assert(!unsafe);
    uint64_t until = now_ns() + milliseconds * UINT64_C(1000000);
    while (now_ns() < until && !hurried && !leaving(NULL))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return hurried || leaving(NULL);
}

static const struct oi_export_host host = {
    .abi = OI_EXPORT_ABI,
    .config = &config,
    .version = "9.8.7",
    .log = log_line,
    .write_stderr = write_stderr,
    .unsafe_begin = unsafe_begin,
    .unsafe_end = unsafe_end,
    .wait = wait_for,
    .leaving = leaving,
};

static const struct oi_scope scope = {"otel-instrument.driver", OI_AREA_HTTP};
static const struct oi_attribute service = {.key = "service.name", .key_length = 12, .string = "driver", .length = 6};
static const struct oi_resource resource = {.attributes = &service, .count = 1};

static struct oi_attribute text_attribute(const char *key, const char *value, size_t len)
{
    return (struct oi_attribute){.key = key,
                                 .key_length = (uint16_t)strlen(key),
                                 .string = value,
                                 .length = (uint32_t)len,
                                 .type = OI_VALUE_STRING};
}

/* The attributes of the specification's performance benchmark: ten, key and value of 20 characters each. */
static void add_attributes(struct oi_record *record)
{
    static const char *const keys[] = {"benchmark.key.aaaaaa", "benchmark.key.bbbbbb", "benchmark.key.cccccc",
                                       "benchmark.key.dddddd", "benchmark.key.eeeeee", "benchmark.key.ffffff",
                                       "benchmark.key.gggggg", "benchmark.key.hhhhhh", "benchmark.key.iiiiii",
                                       "benchmark.key.jjjjjj"};
    for (size_t i = 0; i < 10; i++)
        record->attributes[i] = text_attribute(keys[i], "a value of 20 letter", 20);
    record->attribute_count = record->attribute_inline = 10;
}

static struct oi_record **make_records(size_t count, size_t big)
{
    static char names[100000][16];
    struct oi_record **records = calloc(count, sizeof(void *));
    char *value = memset(malloc(big + 1), 'x', big + 1);
    for (size_t i = 0; i < count; i++) {
        struct oi_record *record = calloc(1, sizeof *record + 10 * sizeof(struct oi_attribute));
        records[i] = record;
        memset(record->trace_id, 0xAB, sizeof record->trace_id);
        record->span_id[6] = (uint8_t)((i + 1) >> 8);
        record->span_id[7] = (uint8_t)(i + 1);
        record->scope = &scope;
        record->kind = OI_KIND_CLIENT;
        record->flags = 1;
        record->start_unix_ns = UINT64_C(1785585600000000000) + i * 1000;
        record->end_unix_ns = record->start_unix_ns + 500;
        snprintf(names[i % 100000], sizeof names[0], "span %u", (unsigned)i);
        record->name = oi_text_from(names[i % 100000]);
        add_attributes(record);
        if (big)
            record->attributes[0] = text_attribute("big", value, big);
    }
    return records;
}

static void export(struct oi_exporter *exporter, size_t count, size_t big)
{
    struct oi_record **records = make_records(count, big);
    uint64_t begin = now_ns();
    struct oi_export_result result = exporter->export_spans(exporter, &resource, records, count);
    printf("delivered=%lu rejected=%lu failed=%lu ms=%lu\n", (unsigned long)result.delivered,
           (unsigned long)result.rejected, (unsigned long)result.failed, (unsigned long)((now_ns() - begin) / 1000000));
    fflush(stdout);
    assert(!unsafe);
    assert(result.delivered + result.rejected + result.failed == count);
}

static void batch(struct oi_exporter *exporter, size_t count, size_t times)
{
    struct oi_record **records = make_records(count, 0);
    exporter->export_spans(exporter, &resource, records, count);
    uint64_t begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < times; i++)
        assert(exporter->export_spans(exporter, &resource, records, count).delivered == count);
    printf("ns=%lu\n", (unsigned long)((clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin) / (count * times)));
}

static void print_rss(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%*d %ld", &pages) != 1)
        abort();
    fclose(statm);
    printf("rss=%ld\n", pages * sysconf(_SC_PAGESIZE) / 1024);
}

static void fork_here(struct oi_exporter *exporter)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        unsafe_begin();
        exporter->forked(exporter);
        unsafe_end();
        return;
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        abort();
}

static size_t number(char ***arguments)
{
    return strtoul(*++*arguments, NULL, 10);
}

static void run(struct oi_exporter *exporter, char **command)
{
    for (; *command; command++) {
        if (strcmp(*command, "export") == 0) {
            export(exporter, number(&command), 0);
        } else if (strcmp(*command, "big") == 0) {
            size_t count = number(&command);
            export(exporter, count, number(&command));
        } else if (strcmp(*command, "batch") == 0) {
            size_t count = number(&command);
            batch(exporter, count, number(&command));
        } else if (strcmp(*command, "flush") == 0) {
            exporter->flush(exporter);
        } else if (strcmp(*command, "leave") == 0) {
            leave_at = now_ns() + number(&command) * 1000000;
            leave_by = leave_at + number(&command) * 1000000;
        } else if (strcmp(*command, "hurry") == 0) {
            hurried = true;
        } else if (strcmp(*command, "fork") == 0) {
            fork_here(exporter);
        } else if (strcmp(*command, "line") == 0) {
            printf("ready\n");
            fflush(stdout);
            while (getchar() != '\n')
                ;
        } else if (strcmp(*command, "rss") == 0) {
            print_rss();
        } else {
            abort();
        }
    }
}

static void complain(void *unused, const char *sentence)
{
    (void)unused;
    log_line(OI_LOG_WARN, "%s", sentence);
}

int main(int count, char **arguments)
{
    if (count < 3)
        return 2;
    oi_config_parse(&config, environ, arena, sizeof arena, complain, NULL);
    if (strcmp(arguments[2], "rss") == 0)
        print_rss();
    /* Like the agent. Without DEEPBIND, what is preloaded reaches libcurl too. */
#ifdef __SANITIZE_ADDRESS__
    int deep = 0; /* its runtime refuses */
#else
    int deep = getenv("EXPORTER_DRIVER_SHALLOW") ? 0 : RTLD_DEEPBIND;
#endif
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL | deep);
    oi_exporter_open_fn *open_exporter = NULL;
    if (library)
        *(void **)&open_exporter = dlsym(library, "oi_exporter_open");
    if (!open_exporter) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    unsafe_begin();
    struct oi_exporter *exporter = open_exporter(&host);
    unsafe_end();
    if (!exporter)
        return 1;
    run(exporter, arguments + 2);
    return 0;
}
