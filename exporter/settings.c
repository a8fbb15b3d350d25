#include "exporter/settings.h"

/* A signal's own endpoint, else the general one, else NULL. */
static const char *endpoint_text(const struct oi_config *config)
{
    return config->otlp_traces_endpoint ? config->otlp_traces_endpoint : config->otlp_endpoint;
}

static void resolve_endpoint(struct oi_otlp_settings *out, const struct oi_export_host *host)
{
    const struct oi_config *config = host->config;
    const char *text = endpoint_text(config);
    const char *fallback = out->grpc ? "http://localhost:4317" : "http://localhost:4318/v1/traces";
    enum oi_endpoint_form form = out->grpc                      ? OI_ENDPOINT_GRPC
                                 : config->otlp_traces_endpoint ? OI_ENDPOINT_EXACT
                                                                : OI_ENDPOINT_BASE;
    const char *wrong = text ? oi_endpoint_parse(&out->endpoint, text, form, config->otlp_traces_insecure) : "";
    if (!wrong)
        return;
    if (text) /* without its text where that may hold a password */
        host->log(OI_LOG_WARN, "%s%s%s %s; using %s",
                  config->otlp_traces_endpoint ? "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" : "OTEL_EXPORTER_OTLP_ENDPOINT",
                  strchr(text, '@') ? "" : "=", strchr(text, '@') ? "" : text, wrong, fallback);
    oi_endpoint_parse(&out->endpoint, fallback, out->grpc ? OI_ENDPOINT_GRPC : OI_ENDPOINT_EXACT, true);
}

/* Number and not text: header values are secrets. */
static void reject_header(void *user, size_t member)
{
    const struct oi_export_host *host = user;
    host->log(OI_LOG_WARN, "%s: member %zu is not a usable key=value and is left out",
              host->config->set.otlp_traces_headers ? "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
                                                    : "OTEL_EXPORTER_OTLP_HEADERS",
              member);
}

static uint32_t budget(const struct oi_config *config)
{
    uint32_t otlp = config->otlp_traces_timeout, batch = config->bsp_export_timeout;
    return otlp == 0 || (batch != 0 && batch < otlp) ? batch : otlp;
}

void oi_otlp_settings(struct oi_otlp_settings *out, const struct oi_export_host *host, bool grpc)
{
    enum { GZIP = 1 }; /* none|gzip in config.def */
    const struct oi_config *config = host->config;
    *out = (struct oi_otlp_settings){.grpc = grpc, .budget_ms = budget(config)};
    resolve_endpoint(out, host);
    oi_headers_parse(&out->headers, config->otlp_traces_headers, reject_header, (void *)(uintptr_t)host);
    out->gzip = config->otlp_traces_compression == GZIP;
    out->certificate = config->otlp_traces_certificate;
    out->client_key = config->otlp_traces_client_key;
    out->client_certificate = config->otlp_traces_client_certificate;
}
