// build: -shared -fPIC -lcurl
/* A module that brings libcurl with it, as an extension of an interpreter does. */
#include <curl/curl.h>
#include <stdio.h>

int fetch(const char *url);

int fetch(const char *url)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    printf("%d\n", (int)code);
    return code != CURLE_OK;
}
