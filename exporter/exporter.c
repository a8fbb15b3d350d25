#include <stdlib.h>
#include <string.h>

#include "exporter/settings.h"
#include "exporter/sinks.h"
#include "exporter/symbols.h"
#include "exporter/trim.h"

enum { SINKS_MAX = 2 }; /* OTLP, console */

struct fan_out {
    struct oi_exporter exporter; /* first: the same address */
    struct oi_exporter *sinks[SINKS_MAX];
    size_t count;
    const struct oi_export_host *host;
    struct oi_symbols *symbols; /* made when they are first needed */
};

/* The first sink's result is the batch's: OTLP before the console. Without a sink (`none`) spans are discarded on
 * purpose. */
static struct oi_export_result export_spans(struct oi_exporter *self, const struct oi_resource *resource,
                                            struct oi_record *const *records, size_t count)
{
    struct fan_out *all = (struct fan_out *)self;
    struct oi_export_result result = {.delivered = count};
    for (size_t i = all->count; i-- > 0;)
        result = all->sinks[i]->export_spans(all->sinks[i], resource, records, count);
    if (all->symbols)
        oi_symbols_used(all->symbols);
    return result;
}

static void flush(struct oi_exporter *self)
{
    struct fan_out *all = (struct fan_out *)self;
    for (size_t i = 0; i < all->count; i++)
        all->sinks[i]->flush(all->sinks[i]);
}

static void forked(struct oi_exporter *self)
{
    struct fan_out *all = (struct fan_out *)self;
    for (size_t i = 0; i < all->count; i++)
        all->sinks[i]->forked(all->sinks[i]);
    if (all->symbols && oi_symbols_torn(all->symbols))
        all->symbols = NULL;
}

static void describe(struct oi_exporter *self, const struct oi_frame *frames, size_t count, bool with_trace,
                     struct oi_code *code)
{
    struct fan_out *all = (struct fan_out *)self;
    if (!all->symbols)
        all->symbols = oi_symbols_new(all->host);
    if (all->symbols)
        oi_symbols_describe(all->symbols, frames, count, with_trace, code);
}

static bool add(struct fan_out *all, struct oi_exporter *sink)
{
    if (sink)
        all->sinks[all->count++] = sink;
    return sink != NULL;
}

struct oi_exporter *oi_exporter_open(const struct oi_export_host *host)
{
    if (host->abi != OI_EXPORT_ABI) {
        host->log(OI_LOG_ERROR, "libotel-exporter.so belongs to another version of the agent; spans are dropped");
        return NULL;
    }
    struct fan_out *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->exporter = (struct oi_exporter){export_spans, flush, forked, describe};
    all->host = host;
    const char *list = host->config->traces_exporter;
    bool opened = true;
    if (oi_list_has(list, "otlp"))
        opened = add(all, oi_otlp_open(host, host->config->otlp_traces_protocol == OI_PROTOCOL_GRPC));
    if (oi_list_has(list, "console"))
        opened = add(all, oi_console_open(host)) && opened;
    oi_trim();
    if (opened)
        return &all->exporter;
    host->log(OI_LOG_ERROR, "cannot open the exporters that %s names; spans are dropped", list);
    if (all->count > 0)
        return &all->exporter;
    free(all);
    return NULL;
}
