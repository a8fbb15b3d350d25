// build: -lssl -lcrypto
/* A client that writes requests into a session in odd ways: tls_writes PORT WAY SEED SIZE SENT
 *
 * The descriptor does not block and takes little, so that many a write is to be repeated. WAY is (with `+`) partial,
 * moving (SSL_MODE_ENABLE_PARTIAL_WRITE, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER), ex (SSL_write_ex), small (records of 512
 * bytes), longer (what is repeated has grown meanwhile), astray (what is repeated is at another
 * place, which is not allowed, and ends it: the error is printed), SIZE the most that is written at once. All that the
 * calls say was taken goes to the file SENT. Prints where each call began and ended that was successful, where those
 * ended in between that had to be repeated longer, and how many there were with an error in the queue, or another
 * reason than to wait. Reads no answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 100, ROOM = 4 << 20 };

static char stream[ROOM];
static size_t length;
static uint64_t state;
static const char *way;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % limit);
}

static bool has(const char *word)
{
    return strstr(way, word) != NULL;
}

/* Most have a few headers; some of them more than a record of TLS holds. */
static void make_requests(void)
{
    for (int i = 0; i < REQUESTS; i++) {
        size_t body = below(3) ? below(200) : below(40000), more = below(12) ? below(40) : 8000 + below(12000);
        length += (size_t)sprintf(stream + length, "POST /%d HTTP/1.1\r\nHost: example.test\r\nX-More: %0*d\r\n", i,
                                  (int)more + 1, 0);
        length += (size_t)sprintf(stream + length, "Content-Length: %zu\r\n\r\n", body);
        memset(stream + length, 'b', body);
        length += body;
    }
}

static int connect_to(const char *port)
{
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), room = 4096;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (connect(fd, (struct sockaddr *)&where, sizeof where) != 0)
        exit(3);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Waits for what the session waits for. False: it does not wait. */
static bool wait_for(const SSL *ssl, int fd, int result)
{
    int why = SSL_get_error(ssl, result);
    struct pollfd one = {fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, 0};
    return (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) && poll(&one, 1, 60000) == 1;
}

/* The bytes at another place each time. */
static const char *moved(const char *at, size_t size)
{
    static char *room;
    char *fresh = malloc(size);
    memcpy(fresh, at, size);
    free(room);
    room = fresh;
    return fresh;
}

static size_t write_once(SSL *ssl, int fd, const char *at, size_t size, size_t left)
{
    for (;;) {
        size_t put = 0;
        const char *from = has("moving") ? moved(at, size) : at;
        int result = has("ex") ? SSL_write_ex(ssl, from, size, &put) : SSL_write(ssl, from, (int)size);
        if (ERR_peek_error() != 0)
            return 0;
        if (result > 0)
            return has("ex") ? put : (size_t)result;
        if (!wait_for(ssl, fd, result))
            return 0;
        if (has("astray") && SSL_is_init_finished(ssl)) {
            result = SSL_write(ssl, moved(at, size), (int)size);
            printf("\nastray %d %d\n", result, SSL_get_error(ssl, result));
            exit(0);
        }
        if (has("longer"))
            printf(" %zu", (size_t)(at - stream) + size);
        if (has("longer") && size < left)
            size += below(left - size < 50 ? left - size : 50);
    }
}

int main(int count, char **word)
{
    if (count != 6)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    way = word[2];
    state = strtoull(word[3], NULL, 10) * 7919 + 1;
    size_t most = strtoull(word[4], NULL, 10);
    make_requests();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context, (has("partial") ? SSL_MODE_ENABLE_PARTIAL_WRITE : 0) |
                                  (has("moving") ? SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER : 0));
    if (has("small"))
        SSL_CTX_set_max_send_fragment(context, 512);
    SSL *ssl = SSL_new(context);
    int fd = connect_to(word[1]);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    size_t at = 0, bad = 0;
    while (at < length && !bad) {
        size_t left = length - at, size = 1 + below(most < left ? most : left);
        printf("%zu", at);
        size_t put = write_once(ssl, fd, stream + at, size, left);
        printf(" %zu\n", at + put);
        bad += put == 0;
        at += put;
    }
    printf("bad %zu\n", bad);
    FILE *sent = fopen(word[5], "wb");
    fwrite(stream, 1, at, sent);
    fclose(sent);
    for (int result; (result = SSL_shutdown(ssl)) < 0 && wait_for(ssl, fd, result);)
        ;
    shutdown(fd, SHUT_WR);
    struct pollfd end = {fd, POLLIN,
                         0}; /* with something unread in it, a socket that is closed takes back what it sent */
    while (poll(&end, 1, 60000) == 1 && recv(fd, stream, sizeof stream, 0) > 0)
        ;
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(context);
    return 0;
}
