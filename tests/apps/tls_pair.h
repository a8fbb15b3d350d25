/* What the programs share that have both ends of a session of OpenSSL in one thread, with memory between them. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LITTLE = 4096, MUCH = 1 << 17, TURNS = 1000 };

struct ends {
    SSL *client, *server;
};

static SSL_CTX *client_context, *server_context;
static FILE *arrived;

static __attribute__((unused)) void need(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "needed: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(3);
}

static __attribute__((unused)) void make_contexts(const char *certificate, const char *key)
{
    client_context = SSL_CTX_new(TLS_client_method());
    server_context = SSL_CTX_new(TLS_server_method());
    need(SSL_CTX_use_certificate_chain_file(server_context, certificate) == 1 &&
             SSL_CTX_use_PrivateKey_file(server_context, key, SSL_FILETYPE_PEM) == 1,
         "certificate");
    SSL_CTX_set_num_tickets(server_context, 0);
}

static __attribute__((unused)) void free_contexts(void)
{
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
}

/* The client is `client`, `room` what is taken of it at once. */
static __attribute__((unused)) struct ends pair(SSL *client, size_t room)
{
    struct ends ends = {client, SSL_new(server_context)};
    BIO *here, *there;
    need(BIO_new_bio_pair(&here, room, &there, MUCH) == 1, "a pair");
    SSL_set_connect_state(ends.client);
    SSL_set_accept_state(ends.server);
    SSL_set_bio(ends.client, here, here);
    SSL_set_bio(ends.server, there, there);
    return ends;
}

static __attribute__((unused)) struct ends connected(SSL *client, size_t room)
{
    struct ends ends = pair(client, room);
    for (int turn = 0; turn < TURNS; turn++) {
        int one = SSL_do_handshake(ends.client), other = SSL_do_handshake(ends.server);
        if (one == 1 && other == 1)
            return ends;
    }
    need(false, "a handshake");
    return ends;
}

static __attribute__((unused)) void disconnect(struct ends ends)
{
    SSL_free(ends.client);
    SSL_free(ends.server);
}

static __attribute__((unused)) size_t make_request(char *request, const char *path, size_t body)
{
    int length = sprintf(request, "POST %s HTTP/1.1\r\nHost: example.test\r\nContent-Length: %zu\r\n\r\n", path, body);
    for (size_t i = 0; i < body; i++)
        request[(size_t)length + i] = (char)('a' + i / 7 % 26);
    return (size_t)length + body;
}

static __attribute__((unused)) void arrive(SSL *server)
{
    char got[LITTLE];
    for (int count; (count = SSL_read(server, got, sizeof got)) > 0;)
        fwrite(got, 1, (size_t)count, arrived);
}

static __attribute__((unused)) void tell(const char *what, SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    unsigned long queued = ERR_peek_error();
    printf("%s: %d, error %d, queue %s\n", what, result, error, queued ? ERR_reason_error_string(queued) : "empty");
}
