// build: -lcurl -pthread
/* Handles that come into multi handles and leave them, where libcurl allows it and where it refuses: MODE URL [URL]. */
#define CURL_DISABLE_DEPRECATION /* curl_multi_socket and curl_multi_socket_all are still there */
#include <curl/curl.h>
#undef curl_multi_socket
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *url, *second_url;
static CURLM *all;
static CURL *easy, *other;
static int asked, running;

static size_t discard(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    return size * count;
}

static CURL *new_easy(const char *at)
{
    CURL *made = curl_easy_init();
    curl_easy_setopt(made, CURLOPT_URL, at);
    curl_easy_setopt(made, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(made, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(made, CURLOPT_TIMEOUT, 20L);
    return made;
}

static void read_messages(CURLM *multi)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
        printf("%s: %d\n", message->easy_handle == easy ? "done" : "other done", (int)message->data.result);
}

static void drive(CURLM *multi)
{
    do {
        CURLMcode code = curl_multi_perform(multi, &running);
        if (code != CURLM_OK)
            printf("perform: %d\n", (int)code);
        read_messages(multi);
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    } while (running);
}

static void drive_until_sent(CURLM *multi)
{
    for (long sent = 0; sent == 0; curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent)) {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 5, NULL);
    }
}

static void end(void)
{
    printf("removed: %d\n", (int)curl_multi_remove_handle(all, easy));
    curl_easy_cleanup(easy);
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
}

/* --- inside a callback, libcurl refuses --------------------------------------------------------------------------- */

static void ask_for_everything(void)
{
    int left, now;
    if (asked++)
        return;
    printf("cleanup: %d\n", (int)curl_multi_cleanup(all));
    printf("remove: %d\n", (int)curl_multi_remove_handle(all, easy));
    printf("add: %d\n", (int)curl_multi_add_handle(all, other));
    printf("perform: %d\n", (int)curl_multi_perform(all, &now));
    printf("socket action: %d\n", (int)curl_multi_socket_action(all, CURL_SOCKET_TIMEOUT, 0, &now));
    printf("message: %d\n", curl_multi_info_read(all, &left) != NULL);
    printf("alone: %d\n", curl_easy_perform(easy) != CURLE_OK);
}

static size_t header(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)user;
    ask_for_everything();
    return size * count;
}

static void refused_inside(void)
{
    easy = new_easy(url);
    other = new_easy(second_url);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    curl_multi_add_handle(all, easy);
    drive(all);
    printf("other: %d\n", (int)curl_multi_add_handle(all, other));
    drive(all);
    curl_multi_remove_handle(all, other);
    curl_easy_cleanup(other);
    end();
}

static int answer_of_timer, fail_timer;

static int on_timer(CURLM *multi, long milliseconds, void *user)
{
    (void)multi, (void)milliseconds, (void)user;
    if (fail_timer)
        return -1;
    if (running) { /* not yet while the handle is being added */
        if (answer_of_timer == 0)
            answer_of_timer = (int)curl_multi_cleanup(all);
    }
    return 0;
}

static void refused_in_timer(void)
{
    curl_multi_setopt(all, CURLMOPT_TIMERFUNCTION, on_timer);
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    drive(all);
    printf("refused: %d\n", answer_of_timer);
    end();
}

/* The timer's callback fails: libcurl says so, and has taken the handle out all the same. */
static void timer_fails(void)
{
    curl_multi_setopt(all, CURLMOPT_TIMERFUNCTION, on_timer);
    answer_of_timer = 1;
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    drive_until_sent(all);
    fail_timer = 1;
    printf("removed: %d\n", (int)curl_multi_remove_handle(all, easy));
    curl_easy_setopt(easy, CURLOPT_URL, second_url);
    printf("alone: %d\n", (int)curl_easy_perform(easy));
    curl_easy_cleanup(easy);
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
}

/* --- from one to another ------------------------------------------------------------------------------------------ */

static void moved(void)
{
    CURLM *second = curl_multi_init();
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    drive_until_sent(all);
    printf("taken: %d\n", (int)curl_multi_remove_handle(all, easy));
    printf("not in it: %d\n", (int)curl_multi_remove_handle(all, easy));
    curl_easy_setopt(easy, CURLOPT_URL, second_url);
    curl_multi_add_handle(second, easy);
    printf("not here: %d\n", curl_multi_remove_handle(all, easy) != CURLM_OK);
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
    drive(second);
    all = second;
    end();
}

static void added_again(void)
{
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    drive_until_sent(all);
    curl_multi_remove_handle(all, easy);
    curl_multi_add_handle(all, easy);
    drive_until_sent(all);
    curl_multi_remove_handle(all, easy);
    curl_easy_setopt(easy, CURLOPT_URL, second_url);
    curl_multi_add_handle(all, easy);
    drive(all);
    printf("again: %d\n", (int)curl_multi_remove_handle(all, easy));
    curl_multi_add_handle(all, easy);
    drive(all);
    end();
}

/* Taken out before libcurl has begun: what it knows is still that of the transfer before. */
static void not_begun(void)
{
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    drive(all);
    curl_multi_remove_handle(all, easy);
    curl_easy_setopt(easy, CURLOPT_URL, second_url);
    curl_multi_add_handle(all, easy);
    end();
}

/* A multi handle at the same address as the one before, in quick succession. */
static void ever_new(void)
{
    easy = new_easy(url);
    for (int i = 0; i < 2000; i++) {
        CURLM *multi = curl_multi_init();
        if (i % 500 == 0) {
            curl_multi_add_handle(multi, easy);
            drive(multi);
        }
        curl_multi_cleanup(multi); /* with the handle in it */
    }
    end();
}

/* More of them than are remembered: what is added to the last one is the program's alone. */
static void very_many(void)
{
    enum { COUNT = 1100 };
    static CURLM *many[COUNT];
    easy = new_easy(url);
    for (int i = 0; i < COUNT; i++)
        many[i] = curl_multi_init();
    curl_multi_add_handle(many[COUNT - 1], easy);
    drive(many[COUNT - 1]);
    curl_multi_remove_handle(many[COUNT - 1], easy);
    for (int i = 0; i < COUNT; i++)
        curl_multi_cleanup(many[i]);
    curl_multi_add_handle(all, easy);
    drive(all);
    end();
}

enum { THREADS = 8, ROUNDS = 20, AT_ONCE = 5 };

static void *rounds(void *failures)
{
    CURL *handles[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        handles[i] = new_easy(url);
    for (int round = 0; round < ROUNDS; round++) {
        CURLM *multi = curl_multi_init();
        int still, left, done = 0;
        for (int i = 0; i < AT_ONCE; i++)
            curl_multi_add_handle(multi, handles[i]);
        do {
            curl_multi_perform(multi, &still);
            for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
                done += message->data.result == CURLE_OK;
            if (still)
                curl_multi_poll(multi, NULL, 0, 1000, NULL);
        } while (still);
        if (done != AT_ONCE)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
        for (int i = 1; i < AT_ONCE; i++) /* the first one is left in it */
            curl_multi_remove_handle(multi, handles[i]);
        curl_multi_cleanup(multi);
    }
    for (int i = 0; i < AT_ONCE; i++)
        curl_easy_cleanup(handles[i]);
    return NULL;
}

/* Multi handles of several threads, made and freed all the time. */
static void by_threads(void)
{
    pthread_t threads[THREADS];
    int failures = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, rounds, &failures);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("failures: %d\n", failures);
}

/* --- functions of old --------------------------------------------------------------------------------------------- */

static int watch(CURL *of, curl_socket_t socket, int what, void *user, void *known)
{
    (void)of, (void)socket, (void)what, (void)user, (void)known;
    return 0;
}

/* Never read: the end is seen by the number of transfers that still run. */
static void by_socket(void)
{
    easy = new_easy(url);
    curl_multi_setopt(all, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_add_handle(all, easy);
    printf("begun: %d\n", (int)curl_multi_socket(all, CURL_SOCKET_TIMEOUT, &running));
    while (running) {
        curl_multi_poll(all, NULL, 0, 10, NULL);
        curl_multi_socket_all(all, &running);
        curl_multi_socket(all, CURL_SOCKET_TIMEOUT, &running);
    }
    end();
}

static void by_socket_all(void)
{
    easy = new_easy(url);
    curl_multi_setopt(all, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_add_handle(all, easy);
    do {
        curl_multi_socket_all(all, &running);
        curl_multi_poll(all, NULL, 0, 10, NULL);
    } while (running);
    read_messages(all);
    end();
}

/* --- the program ends --------------------------------------------------------------------------------------------- */

static void begin(void)
{
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    drive_until_sent(all);
    fflush(stdout);
}

static void by_return(void)
{
    begin();
}

static void by_exit(void)
{
    begin();
    exit(3);
}

static void by_underscore_exit(void)
{
    begin();
    _exit(3);
}

static void by_exec(void)
{
    begin();
    execl("/bin/echo", "echo", "executed", (char *)NULL);
}

/* What is not there cannot be executed: the transfer goes on. */
static void by_failing_exec(void)
{
    begin();
    printf("executed: %d\n", execl("/nonexistent/program", "program", (char *)NULL));
    drive(all);
    end();
}

/* All answers are there, nobody has read the results. */
static void unread(void)
{
    easy = new_easy(url);
    curl_multi_add_handle(all, easy);
    do {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 100, NULL);
    } while (running);
    exit(0);
}

static size_t exit_inside(char *data, size_t size, size_t count, void *user)
{
    (void)data, (void)size, (void)count, (void)user;
    exit(4);
}

static void inside(void)
{
    easy = new_easy(url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, exit_inside);
    curl_multi_add_handle(all, easy);
    drive(all);
}

static void child(void)
{
    int status = -1;
    begin();
    pid_t pid = fork();
    if (pid == 0)
        exit(5);
    waitpid(pid, &status, 0);
    printf("child: %d\n", WEXITSTATUS(status));
    drive(all);
    end();
}

/* It does not end, but exports traces itself from now on. */
static void by_export(void)
{
    begin();
    CURL *export = new_easy(second_url);
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/x-protobuf");
    curl_easy_setopt(export, CURLOPT_HTTPHEADER, list);
    printf("exported: %d\n", (int)curl_easy_perform(export));
    curl_easy_cleanup(export);
    curl_slist_free_all(list);
    drive(all);
    end();
}

static pthread_barrier_t sent;

static void *drive_there(void *unused)
{
    (void)unused;
    begin();
    pthread_barrier_wait(&sent);
    for (;;)
        curl_multi_poll(all, NULL, 0, 1000, NULL);
    return NULL;
}

/* Another thread's. */
static void elsewhere(void)
{
    pthread_t thread;
    pthread_barrier_init(&sent, NULL, 2);
    pthread_create(&thread, NULL, drive_there, NULL);
    pthread_barrier_wait(&sent);
    exit(6);
}

#define MODE(name)                                                                                                     \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    MODE(refused_inside),  MODE(refused_in_timer), MODE(timer_fails), MODE(moved),     MODE(added_again),
    MODE(not_begun),       MODE(very_many),        MODE(by_threads),  MODE(by_socket), MODE(by_socket_all),
    MODE(ever_new),        MODE(by_return),        MODE(by_exit),     MODE(unread),    MODE(by_underscore_exit),
    MODE(by_failing_exec), MODE(by_exec),          MODE(inside),      MODE(child),     MODE(elsewhere),
    MODE(by_export),
};

int main(int count, char **arguments)
{
    if (count < 3)
        return 98;
    url = arguments[2];
    second_url = count > 3 ? arguments[3] : NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    all = curl_multi_init();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, arguments[1]) == 0) {
            modes[i].run();
            return 0;
        }
    fprintf(stderr, "no mode %s\n", arguments[1]);
    return 98;
}
