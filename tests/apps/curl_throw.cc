// build: -lcurl
// Exceptions out of a callback, through libcurl and through whatever wraps it: URL.
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

static void fetch(CURL *easy)
{
    Witness witness;
    std::printf("code %d\n", static_cast<int>(curl_easy_perform(easy)));
}

int main(int, char **arguments)
{
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
