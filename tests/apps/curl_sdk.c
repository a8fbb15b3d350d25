// build: -lcurl -pthread
/* Plays a program with an SDK of its own: requests that carry its traceparent, and a thread that exports what it has
 * recorded over OTLP/HTTP. Usage: curl_sdk SERVER COLLECTOR [traces|metrics|logs [multi|async|json]]: `async` exports
 * as opentelemetry-cpp does, through a multi handle, `json` in OTLP's other encoding. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *collector, *signal_name = "traces", *content_type = "Content-Type: application/x-protobuf";
static int export_async;

static size_t swallow(char *data, size_t size, size_t count, void *unused)
{
    (void)data, (void)unused;
    return size * count;
}

static CURLcode perform_async(CURL *easy)
{
    CURLM *multi = curl_multi_init();
    int running = 1, left;
    curl_multi_add_handle(multi, easy);
    while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK)
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
    CURLMsg *message = curl_multi_info_read(multi, &left);
    CURLcode result = message ? message->data.result : CURLE_GOT_NOTHING;
    curl_multi_remove_handle(multi, easy);
    curl_multi_cleanup(multi);
    return result;
}

static int request(const char *url, const char *header, const char *body)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *list = header ? curl_slist_append(NULL, header) : NULL;
    long status = 0;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    if (body)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    CURLcode result = body && export_async ? perform_async(easy) : curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
    return result == CURLE_OK ? (int)status : -(int)result;
}

static void *export_batch(void *status)
{
    char url[256];
    snprintf(url, sizeof url, "%s/v1/%s", collector, signal_name);
    *(int *)status = request(url, content_type, "batch");
    return NULL;
}

static void export_now(void)
{
    pthread_t thread;
    int status = 0;
    pthread_create(&thread, NULL, export_batch, &status);
    pthread_join(thread, NULL);
    printf("exported %d\n", status);
}

/* A transfer that is under way while the SDK exports; its handle is used again afterwards. */
static void across_an_export(const char *url)
{
    CURL *easy = curl_easy_init();
    CURLM *multi = curl_multi_init();
    int running = 1;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_multi_add_handle(multi, easy);
    export_now();
    while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK)
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
    curl_multi_remove_handle(multi, easy);
    curl_multi_add_handle(multi, easy);
    for (running = 1; running > 0 && curl_multi_perform(multi, &running) == CURLM_OK;)
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
    curl_multi_remove_handle(multi, easy);
    printf("again %d\n", (int)curl_easy_perform(easy));
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    collector = argv[2];
    if (argc > 3)
        signal_name = argv[3];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (argc > 4 && strcmp(argv[4], "multi") == 0) {
        across_an_export(argv[1]);
        return 0;
    }
    export_async = argc > 4 && strcmp(argv[4], "async") == 0;
    if (argc > 4 && strcmp(argv[4], "json") == 0)
        content_type = "Content-Type: application/json";
    printf("before %d\n", request(argv[1], NULL, NULL));
    fflush(stdout);
    export_now();
    printf("between %d\n", request(argv[1], NULL, NULL));
    export_now();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        printf("child %d\n", request(argv[1], NULL, NULL));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("after %d\n", request(argv[1], NULL, NULL));
    return 0;
}
