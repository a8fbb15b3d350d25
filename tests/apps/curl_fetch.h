/* One transfer, told with the error's own words: they differ between the copies of libcurl. */
#ifndef TESTS_APPS_CURL_FETCH_H
#define TESTS_APPS_CURL_FETCH_H

#include <curl/curl.h>
#include <stdio.h>

int fetch(const char *url);

int fetch(const char *url)
{
    char words[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    printf("\n%d %ld '%s'\n", (int)code, status, words);
    fflush(stdout);
    return code != CURLE_OK;
}

#endif
