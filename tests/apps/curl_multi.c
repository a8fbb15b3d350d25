// build: -lcurl
/* A program that drives many transfers at once: MODE URL... It prints all it can see of each of them, in the order they
 * were given, so that a difference between two runs shows. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 1000 };

struct transfer {
    CURL *easy;
    size_t bytes;
    int done; /* times */
    CURLcode result;
};

static char **urls;
static int url_count;
static CURLM *all;
static struct transfer transfers[MANY];
static int transfer_count;
static struct curl_slist *own_list;

static size_t count_bytes(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    ((struct transfer *)user)->bytes += size * count;
    return size * count;
}

static struct transfer *new_transfer(const char *url)
{
    struct transfer *transfer = &transfers[transfer_count++];
    transfer->easy = curl_easy_init();
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, own_list);
    return transfer;
}

static void add(struct transfer *transfer)
{
    CURLMcode code = curl_multi_add_handle(all, transfer->easy);
    if (code != CURLM_OK)
        printf("not added: %d\n", (int)code);
}

static void add_all(void)
{
    for (int i = 0; i < url_count; i++)
        add(new_transfer(urls[i]));
}

static void read_messages(void)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(all, &left));) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->result = message->data.result;
        transfer->done++;
    }
}

/* Until nothing runs any more; reads the messages after each turn, or not at all. */
static void drive(bool reading)
{
    int running = 1;
    while (running) {
        CURLMcode code = curl_multi_perform(all, &running);
        if (code != CURLM_OK) {
            printf("perform: %d\n", (int)code);
            return;
        }
        if (reading)
            read_messages();
        if (running)
            curl_multi_poll(all, NULL, 0, 1000, NULL);
    }
}

/* Until the only transfer has sent its request. */
static void drive_until_sent(struct transfer *transfer)
{
    int running;
    for (long sent = 0; sent == 0; curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent)) {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 5, NULL);
    }
}

/* Everything but times and ports. */
static void tell(const struct transfer *transfer)
{
    long status = 0, redirects = 0;
    char *effective = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &effective);
    printf("%d %d %ld %ld %zu %s\n", transfer->done, (int)transfer->result, status, redirects, transfer->bytes,
           effective);
}

static void end(void)
{
    for (int i = 0; i < transfer_count; i++) {
        tell(&transfers[i]);
        printf("removed: %d\n", (int)curl_multi_remove_handle(all, transfers[i].easy));
        curl_easy_cleanup(transfers[i].easy);
    }
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
}

static void perform(void)
{
    add_all();
    drive(true);
    end();
}

/* --- an event loop: libcurl says what to wait for, and is told what happened -------------------------------------- */

static int loop;
static long timeout = -1;

static int watch(CURL *easy, curl_socket_t socket, int what, void *user, void *known)
{
    struct epoll_event event = {.data.fd = socket};
    (void)easy, (void)user;
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE)
        return epoll_ctl(loop, EPOLL_CTL_DEL, socket, &event), 0;
    epoll_ctl(loop, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
    curl_multi_assign(all, socket, &loop);
    return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *user)
{
    (void)multi, (void)user;
    timeout = milliseconds;
    return 0;
}

/* `next`: more transfers are added as others end. */
static void run_loop(void (*next)(void))
{
    int running = 1;
    loop = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(all, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(all, CURLMOPT_TIMERFUNCTION, set_timer);
    if (next)
        next();
    else
        add_all();
    while (running || timeout >= 0) {
        struct epoll_event events[64];
        int count = epoll_wait(loop, events, 64, timeout < 0 ? 1000 : (int)timeout);
        if (count == 0) {
            timeout = -1;
            curl_multi_socket_action(all, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < count; i++) {
            int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(all, events[i].data.fd, what, &running);
        }
        read_messages();
        if (next)
            next();
    }
    close(loop);
}

static void events(void)
{
    run_loop(NULL);
    end();
}

static void add_more(void)
{
    int open = 0;
    for (int i = 0; i < transfer_count; i++)
        open += transfers[i].done == 0;
    for (; open < 100 && transfer_count < MANY; open++)
        add(new_transfer(urls[0]));
}

static int count_failures(void)
{
    int failures = 0;
    for (int i = 0; i < transfer_count; i++) {
        failures += transfers[i].done != 1 || transfers[i].result != CURLE_OK;
        curl_multi_remove_handle(all, transfers[i].easy);
        curl_easy_cleanup(transfers[i].easy);
    }
    curl_multi_cleanup(all);
    return failures;
}

static void many_events(void)
{
    run_loop(add_more);
    printf("%d, failures: %d\n", transfer_count, count_failures());
}

static void many(void)
{
    curl_multi_setopt(all, CURLMOPT_MAX_TOTAL_CONNECTIONS, 50L);
    while (transfer_count < MANY)
        add(new_transfer(urls[0]));
    drive(true);
    printf("%d, failures: %d\n", transfer_count, count_failures());
}

/* --- results that nobody reads, or late --------------------------------------------------------------------------- */

static void unread(void)
{
    add_all();
    drive(false);
    end();
}

static void read_late(void)
{
    add_all();
    drive(false);
    nanosleep(&(struct timespec){0, 500000000}, NULL); /* which is no time of the transfers' */
    read_messages();
    end();
}

/* --- transfers that are given up ---------------------------------------------------------------------------------- */

static struct transfer *sent_transfer(void)
{
    struct transfer *transfer = new_transfer(urls[0]);
    add(transfer);
    drive_until_sent(transfer);
    return transfer;
}

static void give_up_by_remove(void)
{
    sent_transfer();
    end();
}

static void give_up_by_easy_cleanup(void)
{
    curl_easy_cleanup(sent_transfer()->easy);
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
}

static void give_up_by_multi_cleanup(void)
{
    struct transfer *transfer = sent_transfer();
    printf("freed: %d\n", (int)curl_multi_cleanup(all));
    curl_easy_setopt(transfer->easy, CURLOPT_URL, urls[1]);
    printf("alone: %d\n", (int)curl_easy_perform(transfer->easy));
    tell(transfer);
    curl_easy_cleanup(transfer->easy);
}

static void give_up_unsent(void)
{
    add_all();
    end();
}

static void give_up_half_way(void)
{
    int running;
    struct transfer *transfer = new_transfer(urls[0]);
    add(transfer);
    while (transfer->bytes == 0) {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 5, NULL);
    }
    curl_multi_remove_handle(all, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    curl_multi_cleanup(all);
}

/* Taken away unread while another transfer goes on, but its answer was there. */
static void remove_unread(void)
{
    int running;
    struct transfer *slow = new_transfer(urls[0]), *fast = new_transfer(urls[1]);
    add(slow);
    add(fast);
    do {
        curl_multi_perform(all, &running);
        curl_multi_poll(all, NULL, 0, 5, NULL);
    } while (running == 2);
    curl_multi_remove_handle(all, fast->easy);
    drive(true);
    end();
}

/* --- handles used again, and in ways libcurl refuses -------------------------------------------------------------- */

static void again(void)
{
    struct curl_slist *one = curl_slist_append(NULL, "X-One: 1");
    struct curl_slist *two = curl_slist_append(one, "X-Two: 2")->next, before[2] = {*one, *two};
    own_list = one;
    struct transfer *transfer = new_transfer(urls[0]);
    for (int i = 0; i < 3; i++) {
        add(transfer);
        drive(true);
        tell(transfer);
        curl_multi_remove_handle(all, transfer->easy);
        int same = one->data == before[0].data && one->next == two && two->data == before[1].data && !two->next;
        printf("untouched: %d, %s, %s\n", same, one->data, two->data);
    }
    printf("alone: %d\n", (int)curl_easy_perform(transfer->easy));
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(one);
    add(transfer);
    drive(true);
    end();
}

static void refused(void)
{
    CURLM *other = curl_multi_init();
    struct transfer *transfer = new_transfer(urls[0]);
    add(transfer);
    add(transfer);
    printf("in another: %d\n", (int)curl_multi_add_handle(other, transfer->easy));
    printf("out of another: %d\n", curl_multi_remove_handle(other, transfer->easy) == CURLM_OK);
    printf("alone: %d\n", curl_easy_perform(transfer->easy) == CURLE_OK);
    curl_multi_cleanup(other);
    drive(true);
    end();
}

static void reset(void)
{
    struct transfer *transfer = new_transfer(urls[0]);
    add(transfer);
    curl_easy_reset(transfer->easy);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    drive(true);
    curl_multi_remove_handle(all, transfer->easy);
    curl_easy_setopt(transfer->easy, CURLOPT_URL, urls[1]);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    add(transfer);
    drive(true);
    end();
}

static void duplicate(void)
{
    struct transfer *transfer = sent_transfer(), *copy = &transfers[transfer_count++];
    copy->easy = curl_easy_duphandle(transfer->easy);
    curl_easy_setopt(copy->easy, CURLOPT_WRITEDATA, copy);
    curl_easy_setopt(copy->easy, CURLOPT_PRIVATE, copy);
    add(copy);
    drive(true);
    end();
}

static void connect_only(void)
{
    struct transfer *transfer = new_transfer(urls[0]);
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_ONLY, 1L);
    add(transfer);
    drive(true);
    end();
}

/* A transfer of its own inside a callback. */
static size_t perform_inside(char *data, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    if (transfer->bytes == 0) {
        CURL *easy = curl_easy_init();
        struct transfer inside = {0};
        curl_easy_setopt(easy, CURLOPT_URL, urls[1]);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &inside);
        printf("inside: %d\n", (int)curl_easy_perform(easy));
        curl_easy_cleanup(easy);
    }
    return count_bytes(data, size, count, user);
}

static void nested(void)
{
    struct transfer *transfer = new_transfer(urls[0]);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, perform_inside);
    add(transfer);
    drive(true);
    end();
}

/* The child frees what it has inherited; the parent goes on. */
static void forked(void)
{
    int status = -1;
    sent_transfer();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        curl_multi_remove_handle(all, transfers[0].easy);
        curl_easy_cleanup(transfers[0].easy);
        exit(curl_multi_cleanup(all));
    }
    waitpid(child, &status, 0);
    printf("child: %d\n", status);
    drive(true);
    end();
}

#define MODE(name)                                                                                                     \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    MODE(perform),
    MODE(events),
    MODE(many),
    MODE(many_events),
    MODE(unread),
    MODE(read_late),
    MODE(give_up_by_remove),
    MODE(give_up_by_easy_cleanup),
    MODE(give_up_by_multi_cleanup),
    MODE(give_up_unsent),
    MODE(give_up_half_way),
    MODE(remove_unread),
    MODE(again),
    MODE(refused),
    MODE(reset),
    MODE(duplicate),
    MODE(connect_only),
    MODE(nested),
    MODE(forked),
};

int main(int count, char **arguments)
{
    if (count < 3)
        return 98;
    urls = arguments + 2;
    url_count = count - 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    all = curl_multi_init();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, arguments[1]) == 0) {
            modes[i].run();
            curl_global_cleanup();
            return 0;
        }
    fprintf(stderr, "no mode %s\n", arguments[1]);
    return 98;
}
