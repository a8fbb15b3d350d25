// build: -shared -fPIC -lcurl
/* A module that begins a transfer and leaves it to itself. */
#include <curl/curl.h>

int begin(const char *url);

int begin(const char *url)
{
    int running;
    long sent = 0;
    CURLM *all = curl_multi_init();
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_multi_add_handle(all, easy);
    while (sent == 0) {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 5, NULL);
        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
    }
    return running;
}
