#include "weather.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

struct answer {
    char *text;
    size_t size;
    size_t length;
};

static size_t receive(char *data, size_t one, size_t count, void *user)
{
    struct answer *answer = user;
    size_t room = answer->size - 1 - answer->length;
    size_t take = one * count < room ? one * count : room;
    memcpy(answer->text + answer->length, data, take);
    answer->length += take;
    return one * count;
}

int weather_now(const char *api, char *text, size_t size)
{
    char url[256];
    snprintf(url, sizeof url, "%s/weather?city=Berlin", api);
    CURL *easy = curl_easy_init();
    if (!easy)
        return -1;
    struct answer answer = {text, size, 0};
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    CURLcode result = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    text[answer.length] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    if (result != CURLE_OK)
        fprintf(stderr, "board: %s: %s\n", url, curl_easy_strerror(result));
    return result == CURLE_OK ? 0 : -1;
}
