/* Contexts in a multi handle, with the real libcurl: one call drives transfers that were added in different contexts,
 * and what the program does in their functions belongs to each of them. The hooks are linked into this program, so what
 * is the program's is marked as such. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/id.h"
#include "agent/thread.h"
#include "hooks/libcurl.h"
#include "tests/unit/run.h"

#define PROGRAM OI_CALLS_BACK

void __wrap_oi_record_submit(struct oi_record *record);
void __wrap_oi_worker_need(void);

/* --- spans ---------------------------------------------------------------------------------------------------------
 */

static struct {
    char url[100];
    uint8_t parent; /* its id's first byte; 0: none */
} spans[32];
static size_t span_count;

void __wrap_oi_worker_need(void)
{
}

/* Nobody here has asked dlsym for a function. */
const struct oi_provider *oi_entry_taken(const struct oi_library *library, const void *caller)
{
    (void)library;
    (void)caller;
    return NULL;
}

void __wrap_oi_record_submit(struct oi_record *record)
{
    if (!record)
        return;
    spans[span_count].parent = record->has_parent ? record->parent_id[0] : 0;
    for (size_t i = 0; i < record->attribute_count; i++) {
        const struct oi_attribute *attribute = oi_record_attribute(record, i);
        if (strcmp(attribute->key, "http.url") == 0)
            snprintf(spans[span_count].url, sizeof spans->url, "%s", strrchr(attribute->string, '/'));
    }
    span_count++;
    oi_record_free(record);
}

/* The parent of the one span that asked for `path`. */
static int parent_of(const char *path)
{
    int found = -1;
    for (size_t i = 0; i < span_count; i++)
        if (strcmp(spans[i].url, path) == 0) {
            ck_assert_msg(found == -1, "%s has two spans", path);
            found = spans[i].parent;
        }
    return found;
}

/* --- a server -------------------------------------------------------------------------------------------------------
 */

static pid_t server;
static uint16_t port;

static void answer(int peer)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    char request[4096] = "";
    size_t used = 0;
    while (used < sizeof request - 1 && !strstr(request, "\r\n\r\n")) {
        ssize_t got = read(peer, request + used, sizeof request - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    if (write(peer, text, sizeof text - 1) < 0)
        _exit(1);
}

/* A process for each connection: transfers wait for those inside of them. */
static void serve(int listening)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int peer = accept(listening, NULL, NULL);
        if (fork() == 0) {
            answer(peer);
            _exit(0);
        }
        close(peer);
    }
}

static void setup(void)
{
    static char arena[OI_CONFIG_ARENA];
    static char *const environment[] = {NULL};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listening, 64), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    port = ntohs(address.sin_port);
    server = fork();
    if (server == 0)
        serve(listening);
    close(listening);
    oi_id_init();
    oi_library_init();
    ck_assert(oi_records_init(64, 128, UINT32_MAX));
    oi_config_parse(&oi_agent.config, environment, arena, sizeof arena, NULL, NULL);
    oi_propagators_init(&oi_agent.propagators, oi_agent.config.propagators);
    oi_sampler_init(&oi_agent.sampler, &oi_agent.config);
    oi_agent.semconv_http = OI_SEMCONV_OLD;
    oi_agent.recording = true;
    oi_agent.active = true;
}

static void teardown(void)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

/* --- the program ----------------------------------------------------------------------------------------------------
 */

static struct oi_active contexts[4]; /* ids 1, 2, 3 */
static CURLM *all;

static uint8_t current(void)
{
    struct oi_context now;
    return oi_context_current(&now) ? now.span_id[0] : 0;
}

static void set_context(uint8_t id)
{
    struct oi_context started = {.trace_id = {1}, .span_id = {id}, .flags = OI_FLAG_SAMPLED};
    if (id > 0 && contexts[id].generation == 0)
        oi_active_begin(&contexts[id], &started);
    oi_context_set(id ? &contexts[id] : NULL);
}

struct transfer {
    CURL *easy;
    char name; /* of its path */
    uint8_t context;
    int writes, headers;
};

static size_t take(char *at, size_t size, size_t count, void *user)
{
    (void)at, (void)user;
    return size * count;
}

PROGRAM static CURL *easy_for(char name, char more)
{
    char url[100];
    CURL *easy = curl_easy_init();
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%c%c", port, name, more);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    return easy;
}

/* A call of its own, inside. */
PROGRAM static size_t ask_more(char *at, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    (void)at;
    ck_assert_int_eq(current(), transfer->context);
    if (transfer->writes++ == 0) {
        CURL *inner = easy_for(transfer->name, '+');
        ck_assert_int_eq(curl_easy_perform(inner), CURLE_OK);
        curl_easy_cleanup(inner);
    }
    ck_assert_int_eq(current(), transfer->context);
    return size * count;
}

static size_t look(char *at, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    (void)at;
    transfer->headers++;
    ck_assert_int_eq(current(), transfer->context);
    return size * count;
}

PROGRAM static void add(struct transfer *transfer)
{
    transfer->easy = easy_for(transfer->name, '-');
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, ask_more);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, look);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
    set_context(transfer->context);
    curl_multi_add_handle(all, transfer->easy);
}

PROGRAM static void drive(void)
{
    int running, left;
    do {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 100, NULL);
    } while (running);
    while (curl_multi_info_read(all, &left)) {
    }
}

PROGRAM static void end(struct transfer *transfer)
{
    curl_multi_remove_handle(all, transfer->easy);
    curl_easy_cleanup(transfer->easy);
}

/* --- tests ----------------------------------------------------------------------------------------------------------
 */

PROGRAM static void run_each_in_its_context(void)
{
    struct transfer transfers[] = {{.name = 'a', .context = 1},
                                   {.name = 'b', .context = 2},
                                   {.name = 'c'},
                                   {.name = 'd', .context = 1},
                                   {.name = 'e', .context = 3}};
    all = curl_multi_init();
    for (size_t i = 0; i < 5; i++)
        add(&transfers[i]);
    set_context(3);
    drive();
    ck_assert_int_eq(current(), 3);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(transfers[i].writes > 0 && transfers[i].headers > 0);
        end(&transfers[i]);
    }
    curl_multi_cleanup(all);
}

START_TEST(each_transfer_in_its_context)
{
    static const struct {
        const char *path;
        int parent;
    } expected[] = {{"/a-", 1}, {"/a+", 1}, {"/b-", 2}, {"/b+", 2}, {"/c-", 0},
                    {"/c+", 0}, {"/d-", 1}, {"/d+", 1}, {"/e-", 3}, {"/e+", 3}};
    run_each_in_its_context();
    ck_assert_uint_eq(span_count, 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert_msg(parent_of(expected[i].path) == expected[i].parent, "%s %d", expected[i].path,
                      parent_of(expected[i].path));
}
END_TEST

/* The span that was current at the adding ends while the transfer runs. */
PROGRAM static void run_after_its_end(void)
{
    struct transfer transfer = {.name = 'a', .context = 1};
    all = curl_multi_init();
    add(&transfer);
    oi_active_end(&contexts[1]);
    transfer.context = 0;
    set_context(2);
    drive();
    end(&transfer);
    curl_multi_cleanup(all);
}

START_TEST(a_span_that_has_ended_is_nobodys_parent)
{
    run_after_its_end();
    ck_assert_int_eq(parent_of("/a-"), 1);
    ck_assert_int_eq(parent_of("/a+"), 0);
    ck_assert_int_eq(current(), 2);
}
END_TEST

/* A function called by curl_easy_perform runs in the context of that call, also for a handle that was in a multi handle
 * before. */
PROGRAM static void run_alone_afterwards(void)
{
    struct transfer transfer = {.name = 'a', .context = 1};
    all = curl_multi_init();
    add(&transfer);
    set_context(2);
    drive();
    curl_multi_remove_handle(all, transfer.easy);
    transfer.writes = 0;
    transfer.context = 2;
    transfer.name = 'b';
    curl_easy_perform(transfer.easy);
    end(&transfer);
    curl_multi_cleanup(all);
}

START_TEST(a_handle_performed_alone_afterwards)
{
    run_alone_afterwards();
    ck_assert_int_eq(parent_of("/a+"), 1);
    ck_assert_int_eq(parent_of("/b+"), 2);
    ck_assert_uint_eq(span_count, 4);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, each_transfer_in_its_context);
    tcase_add_test(tests, a_span_that_has_ended_is_nobodys_parent);
    tcase_add_test(tests, a_handle_performed_alone_afterwards);
    return run_suite("libcurl_context", tests);
}
