// build: -pthread -lssl -lcrypto
/* What programs seldom call: tls_early CERTIFICATE KEY
 *
 * Over a first connection the server tries to send a file (which it cannot without the kernel's help, and then writes).
 * Over a second one the client asks and the server answers before the handshake is over. Prints the answers, and what
 * the calls said.
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

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
static SSL_CTX *server_context;
static int listener;

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "tls_early: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(3);
}

static void serve_first(SSL *ssl)
{
    char request[4096];
    need(SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0, "a request");
    need(SSL_sendfile(ssl, listener, 0, 6, 0) == -1, "no file");
    ERR_clear_error();
    need(SSL_write(ssl, answer, sizeof answer - 1) > 0, "an answer");
}

static void serve_early(SSL *ssl)
{
    char request[4096];
    size_t got, put;
    int how;
    while ((how = SSL_read_early_data(ssl, request, sizeof request, &got)) == SSL_READ_EARLY_DATA_SUCCESS)
        need(SSL_write_early_data(ssl, answer, sizeof answer - 1, &put) == 1 && put == sizeof answer - 1,
             "an early answer");
    need(how == SSL_READ_EARLY_DATA_FINISH && SSL_accept(ssl) == 1, "the handshake's end");
}

static void *server(void *arg)
{
    char rest[64];
    for (int i = 0; i < 2; i++) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(server_context);
        SSL_set_fd(ssl, fd);
        i == 0 ? serve_first(ssl) : serve_early(ssl);
        while (SSL_read(ssl, rest, sizeof rest) > 0)
            ;
        SSL_shutdown(ssl);
        SSL_free(ssl);
        close(fd);
    }
    return arg;
}

static SSL_SESSION *ask(SSL_CTX *context, const struct sockaddr_in *where, const char *path, SSL_SESSION *known)
{
    char text[4096];
    size_t put;
    int fd = socket(AF_INET, SOCK_STREAM, 0),
        length = sprintf(text, "GET %s HTTP/1.1\r\nHost: example.test\r\n\r\n", path);
    need(connect(fd, (const struct sockaddr *)where, sizeof *where) == 0, "connect");
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (known) {
        SSL_set_session(ssl, known);
        need(SSL_write_early_data(ssl, text, (size_t)length, &put) == 1, "an early request");
        printf("early %zu\n", put);
    }
    need(SSL_connect(ssl) == 1, "a handshake");
    if (!known)
        need(SSL_write(ssl, text, length) == length, "a request");
    int got = SSL_read(ssl, text, sizeof text);
    printf("%.*s%d\n", got, text, SSL_get_early_data_status(ssl));
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    SSL_read(ssl, text, sizeof text);
    SSL_free(ssl);
    close(fd);
    return session;
}

int main(int count, char **word)
{
    need(count == 3, "CERTIFICATE KEY");
    server_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_max_early_data(server_context, 16384);
    need(SSL_CTX_use_certificate_file(server_context, word[1], SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(server_context, word[2], SSL_FILETYPE_PEM) == 1,
         "a certificate");
    struct sockaddr_in where;
    socklen_t length = sizeof where;
    listener = listening(0, 1);
    need(getsockname(listener, (struct sockaddr *)&where, &length) == 0, "a port");
    pthread_t thread;
    pthread_create(&thread, NULL, server, NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_SESSION *session = ask(context, &where, "/first", NULL);
    SSL_SESSION_free(ask(context, &where, "/early", session));
    SSL_SESSION_free(session);
    pthread_join(thread, NULL);
    SSL_CTX_free(context);
    SSL_CTX_free(server_context);
    close(listener);
    return 0;
}
