/* The specification's performance benchmark (performance-benchmark.md) on our own record, queue, worker, encoder and
 * HTTP: spans with ten attributes, keys and values of twenty characters. span steady RATE SECONDS     RATE spans a
 * second, in groups of a hundredth of a second span flood SECONDS           as many as can be made Whether spans are
 * made at all is the environment's word (OTEL_SDK_DISABLED=true: the same loop without). Prints one line of `name
 * value` pairs: spans       how many were asked for thread_ns   a span's time on the program's thread: the median
 * group's, per span mean_ns     the mean over all groups cpu_ns      processor time of the whole process per span, from
 * the first span to the end of the last export rss_kb      largest resident set */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/life.h"
#include "agent/span.h"
#include "agent/thread.h"

enum { GROUPS_A_SECOND = 100, FLOOD_GROUP = 100, MOST_GROUPS = 200 * 1000 };

static const struct oi_scope scope = {"otel-instrument.bench", OI_AREA_OTHER};
static const char value[] = "value of 20 letters.";
_Static_assert(sizeof value - 1 == 20, "the benchmark's values have 20 characters");

#define KEYS(X)                                                                                                        \
    X("bench.attribute.no.0")                                                                                          \
    X("bench.attribute.no.1")                                                                                          \
    X("bench.attribute.no.2")                                                                                          \
    X("bench.attribute.no.3")                                                                                          \
    X("bench.attribute.no.4")                                                                                          \
    X("bench.attribute.no.5")                                                                                          \
    X("bench.attribute.no.6")                                                                                          \
    X("bench.attribute.no.7")                                                                                          \
    X("bench.attribute.no.8")                                                                                          \
    X("bench.attribute.no.9")

/* What a hook does around a real call, without the call. */
static __attribute__((noinline)) void make_span(void)
{
    struct oi_span span;
    if (!oi_active() || !oi_guard_enter())
        return;
    oi_span_start(&span);
    struct oi_record *record = oi_span_end(&span, &scope, OI_KIND_INTERNAL);
    oi_record_name(record, OI_TEXT("bench span"));
#define SET(key) oi_record_str(record, key, oi_text_of(value, sizeof value - 1));
    KEYS(SET)
#undef SET
    oi_record_submit(record);
    oi_guard_leave();
}

static long clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static unsigned *groups; /* nanoseconds of each */
static size_t group_count;

static void make_group(long size)
{
    long start = clock_ns(CLOCK_MONOTONIC);
    for (long i = 0; i < size; i++)
        make_span();
    long took = clock_ns(CLOCK_MONOTONIC) - start;
    if (group_count < MOST_GROUPS)
        groups[group_count++] = took < 0xffffffffL ? (unsigned)took : 0xffffffffU;
}

static long steady(long rate, long seconds)
{
    long size = rate / GROUPS_A_SECOND, next = clock_ns(CLOCK_MONOTONIC);
    for (long group = 0; group < seconds * GROUPS_A_SECOND; group++) {
        make_group(size);
        next += 1000000000L / GROUPS_A_SECOND;
        struct timespec until = {next / 1000000000L, next % 1000000000L};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return size;
}

static long flood(long seconds)
{
    long end = clock_ns(CLOCK_MONOTONIC) + seconds * 1000000000L;
    while (clock_ns(CLOCK_MONOTONIC) < end)
        make_group(FLOOD_GROUP);
    return FLOOD_GROUP;
}

static int by_size(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return (left > right) - (left < right);
}

/* A line of /proc/self/status, in kB. (getrusage's maximum counts the image before exec, too.) */
static long status_kb(const char *name)
{
    char line[256];
    long size = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            size = strtol(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return size;
}

static void report(long size, long cpu, long wall, long resident)
{
    double total = 0, spans = (double)group_count * (double)size;
    for (size_t i = 0; i < group_count; i++)
        total += groups[i];
    qsort(groups, group_count, sizeof *groups, by_size);
    size_t middle = group_count / 2;
    printf("spans %.0f thread_ns %.1f mean_ns %.1f cpu_ns %.1f wall_ms %ld rss_kb %ld peak_kb %ld\n", spans,
           groups[middle] / (double)size, total / spans, (double)cpu / spans, wall / 1000000, resident,
           status_kb("VmHWM:"));
    fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 2;
    groups = malloc(MOST_GROUPS * sizeof *groups);
    long seconds = strtol(arguments[3], NULL, 10), size;
    bool paced = strcmp(arguments[2], "steady") == 0 && count == 5;
    oi_life_start();
    oi_life_folder = arguments[1];
    oi_worker_need();
    long cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
    if (paced)
        size = steady(strtol(arguments[4], NULL, 10), seconds);
    else
        size = flood(seconds);
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    long resident = status_kb("VmRSS:");
    oi_life_leave(0, true);
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    report(size, cpu, wall, resident);
    return 0;
}
