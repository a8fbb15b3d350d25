/* One transfer of the library it is linked with (curl_fake), whose copy of the handle outlives the handle. */
#include <errno.h>
#include <stdio.h>

struct list {
    const char *data;
    struct list *next;
};

void *curl_easy_init(void);
int curl_easy_setopt(void *easy, int option, ...);
int curl_easy_perform(void *easy);
void curl_easy_cleanup(void *easy);
extern void *pushed;

enum { OPTION_URL = 10002, OPTION_HEADERS = 10023 };

int main(void)
{
    struct list second = {"X-Two: 2", NULL}, first = {"X-One: 1", &second};
    errno = 77;
    void *easy = curl_easy_init();
    curl_easy_setopt(easy, OPTION_URL, "http://name.invalid/");
    curl_easy_setopt(easy, OPTION_HEADERS, &first);
    int result = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    curl_easy_cleanup(pushed);
    printf("%d %d\n", result, errno);
    return 0;
}
