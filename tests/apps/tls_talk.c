// build: -pthread -lssl -lcrypto
/* HTTP inside of TLS, both sides in one program: tls_talk CERTIFICATE KEY ARRIVED WAY
 *
 * The server is a thread. WAY says (with `+`) what sessions work on (fd, rfd, bio, bio0: a socket; memory: BIOs in
 * memory, whose bytes the program itself carries; pair: a pair of BIOs) and by which functions (ex: SSL_read_ex and
 * SSL_write_ex). All that the server reads goes to the file ARRIVED. Prints both ports, what each call of the client's
 * returned, and the answers.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"

struct end {
    SSL *ssl;
    int fd;
    BIO *in, *out; /* of ours: what the session reads, and what it wrote; NULL: it works on the socket */
};

static const char *way, *certificate, *key, *arrived;
static int listener;

static bool has(const char *word)
{
    return strstr(way, word) != NULL;
}

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "tls_talk: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(3);
}

static void give(struct end *end)
{
    BIO *inner;
    if (has("memory")) {
        end->in = BIO_new(BIO_s_mem());
        end->out = BIO_new(BIO_s_mem());
        SSL_set_bio(end->ssl, end->in, end->out);
    } else if (has("pair")) {
        need(BIO_new_bio_pair(&inner, 0, &end->in, 0) == 1, "a pair");
        end->out = end->in;
        SSL_set_bio(end->ssl, inner, inner);
    } else if (has("bio0")) {
        SSL_set0_rbio(end->ssl, BIO_new_socket(end->fd, BIO_NOCLOSE));
        SSL_set0_wbio(end->ssl, BIO_new_socket(end->fd, BIO_NOCLOSE));
    } else if (has("bio")) {
        BIO *bio = BIO_new_socket(end->fd, BIO_NOCLOSE);
        SSL_set_bio(end->ssl, bio, bio);
    } else if (has("rfd")) {
        need(SSL_set_rfd(end->ssl, end->fd) && SSL_set_wfd(end->ssl, end->fd), "two descriptors");
    } else {
        need(SSL_set_fd(end->ssl, end->fd) == 1, "a descriptor");
    }
}

static void carry_out(const struct end *end)
{
    char bytes[4096];
    int got;
    while (end->out && (got = BIO_read(end->out, bytes, sizeof bytes)) > 0)
        for (int put = 0; put < got;) {
            ssize_t taken = send(end->fd, bytes + put, (size_t)(got - put), MSG_NOSIGNAL);
            need(taken > 0, "send");
            put += (int)taken;
        }
}

/* True: the call that returned `result` is to be made again. */
static bool again(const struct end *end, int result)
{
    char bytes[4096];
    int why = SSL_get_error(end->ssl, result);
    carry_out(end);
    if (!end->in || result > 0 || (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE))
        return false;
    if (why == SSL_ERROR_WANT_WRITE)
        return true;
    ssize_t got = recv(end->fd, bytes, sizeof bytes, 0);
    return got > 0 && BIO_write(end->in, bytes, (int)got) == got;
}

static int tls_read(const struct end *end, char *buffer, size_t size)
{
    int result;
    size_t got = 0;
    do {
        result = has("ex") ? SSL_read_ex(end->ssl, buffer, size, &got) : SSL_read(end->ssl, buffer, (int)size);
    } while (again(end, result));
    return has("ex") && result > 0 ? (int)got : result;
}

static int tls_write(const struct end *end, const char *buffer, size_t size)
{
    int result;
    size_t put = 0;
    do {
        result = has("ex") ? SSL_write_ex(end->ssl, buffer, size, &put) : SSL_write(end->ssl, buffer, (int)size);
    } while (again(end, result));
    return has("ex") && result > 0 ? (int)put : result;
}

static void close_end(struct end *end)
{
    SSL_shutdown(end->ssl);
    carry_out(end);
    if (has("referred")) { /* a reference more, for a while */
        SSL_up_ref(end->ssl);
        SSL_free(end->ssl);
    }
    SSL_free(end->ssl);
    if (has("pair"))
        BIO_free(end->in);
    close(end->fd);
}

/* --- the server: says how long a request was, without its headers --- */

static void serve(struct end *end, FILE *file)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
    char request[65536];
    size_t used = 0;
    int got;
    while (used < sizeof request - 1 && (got = tls_read(end, request + used, sizeof request - 1 - used)) > 0) {
        fwrite(request + used, 1, (size_t)got, file);
        used += (size_t)got;
        request[used] = 0;
        for (char *behind; (behind = strstr(request, "\r\n\r\n")) != NULL;) {
            used -= (size_t)(behind + 4 - request);
            memmove(request, behind + 4, used + 1);
            need(tls_write(end, answer, sizeof answer - 1) == (int)sizeof answer - 1, "an answer");
        }
    }
}

static void *server(void *arg)
{
    (void)arg;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    need(SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
         "a certificate");
    FILE *file = fopen(arrived, "wb");
    struct end end = {.fd = accept(listener, NULL, NULL)};
    need(file && end.fd >= 0, "accept");
    end.ssl = SSL_new(context);
    SSL_set_accept_state(end.ssl);
    give(&end);
    serve(&end, file);
    close_end(&end);
    fclose(file);
    SSL_CTX_free(context);
    return NULL;
}

/* --- the client --- */

static void ask(const struct end *end, const char *request)
{
    char answer[4096];
    size_t used = 0;
    int result = tls_write(end, request, strlen(request));
    printf("wrote %d of %zu\n", result, strlen(request));
    while (used < sizeof answer - 1 && (result = tls_read(end, answer + used, sizeof answer - 1 - used)) > 0) {
        used += (size_t)result;
        answer[used] = 0;
        if (strstr(answer, "hello\n"))
            break;
    }
    printf("%.*s", (int)used, answer);
}

int main(int count, char **word)
{
    need(count == 5, "CERTIFICATE KEY ARRIVED WAY");
    certificate = word[1];
    key = word[2];
    arrived = word[3];
    way = word[4];
    struct sockaddr_in where;
    socklen_t length = sizeof where;
    listener = listening(0, 1);
    need(getsockname(listener, (struct sockaddr *)&where, &length) == 0, "a port");
    pthread_t thread;
    pthread_create(&thread, NULL, server, NULL);
    struct end end = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    need(connect(end.fd, (struct sockaddr *)&where, length) == 0, "connect");
    struct sockaddr_in own = {0};
    need(getsockname(end.fd, (struct sockaddr *)&own, &length) == 0, "a port");
    printf("ports %d %d\n", ntohs(where.sin_port), ntohs(own.sin_port));
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    end.ssl = SSL_new(context);
    SSL_set_connect_state(end.ssl);
    if (has("cleared")) { /* it was meant for something else first */
        need(SSL_set_fd(end.ssl, listener) == 1 && SSL_clear(end.ssl) == 1, "a fresh session");
        SSL_set_connect_state(end.ssl);
    }
    give(&end);
    ask(&end, "GET /one?token=abc HTTP/1.1\r\nHost: example.test:81\r\nUser-Agent: a test\r\n\r\n");
    ask(&end, "POST /two HTTP/1.1\r\nHost: example.test\r\nContent-Length: 4\r\n\r\nbody");
    close_end(&end);
    pthread_join(thread, NULL);
    SSL_CTX_free(context);
    close(listener);
    return 0;
}
