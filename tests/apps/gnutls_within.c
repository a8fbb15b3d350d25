// build: -lgnutls
/* What programs do in the middle of what they give to GnuTLS: gnutls_within CERTIFICATE KEY ARRIVED SENT WAY
 *
 * Client and server are in this one thread, with memory between them that takes little. WAY:
 *
 *   no-memory  there is no room for a second record; the program gives the request up, and makes another one
 *   held       what is held back is a request; the server says something that is no answer, and more is held back
 *   file       likewise, and a file comes between
 *   jumped     a send is left with a jump, and made once more
 *
 * What the server has read goes to the file ARRIVED, and what the calls say was taken to SENT. Prints where what was
 * taken and not yet sent is not what the library says it holds back.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LITTLE = 6000, MUCH = 1 << 17, RECORD = 16384, TURNS = 1000 };

/* What one side has pushed and the other has not pulled. */
struct pipe {
    char bytes[MUCH];
    size_t count, room;
};

struct end {
    gnutls_session_t session;
    struct pipe *in, *out;
};

static struct pipe to_server = {.room = MUCH}, to_client = {.room = MUCH};
static struct end client = {.in = &to_client, .out = &to_server}, server = {.in = &to_server, .out = &to_client};
static FILE *arrived, *sent;
static size_t given, came;
static char request[MUCH];
static jmp_buf back;
static bool jumps;

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    printf("needed: %s\n", what);
    exit(3);
}

static ssize_t push(gnutls_transport_ptr_t at, const void *bytes, size_t size)
{
    struct end *end = at;
    size_t room = end->out->room - end->out->count, put = size < room ? size : room;
    if (jumps) {
        jumps = false;
        longjmp(back, 1);
    }
    if (put == 0) {
        gnutls_transport_set_errno(end->session, EAGAIN);
        return -1;
    }
    memcpy(end->out->bytes + end->out->count, bytes, put);
    end->out->count += put;
    return (ssize_t)put;
}

static ssize_t pull(gnutls_transport_ptr_t at, void *bytes, size_t size)
{
    struct end *end = at;
    size_t got = size < end->in->count ? size : end->in->count;
    if (got == 0) {
        gnutls_transport_set_errno(end->session, EAGAIN);
        return -1;
    }
    memcpy(bytes, end->in->bytes, got);
    memmove(end->in->bytes, end->in->bytes + got, end->in->count - got);
    end->in->count -= got;
    return (ssize_t)got;
}

static int is_ready(gnutls_transport_ptr_t at, unsigned ms)
{
    (void)ms;
    return ((struct end *)at)->in->count > 0;
}

static void begin(struct end *end, unsigned role, gnutls_certificate_credentials_t who)
{
    gnutls_init(&end->session, role | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS);
    gnutls_set_default_priority(end->session);
    gnutls_credentials_set(end->session, GNUTLS_CRD_CERTIFICATE, who);
    gnutls_transport_set_ptr(end->session, end);
    gnutls_transport_set_push_function(end->session, push);
    gnutls_transport_set_pull_function(end->session, pull);
    gnutls_transport_set_pull_timeout_function(end->session, is_ready);
}

static void shake_hands(void)
{
    for (int turn = 0, one = -1, other = -1; one != 0 || other != 0; turn++) {
        one = one == 0 ? 0 : gnutls_handshake(client.session);
        other = other == 0 ? 0 : gnutls_handshake(server.session);
        need(turn < TURNS, "a handshake");
    }
}

/* The library's bytes that the server gets now. What the agent has added in a line of its own is not counted. */
static void arrive(void)
{
    static char got[RECORD];
    for (ssize_t count; (count = gnutls_record_recv(server.session, got, sizeof got)) > 0;) {
        fwrite(got, 1, (size_t)count, arrived);
        came += (size_t)count;
    }
}

static void took(const char *at, ssize_t put)
{
    need(put > 0, "taken");
    fwrite(at, 1, (size_t)put, sent);
    given += (size_t)put;
}

static size_t make_request(const char *path, size_t body)
{
    int length = sprintf(request, "POST %s HTTP/1.1\r\nHost: example.test\r\nContent-Length: %zu\r\n\r\n", path, body);
    memset(request + length, 'b', body);
    return (size_t)length + body;
}

/* False: it was refused. */
static bool send_all(const char *at, size_t length)
{
    while (length > 0) {
        ssize_t put = gnutls_record_send(client.session, at, length);
        if (put == GNUTLS_E_AGAIN) {
            arrive();
            continue;
        }
        if (put < 0) {
            printf("refused: %s\n", gnutls_strerror((int)put));
            return false;
        }
        took(at, put);
        at += put;
        length -= (size_t)put;
    }
    return true;
}

/* --- ways --------------------------------------------------------------------------------------------------------- */

/* For one record. */
static void *little(size_t size)
{
    static int records;
    return size > RECORD / 2 && records++ > 0 ? NULL : malloc(size);
}

static void lack_memory(void)
{
    gnutls_alloc_function usual = gnutls_malloc;
    size_t length = make_request("/given-up", RECORD);
    gnutls_malloc = little;
    bool all = send_all(request, length);
    gnutls_malloc = usual;
    need(!all, "no memory");
    need(send_all(request, make_request("/next", 100)), "memory");
    arrive();
}

/* What is said to be held back, with what has arrived, is what was given; our lines are left out by whoever reads this.
 */
static void compare(void)
{
    arrive();
    printf("held: %zu given: %zu came: %zu\n", gnutls_record_check_corked(client.session), given, came);
}

static void hold_back(bool with_file)
{
    static const char nonsense[] = "this is no answer\r\n\r\n";
    char got[100];
    gnutls_record_cork(client.session);
    need(send_all(request, make_request("/held", 100)), "held back");
    compare();
    if (with_file) {
        char name[] = "/tmp/gnutls_within.XXXXXX";
        int file = mkstemp(name);
        unlink(name);
        memset(request, 'f', RECORD * 2);
        need(write(file, request, RECORD * 2) == RECORD * 2 && lseek(file, 0, SEEK_SET) == 0, "a file");
        took(request, gnutls_record_send_file(client.session, file, NULL, RECORD * 2));
        close(file);
    } else {
        need(gnutls_record_send(server.session, nonsense, sizeof nonsense - 1) > 0, "an answer");
        need(gnutls_record_recv(client.session, got, sizeof got) == (ssize_t)sizeof nonsense - 1, "nonsense");
        memset(request, 'm', RECORD * 2);
        need(send_all(request, RECORD * 2), "more");
    }
    compare();
    to_server.room = LITTLE;
    for (int turn = 0, put = -1; put < 0; turn++) {
        size_t held = gnutls_record_check_corked(client.session);
        put = gnutls_record_uncork(client.session, 0);
        compare();
        need(put == GNUTLS_E_AGAIN || put == (int)held, "what was held back");
        need(turn < TURNS, "an end");
    }
}

static void jump_out(void)
{
    static size_t length;
    length = make_request("/jumped", 200);
    jumps = true;
    if (setjmp(back) == 0)
        gnutls_record_send(client.session, request, length);
    need(send_all(request, length), "once more");
    need(send_all(request, make_request("/next", 100)), "the next one");
    arrive();
}

int main(int count, char **word)
{
    gnutls_certificate_credentials_t own, trust;
    if (count != 6)
        return 2;
    gnutls_certificate_allocate_credentials(&own);
    gnutls_certificate_allocate_credentials(&trust);
    need(gnutls_certificate_set_x509_key_file(own, word[1], word[2], GNUTLS_X509_FMT_PEM) == 0, "certificate");
    need((arrived = fopen(word[3], "wb")) != NULL && (sent = fopen(word[4], "wb")) != NULL, "files");
    begin(&client, GNUTLS_CLIENT, trust);
    begin(&server, GNUTLS_SERVER, own);
    shake_hands();
    if (strcmp(word[5], "no-memory") == 0)
        lack_memory();
    else if (strcmp(word[5], "held") == 0 || strcmp(word[5], "file") == 0)
        hold_back(strcmp(word[5], "file") == 0);
    else if (strcmp(word[5], "jumped") == 0)
        jump_out();
    else
        return 2;
    fclose(arrived);
    fclose(sent);
    gnutls_deinit(client.session);
    gnutls_deinit(server.session);
    gnutls_certificate_free_credentials(own);
    gnutls_certificate_free_credentials(trust);
    return 0;
}
