#include "hooks/http_client.h"

#include <string.h>

#include "agent/http_common.h"

void oi_http_client_begin(struct oi_http_client *client)
{
    memset(client, 0, sizeof *client);
    oi_http1_init(&client->requests, OI_HTTP1_REQUESTS);
}

/* Keeps the last bytes of a text that comes in pieces. */
static void keep_end(struct oi_http_client *client, const char *at, size_t length)
{
    size_t room = sizeof client->text;
    if (length > room) {
        at += length - room;
        length = room;
    }
    size_t drop = client->kept + length > room ? client->kept + length - room : 0;
    memmove(client->text, client->text + drop, client->kept - drop);
    memcpy(client->text + client->kept - drop, at, length);
    client->kept = (uint8_t)(client->kept - drop + length);
}

static void keep_start(struct oi_http_client *client, const char *at, size_t length)
{
    size_t room = sizeof client->text - client->kept;
    memcpy(client->text + client->kept, at, length < room ? length : room);
    client->kept = (uint8_t)(client->kept + (length < room ? length : room));
}

static bool is_export(struct oi_http_client *client, const struct oi_http1_event *event)
{
    switch (event->kind) {
    case OI_HTTP1_METHOD:
        client->is_post = event->len == 4 && memcmp(event->at, "POST", 4) == 0;
        client->is_otlp_path = client->is_type = false;
        client->kept = 0;
        return false;
    case OI_HTTP1_TARGET:
        keep_end(client, event->at, event->len);
        return false;
    case OI_HTTP1_LINE:
        client->is_otlp_path = oi_http_is_otlp_path(oi_text_of(client->text, client->kept)) == OI_OTLP_TRACES;
        client->kept = 0;
        return false;
    case OI_HTTP1_HEADER:
        if (client->is_post && client->is_otlp_path && event->header == OI_HTTP1_CONTENT_TYPE) {
            oi_http1_take(&client->requests);
            client->kept = 0;
            client->is_type = true;
        }
        return false;
    case OI_HTTP1_VALUE:
        if (client->is_type)
            keep_start(client, event->at, event->len);
        return false;
    case OI_HTTP1_HEAD:
        return client->is_type && oi_http_is_otlp_type(oi_text_of(client->text, client->kept));
    default:
        return false;
    }
}

bool oi_http_client_sent(struct oi_http_client *client, const char *at, size_t length)
{
    struct oi_http1_event event;
    while (!client->over) {
        size_t used = oi_http1_next(&client->requests, at, length, &event);
        at = at ? at + used : NULL;
        length -= used;
        if (event.kind == OI_HTTP1_MORE)
            break;
        client->over = event.kind == OI_HTTP1_OVER;
        if (is_export(client, &event))
            return true;
    }
    return false;
}
