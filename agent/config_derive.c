#include "agent/config_rows.h"
#include "agent/pattern.h"

/* --- batches, exporters, time-outs -------------------------------------------------------------------------------- */

/* A batch larger than the queue would never be full. Only who set both is told. */
static void check_batch(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;

    if (config->bsp_max_export_batch_size <= config->bsp_max_queue_size)
        return;
    if (config->set.bsp_max_export_batch_size)
        oi_config_say(reader, OI_ROW_bsp_max_export_batch_size, " is more than the queue holds; using %u",
                      config->bsp_max_queue_size);
    config->bsp_max_export_batch_size = config->bsp_max_queue_size;
}

/* The list without the names `drop`; or the list if nothing would be left. */
static const char *without(struct oi_config_reader *reader, const char *list, const char *drop)
{
    struct oi_buffer *arena = &reader->arena;
    struct oi_text rest = oi_text_from(list), item;
    size_t begin = arena->len;

    if (arena->size - arena->len <= rest.len)
        return list;
    while (oi_list_next(&rest, ',', &item)) {
        if (oi_list_has_text(oi_text_from(drop), item))
            continue;
        if (arena->len > begin)
            oi_buffer_char(arena, ',');
        oi_buffer_put(arena, item.at, item.len);
    }
    if (arena->len == begin)
        return list;
    oi_buffer_char(arena, '\0');
    return arena->at + begin;
}

/* `none` beside other names. For headers it wins, as in the Python agent; a trace that somebody wants exported goes
 * out. */
static void check_none(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;

    if (oi_list_has(config->propagators, "none") && strchr(config->propagators, ',')) {
        config->propagators = "none";
        oi_config_say(reader, OI_ROW_propagators, " names others beside none; using none");
    }
    if (oi_list_has(config->traces_exporter, "none") && strchr(config->traces_exporter, ',')) {
        config->traces_exporter = without(reader, config->traces_exporter, "none");
        oi_config_say(reader, OI_ROW_traces_exporter, " names others beside none; using %s", config->traces_exporter);
    }
}

static void check_timeout(struct oi_config_reader *reader, enum oi_config_index index, bool set, uint32_t value)
{
    if (set && value > 0 && value < 100)
        oi_config_say(reader, index, " means %u milliseconds (the Python agent reads seconds); %u seconds are %u",
                      value, value, value * 1000);
}

/* --- the protocol ------------------------------------------------------------------------------------------------- */

/* The port in a URL or host:port, or 0. */
static unsigned port_of(const char *url)
{
    const char *scheme = url ? strstr(url, "://") : NULL, *host = scheme ? scheme + 3 : url;
    unsigned port = 0;

    if (!host)
        return 0;
    const char *end = host + strcspn(host, "/?#"), *colon = end;
    while (colon > host && *colon != ':' && *colon != ']')
        colon--;
    if (*colon != ':')
        return 0;
    for (const char *c = colon + 1; c < end && *c >= '0' && *c <= '9' && port < 100000; c++)
        port = port * 10 + (unsigned)(*c - '0');
    return port;
}

/* The exporter's name decides (otlp_proto_grpc), then the settings, then the port. */
static void choose_protocol(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;
    const char *endpoint = config->otlp_traces_endpoint ? config->otlp_traces_endpoint : config->otlp_endpoint;
    bool set = config->set.otlp_protocol || config->set.otlp_traces_protocol;

    if (oi_list_has(config->traces_exporter, "otlp_proto_grpc"))
        config->otlp_traces_protocol = OI_PROTOCOL_GRPC;
    else if (oi_list_has(config->traces_exporter, "otlp_proto_http"))
        config->otlp_traces_protocol = OI_PROTOCOL_HTTP_PROTOBUF;
    else if (!set && port_of(endpoint) == 4317)
        config->otlp_traces_protocol = OI_PROTOCOL_GRPC;
    if (!config->set.otlp_traces_protocol)
        config->otlp_protocol = config->otlp_traces_protocol;

    if (oi_list_has(config->traces_exporter, "otlp_proto_grpc") ||
        oi_list_has(config->traces_exporter, "otlp_proto_http")) {
        const char *others = without(reader, config->traces_exporter, "otlp,otlp_proto_grpc,otlp_proto_http");
        config->traces_exporter = oi_list_has(others, "console") ? "otlp,console" : "otlp";
    }
}

/* --- instrumentations --------------------------------------------------------------------------------------------- */

#define HTTP_CLIENT "http_client,libcurl"
#define HTTP_SERVER "http_server"
#define MYSQL "mysql,libmariadb"
#define REDIS "redis,hiredis"

static const struct {
    char name[24];
    char here[24];
} python_names[] = {
    {"requests", HTTP_CLIENT},
    {"urllib", HTTP_CLIENT},
    {"urllib3", HTTP_CLIENT},
    {"httpx", HTTP_CLIENT},
    {"aiohttp-client", HTTP_CLIENT},
    {"aiohttp-server", HTTP_SERVER},
    {"asgi", HTTP_SERVER},
    {"wsgi", HTTP_SERVER},
    {"django", HTTP_SERVER},
    {"falcon", HTTP_SERVER},
    {"fastapi", HTTP_SERVER},
    {"flask", HTTP_SERVER},
    {"pyramid", HTTP_SERVER},
    {"starlette", HTTP_SERVER},
    {"tornado", HTTP_SERVER ","
                            "http_client"},
    {"mysql", MYSQL},
    {"mysqlclient", MYSQL},
    {"pymysql", MYSQL},
    {"redis", REDIS},
    {"http_client", HTTP_CLIENT},
};

/* Those of the Python agent that instrument what is not instrumented here: known, so that nobody is told off for them.
 */
static const char without_counterpart[] =
    "aio-pika,aiokafka,aiopg,asyncclick,asyncio,asyncpg,boto,boto3,boto3sqs,botocore,cassandra,celery,click,"
    "confluent_kafka,elasticsearch,exceptions,grpc_aio_client,grpc_aio_server,grpc_client,grpc_server,jinja2,kafka,"
    "logging,pika,psycopg,psycopg2,pymemcache,pymongo,pymssql,remoulade,sqlalchemy,sqlite3,system_metrics,threading,"
    "tortoiseorm";

const char *oi_config_python_instrumentation(struct oi_text name)
{
    for (size_t i = 0; i < sizeof(python_names) / sizeof(python_names[0]); i++)
        if (oi_text_same(name, oi_text_from(python_names[i].name)))
            return python_names[i].here;
    return oi_list_has_text(oi_text_from(without_counterpart), name) ? "" : NULL;
}

/* Adds the names of `list`, each with what it stands for. */
static void add_disabled(struct oi_buffer *out, const char *list, bool ours)
{
    struct oi_text rest = oi_text_from(list), item;

    while (oi_list_next(&rest, ',', &item)) {
        const char *here = oi_config_python_instrumentation(item);
        struct oi_text names = here                                       ? oi_text_from(here)
                               : ours || oi_text_same(item, OI_TEXT("*")) ? item
                                                                          : OI_TEXT("");
        struct oi_text name;
        while (oi_list_next(&names, ',', &name)) {
            if (oi_list_has_text(oi_buffer_text(out), name))
                continue;
            if (out->len)
                oi_buffer_char(out, ',');
            oi_buffer_put(out, name.at, name.len);
        }
    }
}

/* Both lists become one of names here. */
static void merge_disabled(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;
    char names[256];
    struct oi_buffer all = {.at = names, .size = sizeof(names)};

    add_disabled(&all, config->disabled_instrumentations, true);
    add_disabled(&all, config->python_disabled_instrumentations, false);
    config->disabled_instrumentations = all.len ? oi_config_keep(reader, oi_buffer_text(&all)) : NULL;
}

/* An endpoint that cannot be used must not choose the protocol, and the protocol chooses what is used instead. */
static void check_endpoints(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;
    const char *general = oi_config_drop_endpoint(&config->otlp_endpoint);
    const char *traces = oi_config_drop_endpoint(&config->otlp_traces_endpoint);

    choose_protocol(reader);
    const char *fallback =
        config->otlp_traces_protocol == OI_PROTOCOL_GRPC ? "http://localhost:4317" : "http://localhost:4318";
    if (general)
        oi_config_say(reader, OI_ROW_otlp_endpoint, "%s; using %s", general, fallback);
    if (traces)
        oi_config_say(reader, OI_ROW_otlp_traces_endpoint, "%s; using %s", traces,
                      config->otlp_endpoint ? oi_row_text(oi_config_rows[OI_ROW_otlp_endpoint].env) : fallback);
}

static void check_headers(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;

    oi_config_drop_headers(reader, OI_ROW_otlp_headers, &config->otlp_headers);
    if (config->set.otlp_traces_headers)
        oi_config_drop_headers(reader, OI_ROW_otlp_traces_headers, &config->otlp_traces_headers);
    else
        config->otlp_traces_headers = config->otlp_headers;
}

/* Expressions that are left out when they are compiled (agent/http_headers.c). */
static void check_patterns(struct oi_config_reader *reader)
{
    static const uint16_t rows[] = {OI_ROW_capture_headers_client_request,
                                    OI_ROW_capture_headers_client_response,
                                    OI_ROW_capture_headers_server_request,
                                    OI_ROW_capture_headers_server_response,
                                    OI_ROW_capture_headers_sanitize,
                                    OI_ROW_excluded_urls,
                                    OI_ROW_python_excluded_urls};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *list = *(const char *const *)oi_config_field(reader, &oi_config_rows[rows[i]]);
        struct oi_text rest = oi_text_from(list), item;
        while (oi_list_next(&rest, ',', &item)) {
            char shown[41];
            size_t length = item.len < sizeof(shown) - 1 ? item.len : sizeof(shown) - 1;
            for (size_t j = 0; j < length; j++)
                shown[j] = item.at[j] >= ' ' && item.at[j] != 0x7f ? item.at[j] : '?';
            shown[length] = '\0';
            if (!oi_pattern_valid(item))
                oi_config_say(reader, (enum oi_config_index)rows[i],
                              ": \"%s\" is not a regular expression that can be used; left out", shown);
        }
    }
}

void oi_config_derive(struct oi_config_reader *reader)
{
    struct oi_config *config = reader->config;

    check_batch(reader);
    check_none(reader);
    check_timeout(reader, OI_ROW_otlp_timeout, config->set.otlp_timeout, config->otlp_timeout);
    check_timeout(reader, OI_ROW_otlp_traces_timeout, config->set.otlp_traces_timeout, config->otlp_traces_timeout);
    check_endpoints(reader);
    check_headers(reader);
    oi_config_check_resource(reader);
    check_patterns(reader);
    merge_disabled(reader);
}
