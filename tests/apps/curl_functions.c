// build: -lcurl
/* One call of libcurl an argument, on one handle and one multi handle; what each answers is printed. */
#define CURL_DISABLE_DEPRECATION /* curl_multi_socket and curl_multi_socket_all are still there */
#include <curl/curl.h>
#undef curl_multi_socket
#include <poll.h>
#include <stdio.h>
#include <string.h>

static CURL *easy;
static CURLM *multi;
static int running, wanted;
static curl_socket_t watched = CURL_SOCKET_BAD;

static size_t discard(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    return size * count;
}

static int watch(CURL *of, curl_socket_t socket, int what, void *user, void *known)
{
    (void)of, (void)user, (void)known;
    watched = what == CURL_POLL_REMOVE ? CURL_SOCKET_BAD : socket;
    wanted = what;
    return 0;
}

static int no_push(CURL *parent, CURL *pushed, size_t count, struct curl_pushheaders *headers, void *user)
{
    (void)parent, (void)pushed, (void)count, (void)headers, (void)user;
    return CURL_PUSH_DENY;
}

static void new_easy(const char *unused)
{
    (void)unused;
    easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
}

static void set_url(const char *url)
{
    printf("%d\n", (int)curl_easy_setopt(easy, CURLOPT_URL, url));
}

static void set_port(const char *port)
{
    long number = 0;
    sscanf(port, "%ld", &number);
    printf("%d\n", (int)curl_easy_setopt(easy, CURLOPT_PORT, number));
}

static void set_body(const char *body)
{
    printf("%d\n", (int)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body));
}

static void perform(const char *unused)
{
    (void)unused;
    printf("%d\n", (int)curl_easy_perform(easy));
}

static void copy(const char *unused)
{
    (void)unused;
    CURL *original = easy;
    easy = curl_easy_duphandle(original);
    curl_easy_cleanup(original);
}

static void reset(const char *unused)
{
    (void)unused;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
}

static void close_easy(const char *unused)
{
    (void)unused;
    curl_easy_cleanup(easy);
}

static void new_multi(const char *unused)
{
    (void)unused;
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
}

static void set_option(const char *which)
{
    printf("%d\n", strcmp(which, "push") == 0 ? (int)curl_multi_setopt(multi, CURLMOPT_PUSHFUNCTION, no_push)
                                              : (int)curl_multi_setopt(multi, (CURLMoption)12345, 1L));
}

static void add(const char *unused)
{
    (void)unused;
    printf("%d\n", (int)curl_multi_add_handle(multi, easy));
}

static void take_out(const char *unused)
{
    (void)unused;
    printf("%d\n", (int)curl_multi_remove_handle(multi, easy));
}

/* Of a multi handle that it is not in. */
static void take_out_elsewhere(const char *unused)
{
    (void)unused;
    CURLM *other = curl_multi_init();
    printf("%d\n", curl_multi_remove_handle(other, easy) != CURLM_OK);
    curl_multi_cleanup(other);
}

/* Until the request is on its way. */
static void begin(const char *unused)
{
    (void)unused;
    for (long sent = 0; sent == 0; curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent)) {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 10, NULL);
    }
}

static CURLMcode step(const char *how)
{
    CURLMcode code;
    if (strcmp(how, "perform") == 0)
        return curl_multi_perform(multi, &running);
    if (strcmp(how, "socket_all") == 0)
        return curl_multi_socket_all(multi, &running);
    if (strcmp(how, "socket") == 0) {
        code = curl_multi_socket(multi, CURL_SOCKET_TIMEOUT, &running);
        return watched == CURL_SOCKET_BAD ? code : curl_multi_socket(multi, watched, &running);
    }
    code = curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    return watched == CURL_SOCKET_BAD ? code : curl_multi_socket_action(multi, watched, 0, &running);
}

static void drive(const char *how)
{
    CURLMcode code = step(how);
    while (code == CURLM_OK && running) {
        short events = (short)((wanted & CURL_POLL_IN ? POLLIN : 0) | (wanted & CURL_POLL_OUT ? POLLOUT : 0));
        struct pollfd one = {.fd = watched, .events = events};
        poll(&one, 1, 10);
        code = step(how);
    }
    printf("%d\n", (int)code);
}

static void read_result(const char *unused)
{
    (void)unused;
    int left;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    if (message)
        printf("%d\n", (int)message->data.result);
    else
        puts("none");
}

static void end(const char *unused)
{
    (void)unused;
    printf("%d\n", (int)curl_multi_cleanup(multi));
}

static const struct {
    const char *name;
    void (*call)(const char *);
} words[] = {
    {"easy", new_easy},   {"url", set_url},
    {"port", set_port},   {"body", set_body},
    {"perform", perform}, {"copy", copy},
    {"reset", reset},     {"close", close_easy},
    {"multi", new_multi}, {"option", set_option},
    {"add", add},         {"remove", take_out},
    {"begin", begin},     {"elsewhere", take_out_elsewhere},
    {"drive", drive},     {"read", read_result},
    {"end", end},
};

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t length = strcspn(argv[i], "=");
        const char *value = argv[i][length] ? argv[i] + length + 1 : "";
        printf("%.*s: ", (int)length, argv[i]);
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            if (strlen(words[w].name) == length && strncmp(words[w].name, argv[i], length) == 0)
                words[w].call(value);
        puts("");
    }
    return 0;
}
