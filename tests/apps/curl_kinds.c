// build: -lcurl
/* One transfer of any kind: easy|multi URL [OPTION=VALUE...]. Options with a name of libcurl's are given to it as they
 * are; the others are below. It prints all it can see of the transfer, so that a difference between two runs shows. */
#define CURL_DISABLE_DEPRECATION /* old ways are tested too */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CURL *easy;
static CURLM *all;
static CURLU *parts;
static curl_mime *form;
static struct curl_httppost *old_form;
static struct curl_slist *headers, *resolve;
static char error_text[CURL_ERROR_SIZE];
static size_t body_left;
static long times = 1;
static bool driven_by_multi, pause_inside, pause_outside, paused, was_paused;

enum type { NUMBER, TEXT };

static const struct {
    const char *name;
    CURLoption option;
    enum type type;
} options[] = {
    {"customrequest", CURLOPT_CUSTOMREQUEST, TEXT},
    {"nobody", CURLOPT_NOBODY, NUMBER},
    {"post", CURLOPT_POST, NUMBER},
    {"upload", CURLOPT_UPLOAD, NUMBER},
    {"postfields", CURLOPT_POSTFIELDS, TEXT},
    {"follow", CURLOPT_FOLLOWLOCATION, NUMBER},
    {"maxredirs", CURLOPT_MAXREDIRS, NUMBER},
    {"postredir", CURLOPT_POSTREDIR, NUMBER},
    {"httpauth", CURLOPT_HTTPAUTH, NUMBER},
    {"userpwd", CURLOPT_USERPWD, TEXT},
    {"http_version", CURLOPT_HTTP_VERSION, NUMBER},
    {"http09_allowed", CURLOPT_HTTP09_ALLOWED, NUMBER},
    {"proxy", CURLOPT_PROXY, TEXT},
    {"httpproxytunnel", CURLOPT_HTTPPROXYTUNNEL, NUMBER},
    {"proxyuserpwd", CURLOPT_PROXYUSERPWD, TEXT},
    {"proxyauth", CURLOPT_PROXYAUTH, NUMBER},
    {"connect_only", CURLOPT_CONNECT_ONLY, NUMBER},
    {"unix_socket_path", CURLOPT_UNIX_SOCKET_PATH, TEXT},
    {"abstract_unix_socket", CURLOPT_ABSTRACT_UNIX_SOCKET, TEXT},
    {"cainfo", CURLOPT_CAINFO, TEXT},
    {"ssl_verifypeer", CURLOPT_SSL_VERIFYPEER, NUMBER},
    {"hsts", CURLOPT_HSTS, TEXT},
    {"hsts_ctrl", CURLOPT_HSTS_CTRL, NUMBER},
    {"altsvc", CURLOPT_ALTSVC, TEXT},
    {"altsvc_ctrl", CURLOPT_ALTSVC_CTRL, NUMBER},
    {"timeout_ms", CURLOPT_TIMEOUT_MS, NUMBER},
    {"connecttimeout_ms", CURLOPT_CONNECTTIMEOUT_MS, NUMBER},
    {"expect_100_timeout_ms", CURLOPT_EXPECT_100_TIMEOUT_MS, NUMBER},
    {"failonerror", CURLOPT_FAILONERROR, NUMBER},
    {"forbid_reuse", CURLOPT_FORBID_REUSE, NUMBER},
    {"accept_encoding", CURLOPT_ACCEPT_ENCODING, TEXT},
};

static size_t show(char *data, size_t size, size_t count, void *user)
{
    (void)user;
    if ((pause_inside || pause_outside) && !was_paused) {
        paused = was_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    return fwrite(data, size, count, stdout);
}

static size_t give(char *data, size_t size, size_t count, void *user)
{
    size_t room = size * count;
    (void)user;
    if (room > body_left)
        room = body_left;
    memset(data, 'u', room);
    body_left -= room;
    return room;
}

static int seek(void *user, curl_off_t offset, int origin)
{
    (void)origin;
    body_left = *(size_t *)user - (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int progress(void *user, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t uploaded)
{
    (void)user, (void)total, (void)now, (void)upload_total, (void)uploaded;
    if (pause_inside && paused) {
        paused = false;
        curl_easy_pause(easy, CURLPAUSE_CONT);
    }
    return 0;
}

static void set_body(const char *value, bool announced)
{
    static size_t whole;
    whole = body_left = strtoul(value, NULL, 10);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &whole);
    if (announced)
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)whole);
}

/* `%00` in the value is a NUL of the body. */
static void set_bytes(const char *value)
{
    int length;
    char *bytes = curl_easy_unescape(easy, value, 0, &length);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)length);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
    curl_free(bytes);
}

static void set_mime(const char *value)
{
    form = curl_mime_init(easy);
    curl_mimepart *part = curl_mime_addpart(form);
    curl_mime_name(part, "field");
    curl_mime_data(part, value, CURL_ZERO_TERMINATED);
    part = curl_mime_addpart(form);
    curl_mime_name(part, "file");
    curl_mime_filename(part, "name.bin");
    curl_mime_data(part, "a\0b", 3);
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, form);
}

static void set_old_form(const char *value)
{
    struct curl_httppost *last = NULL;
    curl_formadd(&old_form, &last, CURLFORM_COPYNAME, "field", CURLFORM_COPYCONTENTS, value, CURLFORM_END);
    curl_easy_setopt(easy, CURLOPT_HTTPPOST, old_form);
}

static bool set_of_ours(const char *name, const char *value)
{
    if (strcmp(name, "body") == 0)
        set_body(value, true);
    else if (strcmp(name, "chunked") == 0)
        set_body(value, false);
    else if (strcmp(name, "bytes") == 0)
        set_bytes(value);
    else if (strcmp(name, "mime") == 0)
        set_mime(value);
    else if (strcmp(name, "form") == 0)
        set_old_form(value);
    else if (strcmp(name, "curlu") == 0)
        curl_url_set(parts, CURLUPART_QUERY, value, CURLU_APPENDQUERY);
    else if (strcmp(name, "header") == 0)
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers = curl_slist_append(headers, value));
    else if (strcmp(name, "resolve") == 0)
        curl_easy_setopt(easy, CURLOPT_RESOLVE, resolve = curl_slist_append(resolve, value));
    else if (strcmp(name, "times") == 0)
        times = strtol(value, NULL, 10);
    else if (strcmp(name, "pause") == 0)
        *(strcmp(value, "inside") == 0 ? &pause_inside : &pause_outside) = true;
    else
        return false;
    return true;
}

static void set(char *assignment)
{
    char *value = strchr(assignment, '=');
    CURLcode code = CURLE_UNKNOWN_OPTION;
    *value++ = 0;
    if (set_of_ours(assignment, value))
        return;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, assignment) == 0)
            code = options[i].type == TEXT ? curl_easy_setopt(easy, options[i].option, value)
                                           : curl_easy_setopt(easy, options[i].option, strtol(value, NULL, 10));
    if (code != CURLE_OK)
        printf("%s=%s: %d\n", assignment, value, (int)code);
}

static CURLcode perform_by_multi(void)
{
    int running, left;
    CURLcode result = CURLE_OK;
    curl_multi_add_handle(all, easy);
    do {
        curl_multi_perform(all, &running);
        if (pause_outside && paused) {
            paused = false;
            curl_easy_pause(easy, CURLPAUSE_CONT);
        }
        for (CURLMsg *message; (message = curl_multi_info_read(all, &left));)
            result = message->data.result;
        if (running)
            curl_multi_poll(all, NULL, 0, 100, NULL);
    } while (running);
    curl_multi_remove_handle(all, easy);
    return result;
}

/* Everything but times and ports. */
static void tell(CURLcode code)
{
    long status = 0, connect_status = 0, redirects = 0, version = 0;
    curl_off_t received = 0, sent = 0;
    char *effective = NULL, *scheme = NULL, *content_type = NULL;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &effective);
    curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &content_type);
    bool timed = code == CURLE_OPERATION_TIMEDOUT || code == CURLE_COULDNT_CONNECT;
    printf("\n%d status %ld connect %ld redirects %ld version %ld received %ld sent %ld %s %s %s '%s'\n", (int)code,
           status, connect_status, redirects, version, (long)received, (long)sent, effective ? effective : "-",
           scheme ? scheme : "-", content_type ? content_type : "-", timed ? "" : error_text);
}

int main(int count, char **arguments)
{
    if (count < 3)
        return 98;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    driven_by_multi = strcmp(arguments[1], "multi") == 0;
    easy = curl_easy_init();
    all = curl_multi_init();
    parts = curl_url();
    curl_easy_setopt(easy, CURLOPT_URL, arguments[2]);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, show);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 20L);
    if (count > 3 && strncmp(arguments[3], "curlu=", 6) == 0) {
        curl_easy_setopt(easy, CURLOPT_URL, NULL);
        curl_url_set(parts, CURLUPART_URL, arguments[2], 0);
        curl_easy_setopt(easy, CURLOPT_CURLU, parts);
    }
    for (int i = 3; i < count; i++)
        set(arguments[i]);
    for (long i = 0; i < times; i++) {
        error_text[0] = 0;
        tell(driven_by_multi ? perform_by_multi() : curl_easy_perform(easy));
    }
    curl_easy_cleanup(easy);
    curl_multi_cleanup(all);
    curl_mime_free(form);
    curl_formfree(old_form);
    curl_slist_free_all(headers);
    curl_slist_free_all(resolve);
    curl_url_cleanup(parts);
    curl_global_cleanup();
    return 0;
}
