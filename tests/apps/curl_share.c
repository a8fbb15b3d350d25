// build: -lcurl -pthread
/* Threads whose handles share cookies, names and TLS sessions, and handles that share connections: URL. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 8, REQUESTS = 25 };

static pthread_mutex_t locks[CURL_LOCK_DATA_LAST + 1];
static int held[CURL_LOCK_DATA_LAST + 1], taken, wrong;
static CURLSH *share;
static const char *url;

static void lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *user)
{
    (void)easy, (void)access;
    pthread_mutex_lock(&locks[data]);
    if (held[data]++ || user != locks)
        wrong++;
    __atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
}

static void unlock(CURL *easy, curl_lock_data data, void *user)
{
    (void)easy, (void)user;
    held[data]--;
    pthread_mutex_unlock(&locks[data]);
}

static size_t discard(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    return size * count;
}

static CURL *new_easy(void)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_SHARE, share);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    return easy;
}

static void *requests(void *failures)
{
    CURL *easy = new_easy();
    for (int i = 0; i < REQUESTS; i++)
        if (curl_easy_perform(easy) != CURLE_OK)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
    curl_easy_cleanup(easy);
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    int failures = 0;
    if (count != 2)
        return 98;
    url = arguments[1];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i <= CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&locks[i], NULL);
    share = curl_share_init();
    curl_share_setopt(share, CURLSHOPT_LOCKFUNC, lock);
    curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock);
    curl_share_setopt(share, CURLSHOPT_USERDATA, locks);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, requests, &failures);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("failures: %d, locked: %d, wrong: %d\n", failures, taken > 0, wrong);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    CURL *first = new_easy(), *second = new_easy();
    long connected[2] = {0};
    curl_easy_perform(first);
    curl_easy_getinfo(first, CURLINFO_NUM_CONNECTS, &connected[0]);
    curl_easy_perform(second);
    curl_easy_getinfo(second, CURLINFO_NUM_CONNECTS, &connected[1]);
    struct curl_slist *cookies = NULL;
    curl_easy_getinfo(second, CURLINFO_COOKIELIST, &cookies);
    printf("connections: %ld %ld, cookie: %s\n", connected[0], connected[1], cookies ? "known" : "none");
    curl_slist_free_all(cookies);
    curl_easy_cleanup(first);
    curl_easy_cleanup(second);
    printf("freed: %d\n", (int)curl_share_cleanup(share));
    curl_global_cleanup();
    return 0;
}
