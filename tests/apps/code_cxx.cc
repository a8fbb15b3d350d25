// build: -lhiredis -lcurl
/* C++: calls from namespaces, classes, templates and lambdas, and exceptions through them: `redis-socket url`. */
#include <cstdio>
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <stdexcept>
#include <string>

#define APART __attribute__((noinline, noclone))

static redisContext *redis;

namespace shop
{

APART void function(const std::string &key)
{
    auto *reply = static_cast<redisReply *>(redisCommand(redis, "GET %s", key.c_str()));
    std::printf("%s %d\n", key.c_str(), reply ? reply->type : -1);
    freeReplyObject(reply);
}

class Store
{
  public:
    explicit Store(int what) : what_(what)
    {
    }

    APART int method(const std::string &key) const
    {
        auto *reply = static_cast<redisReply *>(redisCommand(redis, "GET %s", key.c_str()));
        std::printf("%s %d\n", key.c_str(), what_);
        freeReplyObject(reply);
        return what_;
    }

    template <class T> APART T generic(T value)
    {
        auto *reply = static_cast<redisReply *>(redisCommand(redis, "GET generic"));
        std::printf("generic %d\n", what_);
        freeReplyObject(reply);
        return value;
    }

  private:
    int what_;
};

} // namespace shop

namespace
{

APART void hidden()
{
    auto *reply = static_cast<redisReply *>(redisCommand(redis, "GET hidden"));
    std::printf("hidden\n");
    freeReplyObject(reply);
}

struct Witness {
    ~Witness()
    {
        std::printf("undone\n");
    }
};

size_t refuse(char *, size_t, size_t, void *)
{
    Witness witness;
    throw std::runtime_error("enough");
}

APART int fetch(const char *url)
{
    Witness witness;
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, refuse);
    int result = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    return result;
}

} // namespace

int main(int count, char **arguments)
{
    if (count < 3)
        return 2;
    redis = redisConnectUnix(arguments[1]);
    shop::Store store(7);
    shop::function("function");
    store.method("method");
    store.generic(1.5);
    hidden();
    [] {
        auto *reply = static_cast<redisReply *>(redisCommand(redis, "GET lambda"));
        std::printf("lambda\n");
        freeReplyObject(reply);
    }();
    for (int i = 0; i < 3; i++) {
        try {
            fetch(arguments[2]);
        } catch (const std::exception &error) {
            std::printf("caught %s\n", error.what());
        }
        shop::function("after");
    }
    redisFree(redis);
    return 0;
}
