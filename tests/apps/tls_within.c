// build: -lssl -lcrypto
/* What programs do in the middle of a write of OpenSSL's: tls_within CERTIFICATE KEY ARRIVED WAY
 *
 * Client and server are in this one thread, with memory between them that takes little. WAY:
 *
 *   paused       a handshake that a write has begun is paused (SSL_MODE_ASYNC), and another session writes meanwhile
 *   nested       the handshake that a write has begun tells that it is over, and that function writes, too
 *   other-bio    the session waits for a write to be repeated, and gets another kind of BIO
 *   lent-before  a reference was taken before the session got anything to work on, and is given back meanwhile
 *   gone         the connection takes no more; another session writes, and what has failed is written once more
 *   datagrams    DTLS
 *   error-queue  an error of another call stays in the queue, and the write that waits has grown meanwhile
 *   jumped       a write is left with a jump, and made once more
 *
 * With `+moving` behind it: SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER.
 *
 * What the servers have read goes to the file ARRIVED. Prints what the calls said, and what is in the error queue.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/async.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_pair.h"

enum { BODY = 60000, HEADERS = 6000 };

static char request[BODY + 200], other_request[BODY + 200];

static bool waits(SSL *ssl, int result)
{
    int why = SSL_get_error(ssl, result);
    return result <= 0 && why != SSL_ERROR_SSL && why != SSL_ERROR_SYSCALL && why != SSL_ERROR_ZERO_RETURN;
}

/* What has been asked of `client` until it is taken. */
static void write_all(const char *what, struct ends ends, const char *at, size_t length)
{
    int result = -1;
    for (int turn = 0; turn < TURNS && waits(ends.client, result = SSL_write(ends.client, at, (int)length)); turn++)
        arrive(ends.server);
    tell(what, ends.client, result);
    ERR_clear_error();
    arrive(ends.server);
}

/* --- ways --------------------------------------------------------------------------------------------------------- */

static bool paused;

static void pause_once(const SSL *ssl, int where, int result)
{
    (void)result;
    if (paused || !(where & SSL_CB_LOOP) || SSL_get_state(ssl) != TLS_ST_CW_FINISHED || !ASYNC_get_current_job())
        return;
    paused = true;
    ASYNC_pause_job();
}

static void pausing(void)
{
    SSL *client = SSL_new(client_context);
    struct ends ends = pair(client, MUCH), other = connected(SSL_new(client_context), LITTLE);
    size_t length = make_request(request, "/paused", 100),
           other_length = make_request(other_request, "/other", HEADERS);
    int result = -1;
    SSL_set_mode(client, SSL_MODE_ASYNC);
    SSL_set_info_callback(client, pause_once);
    for (int turn = 0; turn < TURNS && !paused; turn++) {
        result = SSL_write(client, request, (int)length);
        arrive(ends.server);
    }
    tell("paused", client, result);
    result = SSL_write(other.client, other_request, (int)other_length);
    tell("other", other.client, result);
    write_all("again", ends, request, length);
    write_all("other again", other, other_request, other_length);
    disconnect(ends);
    disconnect(other);
}

static void write_too(const SSL *ssl, int where, int result)
{
    static bool done;
    if (!(where & SSL_CB_HANDSHAKE_DONE) || done)
        return;
    done = true;
    size_t length = make_request(other_request, "/nested", 10);
    result = SSL_write((SSL *)(uintptr_t)ssl, other_request, (int)length);
    printf("nested: %d of %zu\n", result, length);
}

static void nest(bool moving)
{
    struct ends ends = pair(SSL_new(client_context), MUCH);
    size_t length = make_request(request, "/outer", 100);
    SSL_set_info_callback(ends.client, write_too);
    SSL_set_mode(ends.client, moving ? SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER : 0);
    write_all("outer", ends, request, length);
    length = make_request(request, "/next", 3);
    write_all("next", ends, request, length);
    disconnect(ends);
}

static void change_beneath(void)
{
    struct ends ends = connected(SSL_new(client_context), LITTLE);
    BIO *beneath = SSL_get_wbio(ends.client);
    int sockets[2];
    size_t length = make_request(request, "/changed", BODY);
    tell("first", ends.client, SSL_write(ends.client, request, (int)length));
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "sockets");
    BIO_up_ref(beneath);
    SSL_set_fd(ends.client, sockets[0]); /* and back: that is only to look at it, nothing has passed */
    SSL_set_bio(ends.client, beneath, beneath);
    write_all("again", ends, request, length);
    length = make_request(request, "/next", 3);
    write_all("next", ends, request, length);
    disconnect(ends);
    close(sockets[0]);
    close(sockets[1]);
}

static void lend_before(void)
{
    SSL *client = SSL_new(client_context);
    SSL_up_ref(client);
    struct ends ends = connected(client, LITTLE);
    size_t length = make_request(request, "/lent", BODY);
    tell("first", client, SSL_write(client, request, (int)length));
    SSL_free(client);
    write_all("again", ends, request, length);
    disconnect(ends);
}

static void datagrams(const char *certificate, const char *key)
{
    SSL_CTX *client = SSL_CTX_new(DTLS_client_method()), *server = SSL_CTX_new(DTLS_server_method());
    need(SSL_CTX_use_certificate_chain_file(server, certificate) == 1 &&
             SSL_CTX_use_PrivateKey_file(server, key, SSL_FILETYPE_PEM) == 1,
         "certificate");
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    client_context = client;
    server_context = server;
    struct ends ends = connected(SSL_new(client_context), MUCH);
    size_t length = make_request(request, "/datagram", 10);
    write_all("datagram", ends, request, length);
    disconnect(ends);
}

/* The error of another call stays in the queue, so that SSL_get_error() is none to ask. */
static void leave_an_error(void)
{
    enum { PART = 400, FIRST = LITTLE - PART };
    struct ends ends = connected(SSL_new(client_context), LITTLE);
    size_t first = make_request(other_request, "/full", FIRST);
    size_t length =
        (size_t)sprintf(request, "GET /queue HTTP/1.1\r\nHost: example.test\r\nX-More: %0*d\r\n\r\n", HEADERS, 0);
    need(BIO_new_file("/nowhere/at/all", "r") == NULL, "no such file");
    printf("full: %d of %zu\n", SSL_write(ends.client, other_request, (int)first), first);
    int result = SSL_write(ends.client, request, PART);
    printf("waits: %d, for %d\n", result, SSL_want(ends.client));
    for (int turn = 0; turn < TURNS && result <= 0 && SSL_want(ends.client) == SSL_WRITING; turn++) {
        arrive(ends.server);
        result = SSL_write(ends.client, request, (int)length);
    }
    printf("taken: %d of %zu, queue %s\n", result, length, ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    arrive(ends.server);
    disconnect(ends);
}

/* Two sockets, of which the first one was connected. */
static void make_sockets(int sockets[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    need(bind(listener, (struct sockaddr *)&at, size) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&at, &size) == 0,
         "a port");
    sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(sockets[0], (struct sockaddr *)&at, size) == 0, "a connection");
    need((sockets[1] = accept(listener, NULL, NULL)) >= 0, "its other end");
    close(listener);
    fcntl(sockets[0], F_SETFL, O_NONBLOCK);
    fcntl(sockets[1], F_SETFL, O_NONBLOCK);
}

static void be_gone(void)
{
    int sockets[2];
    struct ends ends = {SSL_new(client_context), SSL_new(server_context)};
    struct ends other = connected(SSL_new(client_context), LITTLE);
    size_t length = make_request(request, "/gone", 100), other_length = make_request(other_request, "/other", HEADERS);
    make_sockets(sockets);
    SSL_set_connect_state(ends.client);
    SSL_set_accept_state(ends.server);
    SSL_set_fd(ends.client, sockets[0]);
    SSL_set_fd(ends.server, sockets[1]);
    for (int turn = 0, one = 0, other = 0; one != 1 || other != 1; turn++) {
        one = SSL_do_handshake(ends.client);
        other = SSL_do_handshake(ends.server);
        need(turn < TURNS * TURNS, "a handshake");
    }
    write_all("here", ends, request, length);
    while (ftell(arrived) == 0)
        arrive(ends.server);
    shutdown(sockets[0], SHUT_WR);
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            tell("other", other.client, SSL_write(other.client, other_request, (int)other_length));
        int result = SSL_write(ends.client, request, (int)length);
        int error = errno;
        tell("gone", ends.client, result);
        printf("%s\n", strerror(error));
        ERR_clear_error();
    }
    write_all("other again", other, other_request, other_length);
    disconnect(other);
    disconnect(ends);
    close(sockets[0]);
    close(sockets[1]);
}

static jmp_buf back;
static bool jumps;

static long jump(BIO *bio, int operation, const char *at, size_t length, int number, long more, int result,
                 size_t *done)
{
    (void)bio, (void)at, (void)length, (void)number, (void)more, (void)done;
    if (operation == BIO_CB_WRITE && jumps) {
        jumps = false;
        longjmp(back, 1);
    }
    return result;
}

static void jump_out(bool moving)
{
    struct ends ends = connected(SSL_new(client_context), MUCH);
    static size_t length;
    length = make_request(request, "/jumped", 20000);
    SSL_set_mode(ends.client, moving ? SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER : 0);
    BIO_set_callback_ex(SSL_get_wbio(ends.client), jump);
    jumps = true;
    if (setjmp(back) == 0)
        SSL_write(ends.client, request, (int)length);
    write_all("again", ends, request, length);
    length = make_request(request, "/next", 3);
    write_all("next", ends, request, length);
    disconnect(ends);
}

int main(int count, char **word)
{
    if (count != 5)
        return 2;
    const char *way = word[4];
    bool moving = strstr(way, "+moving") != NULL;
    signal(SIGPIPE, SIG_IGN);
    make_contexts(word[1], word[2]);
    need((arrived = fopen(word[3], "wb")) != NULL, "a file");
    if (strcmp(way, "paused") == 0)
        pausing();
    else if (strncmp(way, "nested", 6) == 0)
        nest(moving);
    else if (strcmp(way, "other-bio") == 0)
        change_beneath();
    else if (strcmp(way, "lent-before") == 0)
        lend_before();
    else if (strcmp(way, "gone") == 0)
        be_gone();
    else if (strcmp(way, "datagrams") == 0)
        datagrams(word[1], word[2]);
    else if (strcmp(way, "error-queue") == 0)
        leave_an_error();
    else if (strncmp(way, "jumped", 6) == 0)
        jump_out(moving);
    else
        return 2;
    fclose(arrived);
    free_contexts();
    return 0;
}
