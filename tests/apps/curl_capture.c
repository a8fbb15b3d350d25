// build: -lcurl
/* Transfers with options given by letter: MODE URL [LETTER=VALUE]… It prints the answer's headers as its own callback
 * gets them, and as libcurl tells them afterwards. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct curl_slist *list;
static CURL *easy;
static int swap; /* another list in the middle of the transfer */

static size_t print_header(char *data, size_t size, size_t count, void *user)
{
    (void)user;
    if (strncmp(data, "Date", 4) != 0)
        fwrite(data, size, count, stdout);
    return size * count;
}

static size_t print_body(char *data, size_t size, size_t count, void *user)
{
    if (swap) {
        swap = 0;
        curl_slist_free_all(list);
        list = curl_slist_append(NULL, "X-Other: 2");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    }
    return fwrite(data, size, count, user);
}

static void print_known_headers(void)
{
#if LIBCURL_VERSION_NUM >= 0x075300
    struct curl_header *header = NULL, *multi;
    while ((header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header)))
        if (strcmp(header->name, "Date") != 0)
            printf("%s=%s %zu/%zu\n", header->name, header->value, header->index, header->amount);
    if (curl_easy_header(easy, "x-multi", 1, CURLH_HEADER, -1, &multi) == CURLHE_OK)
        printf("second: %s\n", multi->value);
#endif
}

static void set(const char *word)
{
    const char *value = word + 2;
    switch (word[0]) {
    case 'H':
        list = curl_slist_append(list, value);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
        break;
    case 'A':
        curl_easy_setopt(easy, CURLOPT_USERAGENT, value);
        break;
    case 'R':
        curl_easy_setopt(easy, CURLOPT_REFERER, value);
        break;
    case 'E':
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, value);
        break;
    case 'G':
        curl_easy_setopt(easy, CURLOPT_RANGE, value);
        break;
    case 'F':
        curl_easy_setopt(easy, CURLOPT_RESUME_FROM, atol(value));
        break;
    case 'P':
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, value);
        break;
    case 'M': {
        curl_mime *mime = curl_mime_init(easy);
        curl_mimepart *part = curl_mime_addpart(mime);
        curl_mime_name(part, "field");
        curl_mime_data(part, value, CURL_ZERO_TERMINATED);
        curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime);
        break;
    }
    case 'C':
        curl_easy_setopt(easy, CURLOPT_CAINFO, value);
        break;
    case 'L':
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
        break;
    case 'S':
        swap = 1;
        break;
    default:
        abort();
    }
}

static CURLcode in_multi(void)
{
    int running, left;
    CURLM *multi = curl_multi_init();
    curl_multi_add_handle(multi, easy);
    do {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 100, NULL);
    } while (running);
    CURLMsg *message = curl_multi_info_read(multi, &left);
    CURLcode code = message ? message->data.result : CURLE_GOT_NOTHING;
    curl_multi_remove_handle(multi, easy);
    curl_multi_cleanup(multi);
    return code;
}

static void run(int multi)
{
    CURLcode code = multi ? in_multi() : curl_easy_perform(easy);
    printf("%d\n", (int)code);
    print_known_headers();
}

int main(int argc, char **argv)
{
    const char *mode = argv[1];
    int multi = strcmp(mode, "multi") == 0;
    if (argc < 3)
        return 98;
    easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, print_header);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, print_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, stdout);
    for (int i = 3; i < argc; i++)
        set(argv[i]);
    if (strcmp(mode, "copy") == 0) {
        CURL *original = easy;
        easy = curl_easy_duphandle(original);
        curl_easy_cleanup(original);
    } else if (strcmp(mode, "reset") == 0) {
        curl_easy_reset(easy);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, print_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, stdout);
    }
    curl_easy_setopt(easy, CURLOPT_URL, argv[2]);
    run(multi);
    if (strcmp(mode, "twice") == 0)
        run(multi);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
    return 0;
}
