/* A program that uses libcurl's easy interface in many ways: MODE URL [URL]. It prints all it can see of each transfer,
 * so that a difference between two runs shows. */
#ifndef TESTS_APPS_CURL_MODES_H
#define TESTS_APPS_CURL_MODES_H

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *url, *second_url;
static char error_text[CURL_ERROR_SIZE];

static size_t discard(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    return size * count;
}

static CURL *new_easy(void)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 20L);
    return easy;
}

/* Performs, and tells everything but times and ports. */
static CURLcode perform(CURL *easy)
{
    long status = 0, redirects = 0;
    curl_off_t received = 0;
    char *effective = NULL;
    error_text[0] = 0;
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &effective);
    printf("\n%d %ld %ld %ld %s '%s'\n", (int)code, status, redirects, (long)received, effective ? effective : "-",
           code == CURLE_OK || code == CURLE_OPERATION_TIMEDOUT || code == CURLE_COULDNT_CONNECT ? "" : error_text);
    fflush(stdout);
    return code;
}

static int once(CURL *easy)
{
    perform(easy);
    curl_easy_cleanup(easy);
    return 0;
}

static int get(void)
{
    return once(new_easy());
}

static int post(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "a=1&b=2");
    return once(easy);
}

static int post_empty(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    return once(easy);
}

/* The body comes from a callback, of a size that is not known before: chunked. */
static size_t five_bytes(char *data, size_t size, size_t count, void *user)
{
    int *left = user;
    (void)size, (void)count;
    if ((*left)-- == 0)
        return 0;
    memcpy(data, "hello", 5);
    return 5;
}

static int post_read(void)
{
    int left = 2;
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, five_bytes);
    curl_easy_setopt(easy, CURLOPT_READDATA, &left);
    return once(easy);
}

static int put(void)
{
    int left = 2;
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)10);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, five_bytes);
    curl_easy_setopt(easy, CURLOPT_READDATA, &left);
    return once(easy);
}

static int mime(void)
{
    CURL *easy = new_easy();
    curl_mime *form = curl_mime_init(easy);
    curl_mimepart *part = curl_mime_addpart(form);
    curl_mime_name(part, "field");
    curl_mime_data(part, "value", CURL_ZERO_TERMINATED);
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, form);
    perform(easy);
    /* The form remembers the list of the transfer it was part of; a copy of the handle copies that. */
    CURL *copy = curl_easy_duphandle(easy);
    curl_easy_cleanup(easy);
    perform(copy);
    curl_easy_cleanup(copy);
    curl_mime_free(form);
    return 0;
}

static int head(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return once(easy);
}

static int custom(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    return once(easy);
}

static int unheard_of(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "BREW");
    return once(easy);
}

/* Options that correct each other, and what is sent in the end. */
static int methods(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "x");
    perform(easy); /* POST */
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    perform(easy); /* GET */
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    perform(easy); /* HEAD */
    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    perform(easy); /* GET */
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    perform(easy); /* POST, of the old fields */
    curl_easy_setopt(easy, CURLOPT_POST, 0L);
    perform(easy); /* GET */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "y");
    perform(easy); /* PATCH */
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "z");
    perform(easy); /* HEAD: the fields do not bring the body back */
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    perform(easy); /* GET */
    curl_easy_cleanup(easy);
    return 0;
}

static int follow(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L);
    return once(easy);
}

static int post_follow(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "a=1&b=2");
    return once(easy);
}

static int fail_on_error(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    return once(easy);
}

static int short_timeout(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 50L);
    return once(easy);
}

static int user_agent(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "board/1.0");
    perform(easy);
    struct curl_slist *list = curl_slist_append(NULL, "User-Agent: list/2");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    perform(easy);
    curl_slist_free_all(list);
    list = curl_slist_append(NULL, "User-Agent:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    perform(easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
    return 0;
}

static void print_list(const struct curl_slist *list)
{
    for (; list; list = list->next)
        printf("| %s\n", list->data);
}

/* The program's list: the same nodes with the same texts before, during and after, through two transfers. */
static int list(void)
{
    CURL *easy = new_easy();
    struct curl_slist *one = curl_slist_append(NULL, "X-One: 1");
    struct curl_slist *two = curl_slist_append(one, "X-Two: 2")->next;
    struct curl_slist before[2] = {*one, *two};
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, one);
    perform(easy);
    print_list(one);
    perform(easy);
    print_list(one);
    int same = one->data == before[0].data && one->next == two && two->data == before[1].data && !two->next;
    printf("untouched: %d\n", same);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(one);
    perform(easy);
    curl_easy_cleanup(easy);
    return 0;
}

static int own_headers(const char *first, const char *second, const char *third)
{
    CURL *easy = new_easy();
    struct curl_slist *list = curl_slist_append(NULL, first);
    if (second)
        curl_slist_append(list, second);
    if (third)
        curl_slist_append(list, third);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    once(easy);
    curl_slist_free_all(list);
    return 0;
}

#define OTHER_TRACE "0af7651916cd43dd8448eb211c80319c"
#define OTHER_SPAN "b7ad6b7169203331"

static int own_trace(void)
{
    return own_headers("X-One: 1", "TraceParent: 00-" OTHER_TRACE "-" OTHER_SPAN "-01", "tracestate: vendor=1");
}

static int own_trace_unsampled(void)
{
    return own_headers("traceparent: 00-" OTHER_TRACE "-" OTHER_SPAN "-00", NULL, NULL);
}

static int own_trace_broken(void)
{
    return own_headers("traceparent: nonsense", NULL, NULL);
}

static int own_trace_none(void)
{
    return own_headers("traceparent:", NULL, NULL);
}

static int own_trace_twice(void)
{
    return own_headers("traceparent: 00-" OTHER_TRACE "-" OTHER_SPAN "-01", "tracestate: vendor=1",
                       "Traceparent: 00-" OTHER_TRACE "-" OTHER_SPAN "-01");
}

static int own_trace_after_all(void)
{
    return own_headers("traceparent:", "traceparent: 00-" OTHER_TRACE "-" OTHER_SPAN "-01", NULL);
}

static int own_state_twice(void)
{
    return own_headers("traceparent: 00-" OTHER_TRACE "-" OTHER_SPAN "-01", "tracestate: a=1", "tracestate: b=2");
}

static int own_state_and_baggage(void)
{
    return own_headers("tracestate: mine=1", "Baggage: mine=2", NULL);
}

static int own_b3(void)
{
    return own_headers("B3: " OTHER_TRACE "-" OTHER_SPAN "-1", NULL, NULL);
}

static int own_b3_multi(void)
{
    return own_headers("X-B3-TraceId: " OTHER_TRACE, "x-b3-spanid: " OTHER_SPAN, "X-B3-Flags: 1");
}

static int own_b3_deny(void)
{
    return own_headers("b3: 0", NULL, NULL);
}

static int own_b3_none(void)
{
    return own_headers("b3:", NULL, NULL);
}

static int own_jaeger(void)
{
    return own_headers("uber-trace-id: " OTHER_TRACE ":" OTHER_SPAN ":0:1", NULL, NULL);
}

static int own_xray(void)
{
    return own_headers("X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" OTHER_SPAN ";Sampled=1",
                       NULL, NULL);
}

static int own_ottrace(void)
{
    return own_headers("ot-tracer-traceid: 8448eb211c80319c", "ot-tracer-spanid: " OTHER_SPAN,
                       "ot-tracer-sampled: true");
}

static int otlp(void)
{
    return own_headers("Content-Type: application/x-protobuf", NULL, NULL);
}

static int reset(void)
{
    CURL *easy = new_easy();
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "before/1");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "x");
    perform(easy);
    curl_easy_reset(easy);
    curl_slist_free_all(list);
    printf("without a URL: %d\n", (int)curl_easy_perform(easy));
    curl_easy_setopt(easy, CURLOPT_URL, second_url);
    perform(easy);
    curl_easy_cleanup(easy);
    return 0;
}

static int duplicate(void)
{
    CURL *easy = new_easy();
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "copied/1");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    perform(easy);
    CURL *copy = curl_easy_duphandle(easy);
    curl_easy_setopt(easy, CURLOPT_URL, second_url);
    curl_easy_cleanup(easy);
    perform(copy);
    curl_easy_cleanup(copy);
    curl_slist_free_all(list);
    return 0;
}

static void perform_by_multi(CURL *easy)
{
    CURLM *all = curl_multi_init();
    int running = 1;
    curl_multi_add_handle(all, easy);
    while (running && curl_multi_perform(all, &running) == CURLM_OK && running)
        curl_multi_poll(all, NULL, 0, 1000, NULL);
    curl_multi_remove_handle(all, easy);
    curl_multi_cleanup(all);
}

static int multi(void)
{
    CURL *easy = new_easy();
    perform(easy);
    perform_by_multi(easy);
    return once(easy);
}

/* What a callback does with handles while the outer transfer runs. */
static CURL *outer, *inner;
static int called;

static size_t perform_inside(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    if (called++ == 0) {
        CURL *easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, second_url);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
        printf("inside: %d\n", (int)curl_easy_perform(easy));
        curl_easy_cleanup(easy);
    }
    return size * count;
}

static int nested(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, perform_inside);
    perform(easy);
    return once(easy);
}

static size_t recurse(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    if (called++ == 0)
        printf("same handle: refused %d\n", curl_easy_perform(outer) != CURLE_OK);
    return size * count;
}

static int recursive(void)
{
    outer = new_easy();
    curl_easy_setopt(outer, CURLOPT_WRITEFUNCTION, recurse);
    perform(outer);
    return once(outer);
}

static size_t duplicate_inside(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    if (!inner)
        inner = curl_easy_duphandle(outer);
    return size * count;
}

/* The copy outlives the handle whose list it was made with. */
static int duplicate_in_callback(void)
{
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    outer = new_easy();
    curl_easy_setopt(outer, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(outer, CURLOPT_WRITEFUNCTION, duplicate_inside);
    once(outer);
    curl_easy_setopt(inner, CURLOPT_WRITEFUNCTION, discard);
    perform_by_multi(inner); /* with whatever list it was given */
    once(inner);
    curl_slist_free_all(list);
    return 0;
}

static struct curl_slist *other_list;

static size_t change_list(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    curl_easy_setopt(outer, CURLOPT_HTTPHEADER, other_list);
    return size * count;
}

static int change_list_in_callback(void)
{
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    other_list = curl_slist_append(NULL, "X-Other: 2");
    outer = new_easy();
    curl_easy_setopt(outer, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(outer, CURLOPT_WRITEFUNCTION, change_list);
    perform(outer);
    curl_slist_free_all(list);
    once(outer);
    curl_slist_free_all(other_list);
    return 0;
}

static int stop(void *user, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t uploaded)
{
    (void)user, (void)total, (void)upload_total, (void)uploaded;
    return now > 0;
}

static int abort_by_callback(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, stop);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    CURLcode code = curl_easy_perform(easy);
    printf("%d\n", (int)code);
    curl_easy_cleanup(easy);
    return 0;
}

static size_t take_nothing(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)size, (void)count, (void)user;
    return 0;
}

static int write_error(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_nothing);
    CURLcode code = curl_easy_perform(easy);
    printf("%d\n", (int)code);
    curl_easy_cleanup(easy);
    return 0;
}

/* A URL by its parts; changed between two transfers, and freed before a third that only some versions can do. */
static int url_handle(void)
{
    CURL *easy = curl_easy_init();
    CURLU *parts = curl_url();
    curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_easy_setopt(easy, CURLOPT_CURLU, parts);
    perform(easy);
    curl_easy_cleanup(easy);
    curl_url_cleanup(parts);
    return 0;
}

static int no_scheme(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_URL, strstr(url, "://") + 3);
    return once(easy);
}

static int default_protocol(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_URL, strstr(url, "://") + 3);
    curl_easy_setopt(easy, CURLOPT_DEFAULT_PROTOCOL, "http");
    return once(easy);
}

static int connect_only(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    return once(easy);
}

static int port_option(void)
{
    CURL *easy = new_easy();
    char without[256];
    const char *colon = strrchr(url, ':');
    snprintf(without, sizeof without, "%.*s/bytes/3", (int)(colon - url), url);
    curl_easy_setopt(easy, CURLOPT_URL, without);
    curl_easy_setopt(easy, CURLOPT_PORT, atol(colon + 1));
    return once(easy);
}

static int signed_request(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:s3");
    curl_easy_setopt(easy, CURLOPT_USERPWD, "key:secret");
    return once(easy);
}

static int certificate(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_CAINFO, second_url);
    return once(easy);
}

enum { HANDLES = 200 };

/* More handles than are ever in use at one time, at ever new addresses. */
static int many_handles(void)
{
    CURL *all[HANDLES];
    for (int i = 0; i < HANDLES; i++)
        all[i] = new_easy();
    for (int i = 0; i < HANDLES; i += 2)
        curl_easy_cleanup(all[i]);
    for (int i = 0; i < HANDLES; i += 2)
        all[i] = curl_easy_duphandle(all[1]);
    curl_easy_setopt(all[0], CURLOPT_URL, second_url);
    perform(all[0]);
    perform(all[HANDLES - 1]);
    for (int i = 0; i < HANDLES; i++)
        curl_easy_cleanup(all[i]);
    return 0;
}

/* errno after calls that succeed. */
static int errno_kept(void)
{
    errno = 42;
    CURL *easy = curl_easy_init();
    int after[5] = {errno};
    curl_easy_setopt(easy, CURLOPT_URL, url);
    after[1] = errno;
    CURL *copy = curl_easy_duphandle(easy);
    after[2] = errno;
    curl_easy_reset(copy);
    after[3] = errno;
    curl_easy_cleanup(copy);
    after[4] = errno;
    printf("%d %d %d %d %d\n", after[0], after[1], after[2], after[3], after[4]);
    return once(easy);
}

/* A handle that a forked child goes on with. */
static int forked(void)
{
    CURL *easy = new_easy();
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    perform(easy);
    pid_t child = fork();
    if (child == 0) {
        perform(easy);
        exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("child: %d\n", WEXITSTATUS(status));
    return once(easy);
}

static void keep(void *memory)
{
    (void)memory;
}

/* A handle for each request, never two at the same address: what is remembered of them must be forgotten again. */
static int ever_new_handles(void)
{
    curl_global_cleanup();
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, keep, realloc, strdup, calloc);
    for (int i = 0; i < 5000; i++)
        curl_easy_cleanup(new_easy());
    return get();
}

enum { THREADS = 64, REQUESTS = 100 };

static void *requests(void *failures)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    for (int i = 0; i < REQUESTS; i++)
        if (curl_easy_perform(easy) != CURLE_OK)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
    curl_easy_cleanup(easy);
    return NULL;
}

static int threads(void)
{
    pthread_t all[THREADS];
    int failures = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&all[i], NULL, requests, &failures);
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
    printf("failures: %d\n", failures);
    return failures != 0;
}

static jmp_buf back;

static size_t jump(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)size, (void)count, (void)user;
    longjmp(back, 1);
}

/* libcurl cannot use such a handle any more (it refuses), but it must still be possible to copy, reset and free it. */
static int long_jump(void)
{
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    outer = new_easy();
    curl_easy_setopt(outer, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(outer, CURLOPT_WRITEFUNCTION, jump);
    if (setjmp(back) == 0)
        curl_easy_perform(outer);
    else
        puts("jumped out");
    inner = curl_easy_duphandle(outer);
    printf("again: refused %d\n", curl_easy_perform(outer) != CURLE_OK);
    curl_easy_cleanup(outer);
    curl_easy_setopt(inner, CURLOPT_WRITEFUNCTION, discard);
    once(inner);
    curl_slist_free_all(list);
    return 0;
}

#define MODE(name)                                                                                                     \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
static const struct {
    const char *name;
    int (*run)(void);
} modes[] = {
    MODE(get),
    MODE(post),
    MODE(post_empty),
    MODE(post_read),
    MODE(put),
    MODE(mime),
    MODE(head),
    MODE(custom),
    MODE(unheard_of),
    MODE(methods),
    MODE(follow),
    MODE(post_follow),
    MODE(fail_on_error),
    MODE(short_timeout),
    MODE(user_agent),
    MODE(list),
    MODE(own_trace),
    MODE(own_trace_unsampled),
    MODE(own_trace_broken),
    MODE(own_trace_none),
    MODE(own_trace_twice),
    MODE(own_trace_after_all),
    MODE(own_state_twice),
    MODE(own_state_and_baggage),
    MODE(own_b3),
    MODE(own_b3_multi),
    MODE(own_b3_deny),
    MODE(own_b3_none),
    MODE(own_jaeger),
    MODE(own_xray),
    MODE(own_ottrace),
    MODE(otlp),
    MODE(reset),
    MODE(duplicate),
    MODE(nested),
    MODE(recursive),
    MODE(duplicate_in_callback),
    MODE(change_list_in_callback),
    MODE(abort_by_callback),
    MODE(write_error),
    MODE(url_handle),
    MODE(no_scheme),
    MODE(default_protocol),
    MODE(connect_only),
    MODE(port_option),
    MODE(signed_request),
    MODE(certificate),
    MODE(multi),
    MODE(errno_kept),
    MODE(forked),
    MODE(many_handles),
    MODE(ever_new_handles),
    MODE(threads),
    MODE(long_jump),
};

int main(int count, char **arguments)
{
    if (count < 3)
        return 98;
    url = arguments[2];
    second_url = count > 3 ? arguments[3] : NULL;
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, arguments[1]) == 0) {
            int status = modes[i].run();
            curl_global_cleanup();
            return status;
        }
    fprintf(stderr, "no mode %s\n", arguments[1]);
    return 98;
}

#endif
