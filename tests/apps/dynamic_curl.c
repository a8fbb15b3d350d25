// build: -ldl
/* Several copies of libcurl by dlsym alone, all through the same call sites: MODE URL LIBRARY...
 *   each URL LIBRARY...    opens them all, then a transfer with each, three times round
 *   global URL LIBRARY...  the first is open for all to see, and its functions are asked of nobody in particular
 *   again URL LIBRARY      opens, uses, closes, ten times
 *   left URL LIBRARY       closes the library while a handle is alive, opens it again, uses another; so for the end */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

struct curl {
    void *library;
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    CURLcode (*getinfo)(CURL *, CURLINFO, ...);
    void (*cleanup)(CURL *);
    char *(*version)(void);
};

static struct curl functions(void *library)
{
    struct curl curl = {.library = library};
    *(void **)&curl.init = dlsym(library, "curl_easy_init");
    *(void **)&curl.setopt = dlsym(library, "curl_easy_setopt");
    *(void **)&curl.perform = dlsym(library, "curl_easy_perform");
    *(void **)&curl.getinfo = dlsym(library, "curl_easy_getinfo");
    *(void **)&curl.cleanup = dlsym(library, "curl_easy_cleanup");
    *(void **)&curl.version = dlsym(library, "curl_version");
    return curl;
}

static struct curl load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        puts(dlerror());
    return functions(library);
}

static size_t swallow(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    (void)user;
    return size * count;
}

/* With the copy's own words for an error, which differ between the flavours. */
static void transfer(const struct curl *curl, CURL *easy, const char *url)
{
    char words[CURL_ERROR_SIZE] = "";
    long status = 0;
    curl->setopt(easy, CURLOPT_URL, url);
    curl->setopt(easy, CURLOPT_ERRORBUFFER, words);
    curl->setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    CURLcode code = curl->perform(easy);
    curl->getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    printf("%.60s: %d %ld '%s'\n", strchr(curl->version(), ' '), (int)code, status, words);
}

static void use(const struct curl *curl, const char *url)
{
    CURL *easy = curl->init();
    transfer(curl, easy, url);
    curl->cleanup(easy);
}

static int each(const char *url, char **paths, int count)
{
    struct curl curls[4];
    for (int i = 0; i < count && i < 4; i++)
        curls[i] = load(paths[i]);
    for (int i = 0; i < 3 * count; i++)
        use(&curls[i % count], url);
    return 20;
}

static int global(const char *url, char **paths, int count)
{
    struct curl curls[6];
    int known = 0;
    for (int i = 0; i < count && i < 4; i++)
        curls[known++] = load(paths[i]);
    dlopen(paths[0], RTLD_NOW | RTLD_GLOBAL);
    curls[known++] = functions(RTLD_DEFAULT);
    curls[known++] = functions(dlopen(NULL, RTLD_NOW));
    for (int i = 0; i < known; i++)
        use(&curls[i], url);
    return 23;
}

static int again(const char *url, const char *path)
{
    for (int i = 0; i < 10; i++) {
        struct curl curl = load(path);
        use(&curl, url);
        printf("closed %d\n", dlclose(curl.library));
    }
    return 21;
}

static int left(const char *url, const char *path)
{
    struct curl before = load(path);
    CURL *easy = before.init();
    transfer(&before, easy, url);
    printf("closed %d\n", dlclose(before.library));
    struct curl after = load(path);
    use(&after, url);
    after.init();
    printf("closed %d\n", dlclose(after.library));
    return 22;
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 98;
    if (strcmp(arguments[1], "each") == 0)
        return each(arguments[2], arguments + 3, count - 3);
    if (strcmp(arguments[1], "global") == 0)
        return global(arguments[2], arguments + 3, count - 3);
    if (strcmp(arguments[1], "again") == 0)
        return again(arguments[2], arguments[3]);
    return strcmp(arguments[1], "left") == 0 ? left(arguments[2], arguments[3]) : 97;
}
