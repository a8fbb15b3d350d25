// build: -lcurl
/* Every function that libcurl calls during a transfer of a multi handle: MODE URL [CA]. Each is told apart by its
 * value, and it is printed which were called with the right one. */
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct value {
    const char *name;
    int calls;
    size_t bytes;
    CURL *easy;
};

static struct value values[24];
static int value_count;
static CURLM *all;
static CURL *easy;
static const char *url;

static struct value *value(const char *name)
{
    struct value *made = &values[value_count++];
    made->name = name;
    made->easy = easy;
    return made;
}

/* Called with the value that was given with this function? */
static void called(struct value *with, const char *name, size_t bytes)
{
    if (strcmp(with->name, name) != 0)
        printf("%s called with the value of %s\n", name, with->name);
    with->calls++;
    with->bytes += bytes;
}

static int divided; /* how bytes are divided between functions is a matter of time */

static void tell(void)
{
    size_t sum = 0;
    for (int i = 0; i < value_count; i++) {
        printf("%s: %d %zu\n", values[i].name, values[i].calls > 0, divided ? 0 : values[i].bytes);
        sum += strcmp(values[i].name, "header") ? values[i].bytes : 0;
    }
    if (divided > 0)
        printf("sum: %zu\n", sum);
}

static size_t on_write(char *at, size_t size, size_t count, void *data)
{
    (void)at;
    called(data, "write", size * count);
    return size * count;
}

static size_t on_other_write(char *at, size_t size, size_t count, void *data)
{
    (void)at;
    called(data, "other write", size * count);
    return size * count;
}

static size_t on_read(char *at, size_t size, size_t count, void *data)
{
    struct value *from = data;
    size_t left = 5000 - from->bytes;
    called(data, "read", 0);
    if (left > size * count)
        left = size * count;
    if (left > 1000)
        left = 1000;
    memset(at, 'u', left);
    from->bytes += left;
    return left;
}

static size_t on_header(char *at, size_t size, size_t count, void *data)
{
    called(data, "header", strncmp(at, "Date", 4) ? size * count : 0);
    return size * count;
}

static int on_xferinfo(void *data, curl_off_t down, curl_off_t had, curl_off_t up, curl_off_t sent)
{
    (void)down, (void)had, (void)up, (void)sent;
    called(data, "xferinfo", 0);
    return 0;
}

static int on_progress(void *data, double down, double had, double up, double sent)
{
    (void)down, (void)had, (void)up, (void)sent;
    called(data, "progress", 0);
    return 0;
}

static int on_seek(void *data, curl_off_t offset, int origin)
{
    called(data, "seek", (size_t)offset + (size_t)origin);
    values[0].bytes = 0; /* what is read */
    return CURL_SEEKFUNC_OK;
}

static curlioerr on_ioctl(CURL *of, int command, void *data)
{
    called(data, of == easy ? "ioctl" : "another handle", (size_t)command);
    values[0].bytes = 0;
    return CURLIOE_OK;
}

static int on_debug(CURL *of, curl_infotype type, char *at, size_t size, void *data)
{
    (void)at;
    called(data, of == easy ? "debug" : "another handle", type == CURLINFO_DATA_IN ? size : 0);
    return 0;
}

static int on_sockopt(void *data, curl_socket_t socket, curlsocktype purpose)
{
    called(data, "sockopt", socket >= 0 && purpose == CURLSOCKTYPE_IPCXN);
    return CURL_SOCKOPT_OK;
}

static curl_socket_t on_opensocket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    called(data, "opensocket", purpose == CURLSOCKTYPE_IPCXN);
    return socket(address->family, address->socktype, address->protocol);
}

static int on_closesocket(void *data, curl_socket_t socket)
{
    called(data, "closesocket", 1);
    return close(socket);
}

static CURLcode on_ssl_ctx(CURL *of, void *context, void *data)
{
    called(data, of == easy ? "ssl_ctx" : "another handle", context != NULL);
    return CURLE_OK;
}

static int on_resolver_start(void *state, void *reserved, void *data)
{
    (void)state, (void)reserved;
    called(data, "resolver_start", 0);
    return 0;
}

static int on_trailer(struct curl_slist **list, void *data)
{
    called(data, "trailer", 0);
    *list = curl_slist_append(*list, "X-Trailer: last");
    return CURL_TRAILERFUNC_OK;
}

#if LIBCURL_VERSION_NUM >= 0x075000
static int on_prereq(void *data, char *remote, char *local, int remote_port, int local_port)
{
    called(data, "prereq", strcmp(remote, local) == 0 && remote_port > 0 && local_port > 0);
    return CURL_PREREQFUNC_OK;
}
#endif

#define SET(NAME, name)                                                                                                \
    (curl_easy_setopt(easy, NAME##FUNCTION, on_##name), curl_easy_setopt(easy, NAME##DATA, value(#name)))

static CURL *new_easy(void)
{
    easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 20L);
    return easy;
}

/* A value before its function, and the other way round. */
static void set_usual(void)
{
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("write"));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_HEADER, header);
}

static void drive_on(CURLM *multi)
{
    int running, left;
    CURLMsg *message;
    do {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 50, NULL);
    } while (running);
    while ((message = curl_multi_info_read(multi, &left)))
        printf("done: %d\n", (int)message->data.result);
}

static void drive(CURLM *multi)
{
    curl_multi_add_handle(multi, easy);
    drive_on(multi);
    curl_multi_remove_handle(multi, easy);
}

/* --- modes -------------------------------------------------------------------------------------------------------- */

static void upload(int with_seek)
{
    SET(CURLOPT_READ, read);
    if (with_seek)
        SET(CURLOPT_SEEK, seek);
    else
        SET(CURLOPT_IOCTL, ioctl);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

/* A chunked upload; one that is redirected is sent again. */
static void every(void)
{
    upload(1);
    set_usual();
    SET(CURLOPT_XFERINFO, xferinfo);
    SET(CURLOPT_DEBUG, debug);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    SET(CURLOPT_SOCKOPT, sockopt);
    SET(CURLOPT_OPENSOCKET, opensocket);
    SET(CURLOPT_CLOSESOCKET, closesocket);
    SET(CURLOPT_SSL_CTX_, ssl_ctx);
    SET(CURLOPT_RESOLVER_START_, resolver_start);
    if (!strstr(url, "again")) /* libcurl 7.88 frees its trailers twice then */
        SET(CURLOPT_TRAILER, trailer);
#if LIBCURL_VERSION_NUM >= 0x075000
    SET(CURLOPT_PREREQ, prereq);
#endif
    drive(all);
    curl_easy_cleanup(easy);
}

static void older(void)
{
    upload(0);
    set_usual();
    curl_easy_setopt(easy, CURLOPT_PROGRESSFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_PROGRESSDATA, value("progress"));
    drive(all);
    curl_easy_cleanup(easy);
}

/* Set when the handle is in the multi handle already, and when it runs. */
static void late(void)
{
    int running;
    divided = 1;
    curl_multi_add_handle(all, easy);
    set_usual();
    do {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 50, NULL);
    } while (running && values[0].calls == 0);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("other write"));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_other_write);
    drive_on(all);
    curl_multi_remove_handle(all, easy);
    curl_easy_cleanup(easy);
}

static size_t then_other(char *at, size_t size, size_t count, void *data)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_other_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("other write"));
    return on_write(at, size, count, data);
}

static void swapped(void)
{
    divided = 1;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, then_other);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("write"));
    drive(all);
    printf("alone: %d\n", (int)curl_easy_perform(easy));
    curl_easy_cleanup(easy);
}

static FILE *file;

static size_t then_default(char *at, size_t size, size_t count, void *data)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, NULL);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, file);
    return on_write(at, size, count, data);
}

static void unset(void)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, then_default);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("write"));
    divided = 1;
    file = tmpfile();
    drive(all);
    drive(all);
    values[0].bytes += (size_t)ftell(file);
    curl_easy_cleanup(easy);
}

/* Headers to the function for the body; then to a file; the body to what libcurl takes by itself. */
static size_t print(char *at, size_t size, size_t count, void *data)
{
    return strncmp(at, "Date", 4) ? fwrite(at, size, count, data) : size * count;
}

static void defaults(void)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, print);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, stdout);
    drive(all);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, NULL);
    drive(all);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, NULL);
    drive(all);
    file = tmpfile();
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, file);
    drive(all);
    printf("in the file: %ld\n", ftell(file));
    curl_easy_cleanup(easy);
}

static CURL *copy;

static size_t then_copy(char *at, size_t size, size_t count, void *data)
{
    if (!copy)
        copy = curl_easy_duphandle(easy);
    return on_write(at, size, count, data);
}

static void copied(void)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, then_copy);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("write"));
    SET(CURLOPT_HEADER, header);
    drive(all);
    curl_easy_cleanup(easy);
    new_easy(); /* where the other one was */
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_other_write);
    printf("copy: %d\n", (int)curl_easy_perform(copy));
    curl_easy_cleanup(easy);
    easy = copy;
    drive(all);
    curl_easy_cleanup(copy);
}

static void reused(void)
{
    CURLM *other = curl_multi_init();
    set_usual();
    drive(all);
    printf("alone: %d\n", (int)curl_easy_perform(easy));
    drive(other);
    curl_multi_cleanup(other);
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    drive(all);
    curl_easy_cleanup(easy);
}

/* Its connection outlives the handle. */
static void cleaned(void)
{
    int running;
    divided = -1;
    set_usual();
    SET(CURLOPT_XFERINFO, xferinfo);
    SET(CURLOPT_CLOSESOCKET, closesocket);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_multi_add_handle(all, easy);
    do {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 50, NULL);
    } while (running && values[0].calls == 0);
    curl_easy_cleanup(easy);
}

static int on_push(CURL *parent, CURL *pushed, size_t count, struct curl_pushheaders *headers, void *data)
{
    (void)parent, (void)pushed, (void)count, (void)headers, (void)data;
    return CURL_PUSH_DENY;
}

static void pushing(void)
{
    set_usual();
    curl_multi_add_handle(all, easy);
    curl_multi_setopt(all, CURLMOPT_PUSHFUNCTION, on_push);
    drive_on(all);
    curl_multi_remove_handle(all, easy);
    curl_multi_setopt(all, CURLMOPT_PUSHFUNCTION, NULL);
    drive(all);
    curl_easy_cleanup(easy);
}

/* A part with a value of its own for the read function. */
static void old_form(void)
{
    struct curl_httppost *first = NULL, *last = NULL;
    SET(CURLOPT_READ, read);
    struct value *part = value("read");
    set_usual();
    curl_formadd(&first, &last, CURLFORM_COPYNAME, "field", CURLFORM_FILENAME, "f", CURLFORM_STREAM, part,
                 CURLFORM_CONTENTSLENGTH, 5000L, CURLFORM_END);
    curl_easy_setopt(easy, CURLOPT_HTTPPOST, first);
    drive(all);
    curl_easy_cleanup(easy);
    curl_formfree(first);
}

static jmp_buf back;

static size_t then_jump(char *at, size_t size, size_t count, void *data)
{
    on_write(at, size, count, data);
    longjmp(back, 1);
}

static void jumped(void)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, then_jump);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, value("write"));
    if (setjmp(back) == 0)
        drive(all);
    else
        puts("jumped"); /* libcurl still is in it, for all it knows: both are left alone */
    all = curl_multi_init();
    new_easy();
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &values[0]);
    drive(all);
    curl_easy_cleanup(easy);
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"every", every},     {"older", older},     {"late", late},         {"swapped", swapped},
    {"unset", unset},     {"reused", reused},   {"defaults", defaults}, {"copied", copied},
    {"cleaned", cleaned}, {"pushing", pushing}, {"old_form", old_form}, {"jumped", jumped},
};

int main(int count, char **arguments)
{
    if (count < 3)
        return 98;
    url = arguments[2];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    all = curl_multi_init();
    new_easy();
    if (count > 3)
        curl_easy_setopt(easy, CURLOPT_CAINFO, arguments[3]);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, arguments[1]) == 0) {
            modes[i].run();
            curl_multi_cleanup(all);
            tell();
            return 0;
        }
    return 98;
}
