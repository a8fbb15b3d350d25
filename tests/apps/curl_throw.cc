// build: -lcurl
// Exceptions out of a callback, through libcurl and through whatever wraps it: URL, or URL multi.
#include <curl/curl.h>

#include <cstdio>
#include <stdexcept>
#include <string>

struct Witness {
    ~Witness()
    {
        std::puts("destroyed");
    }
};

static size_t refuse(char *, size_t, size_t, void *)
{
    throw std::runtime_error("not this");
}

static size_t append(char *data, size_t size, size_t count, void *user)
{
    static_cast<std::string *>(user)->append(data, size * count);
    return size * count;
}

static bool multi;

static CURLcode in_multi(CURL *easy)
{
    int running, left;
    CURLM *all = curl_multi_init();
    curl_multi_add_handle(all, easy);
    do {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, nullptr, 0, 100, nullptr);
    } while (running);
    CURLcode code = curl_multi_info_read(all, &left)->data.result;
    curl_multi_remove_handle(all, easy);
    curl_multi_cleanup(all);
    return code;
}

static void fetch(CURL *easy)
{
    Witness witness;
    std::printf("code %d\n", static_cast<int>(multi ? in_multi(easy) : curl_easy_perform(easy)));
}

int main(int count, char **arguments)
{
    multi = count > 2;
    std::string body;
    curl_slist *list = curl_slist_append(nullptr, "X-One: 1");
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, arguments[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, refuse);
    try {
        fetch(easy);
    } catch (const std::exception &error) {
        std::printf("caught %s\n", error.what());
    }
    if (!multi) // where libcurl still is in the callback, for all it knows
        curl_easy_cleanup(easy);
    easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, arguments[1]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    fetch(easy);
    std::printf("%s", body.c_str());
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
    return 0;
}
