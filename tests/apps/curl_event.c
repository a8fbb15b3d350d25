// build: -lcurl -levent_core
/* Many transfers at once in libevent's loop, as an event-driven server makes them: MODE COUNT URL [AUTHORITY]. libcurl
 * says which sockets and which timer to wait for, and is told what happened. Transfer number i asks for URL/bytes/i. */
#include <curl/curl.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct transfer {
    CURL *easy;
    size_t bytes;
    int told; /* times */
    CURLcode result;
};

static struct event_base *base;
static struct event *timer;
static CURLM *all;
static struct transfer *transfers;
static int count, wanted, limit, told, running;
static const char *url, *authority;
static bool late, streams;

static size_t count_bytes(char *data, size_t size, size_t items, void *user)
{
    (void)data;
    ((struct transfer *)user)->bytes += size * items;
    return size * items;
}

static void add_next(void)
{
    struct transfer *transfer = &transfers[count];
    char at[256];
    snprintf(at, sizeof at, "%s/bytes/%d", url, ++count);
    transfer->easy = curl_easy_init();
    curl_easy_setopt(transfer->easy, CURLOPT_URL, at);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT, 30L);
    if (streams) {
        curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT, 1L);
        curl_easy_setopt(transfer->easy, CURLOPT_CAINFO, authority);
    }
    if (curl_multi_add_handle(all, transfer->easy) != CURLM_OK)
        puts("not added");
}

static void read_messages(void)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(all, &left));) {
        struct transfer *transfer;
        CURL *easy = message->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->result = message->data.result;
        transfer->told++;
        told++;
        curl_multi_remove_handle(all, easy);
    }
}

static void after_turn(void)
{
    if (!late)
        read_messages();
    while (count < wanted && count - told < limit)
        add_next();
}

static void socket_ready(evutil_socket_t socket, short what, void *user)
{
    (void)user;
    int action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(all, socket, action, &running);
    after_turn();
}

static void timer_fires(evutil_socket_t socket, short what, void *user)
{
    (void)socket, (void)what, (void)user;
    curl_multi_socket_action(all, CURL_SOCKET_TIMEOUT, 0, &running);
    after_turn();
}

static int watch(CURL *easy, curl_socket_t socket, int what, void *user, void *known)
{
    struct event *event = known;
    (void)easy, (void)user;
    if (event)
        event_free(event);
    curl_multi_assign(all, socket, NULL);
    if (what == CURL_POLL_REMOVE)
        return 0;
    short events = EV_PERSIST;
    if (what & CURL_POLL_IN)
        events |= EV_READ;
    if (what & CURL_POLL_OUT)
        events |= EV_WRITE;
    event = event_new(base, socket, events, socket_ready, NULL);
    event_add(event, NULL);
    curl_multi_assign(all, socket, event);
    return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *user)
{
    struct timeval after = {milliseconds / 1000, milliseconds % 1000 * 1000};
    (void)multi, (void)user;
    if (milliseconds < 0)
        event_del(timer);
    else
        event_add(timer, &after);
    return 0;
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 4)
        return 98;
    late = strcmp(arguments[1], "late") == 0;
    streams = strcmp(arguments[1], "streams") == 0;
    wanted = atoi(arguments[2]);
    limit = strcmp(arguments[1], "waves") == 0 ? 50 : wanted; /* how many at one time */
    url = arguments[3];
    authority = arguments[4];
    transfers = calloc((size_t)wanted, sizeof *transfers);
    base = event_base_new();
    timer = evtimer_new(base, timer_fires, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    all = curl_multi_init();
    curl_multi_setopt(all, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(all, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(all, CURLMOPT_MAX_TOTAL_CONNECTIONS, streams ? 1L : 60L);
    after_turn();
    event_base_dispatch(base);
    read_messages();
    for (int i = 0; i < count; i++) {
        long status = 0;
        curl_easy_getinfo(transfers[i].easy, CURLINFO_RESPONSE_CODE, &status);
        printf("%d: %d %d %ld %zu\n", i + 1, transfers[i].told, (int)transfers[i].result, status, transfers[i].bytes);
        curl_easy_cleanup(transfers[i].easy);
    }
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
    event_free(timer);
    event_base_free(base);
    free(transfers);
    curl_global_cleanup();
    return 0;
}
