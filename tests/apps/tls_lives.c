// build: -pthread -lssl -lcrypto
/* Sessions that end, are lent, or get something else beneath them: tls_lives CERTIFICATE KEY ARRIVED WAY
 *
 * Client and server are in this one thread, with memory between them that takes little, so that a write is to be
 * repeated. What happens meanwhile is WAY:
 *
 *   stood-down   the program exports traces by itself, and gives the session up: another one is made at its address
 *   cleared      likewise, and the same session is used anew
 *   lent         likewise, a reference to the session is taken and given back, and the write is repeated
 *   shorter      the write is repeated with less
 *   error-queue  (nothing is written) another session is given a descriptor, in two steps
 *   bio          the session is given the same BIO anew, to read from
 *   dup          SSL_dup(), and the copy, which is only a reference, is given back
 *   references   some threads take references, which are all given back
 *   packets      three requests with answers, each of which arrives in a BIO of its own
 *
 * What the last server has read goes to the file ARRIVED. Prints what the calls said, and what is in the error queue.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_pair.h"

enum { BODY = 60000, THREADS = 4, REFERENCES = 100000, TRIES = 500 };

static pthread_barrier_t together;

static void replace(SSL *client)
{
    BIO *beneath = SSL_get_wbio(client);
    BIO_up_ref(beneath);
    SSL_set0_rbio(client, beneath);
}

static void duplicate(SSL *client)
{
    SSL *copy = SSL_dup(client);
    need(copy == client, "another reference");
    SSL_free(copy);
}

static void *borrow(void *client)
{
    pthread_barrier_wait(&together);
    for (int i = 0; i < REFERENCES; i++)
        SSL_up_ref(client);
    return NULL;
}

static void lend(SSL *client)
{
    static bool done;
    pthread_t threads[THREADS];
    if (done)
        return;
    done = true;
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        need(pthread_create(&threads[i], NULL, borrow, client) == 0, "a thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS * REFERENCES; i++)
        SSL_free(client);
}

static void nothing(SSL *client)
{
    (void)client;
}

/* One request; `meanwhile` comes each time before it is written again, with at most `again` bytes. */
static void post(void (*meanwhile)(SSL *client), size_t again)
{
    static char request[BODY + 200];
    struct ends ends = connected(SSL_new(client_context), LITTLE);
    size_t length = make_request(request, "/one", BODY), sent = 0, waits = 0, most = length;
    while (sent < length) {
        size_t size = length - sent < most ? length - sent : most;
        int result = SSL_write(ends.client, request + sent, (int)size);
        int error = SSL_get_error(ends.client, result);
        if (result <= 0 && error != SSL_ERROR_WANT_WRITE) {
            tell("refused", ends.client, result);
            break;
        }
        sent += result > 0 ? (size_t)result : 0;
        waits += result <= 0;
        most = again;
        if (result <= 0)
            meanwhile(ends.client);
        arrive(ends.server);
    }
    need(waits > 0, "nothing was to be repeated");
    printf("taken: %zu of %zu\n", sent, length);
    tell("nothing to read", ends.client, SSL_read(ends.client, request, 1));
    disconnect(ends);
}

/* A new session where `old` was. */
static SSL *at_address_of(const SSL *old)
{
    SSL *others[TRIES], *found = NULL;
    size_t count = 0;
    while (!found && count < TRIES) {
        SSL *made = SSL_new(client_context);
        if (made == old)
            found = made;
        else
            others[count++] = made;
    }
    while (count > 0)
        SSL_free(others[--count]);
    need(found != NULL, "the same address");
    return found;
}

static void write_again(struct ends ends, const char *request, size_t length)
{
    int result = -1;
    for (int turn = 0; result <= 0 && turn < TURNS; turn++) {
        arrive(ends.server);
        result = SSL_write(ends.client, request, (int)length);
    }
    tell("again", ends.client, result);
    arrive(ends.server);
    disconnect(ends);
}

static struct ends another(struct ends first, bool cleared)
{
    SSL *client = first.client;
    if (!cleared) {
        disconnect(first);
        return connected(at_address_of(client), MUCH);
    }
    SSL_free(first.server);
    need(SSL_clear(client) == 1, "a session to be used anew");
    return connected(client, MUCH);
}

static void stood_down(bool cleared, bool lent)
{
    static const char export[] = "POST /v1/traces HTTP/1.1\r\nHost: collector\r\n"
                                 "Content-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\nabcd";
    static char request[BODY];
    struct ends first = connected(SSL_new(client_context), LITTLE), own = connected(SSL_new(client_context), MUCH);
    size_t length = make_request(request, "/first", 6000);
    tell("first", first.client, SSL_write(first.client, request, (int)length));
    tell("export", own.client, SSL_write(own.client, export, sizeof export - 1));
    if (lent) {
        SSL_up_ref(first.client);
        SSL_free(first.client);
        write_again(first, request, length);
        disconnect(own);
        return;
    }
    struct ends second = another(first, cleared);
    length = make_request(request, "/second", 7000); /* as long at least: it could be taken for the first */
    tell("second", second.client, SSL_write(second.client, request, (int)length));
    arrive(second.server);
    disconnect(second);
    disconnect(own);
}

static void error_queue(void)
{
    struct ends ends = connected(SSL_new(client_context), MUCH);
    int sockets[2];
    char byte;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "sockets");
    for (int i = 0; i < 2; i++) {
        SSL *other = SSL_new(client_context);
        ERR_clear_error();
        int first = (i == 0 ? SSL_set_rfd : SSL_set_wfd)(other, sockets[0]);
        tell(i == 0 ? "to read from" : "to write to", ends.client, first);
        tell("nothing to read", ends.client, SSL_read(ends.client, &byte, 1));
        int second = (i == 0 ? SSL_set_wfd : SSL_set_rfd)(other, sockets[0]);
        tell("the other one", ends.client, second);
        tell("nothing to read", ends.client, SSL_read(ends.client, &byte, 1));
        SSL_free(other);
    }
    close(sockets[0]);
    close(sockets[1]);
    disconnect(ends);
}

/* What the one side has written, as a packet that has arrived. */
static void pass(SSL *client, BIO *from)
{
    char packet[MUCH / 4];
    int length = BIO_read(from, packet, sizeof packet);
    if (length <= 0)
        return;
    BIO *fresh = BIO_new(BIO_s_mem());
    need(BIO_write(fresh, packet, length) == length, "a packet");
    SSL_set0_rbio(client, fresh);
}

static void packets(void)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    SSL *client = SSL_new(client_context), *server = SSL_new(server_context);
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
    BIO_up_ref(to_server);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), to_server);
    SSL_set_bio(server, to_server, to_client);
    for (int turn = 0; turn < 10; turn++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
        pass(client, to_client);
    }
    need(SSL_is_init_finished(client) && SSL_is_init_finished(server), "a handshake");
    for (int i = 0; i < 3; i++) {
        char request[200], path[] = {'/', (char)('1' + i), 0}, got[200];
        size_t length = make_request(request, path, 4);
        tell("request", client, SSL_write(client, request, (int)length));
        arrive(server);
        need(SSL_write(server, answer, sizeof answer - 1) > 0, "an answer");
        pass(client, to_client);
        tell("answer", client, SSL_read(client, got, sizeof got));
    }
    SSL_free(client);
    SSL_free(server);
}

int main(int count, char **word)
{
    if (count != 5)
        return 2;
    const char *way = word[4];
    make_contexts(word[1], word[2]);
    need((arrived = fopen(word[3], "wb")) != NULL, "a file");
    if (strcmp(way, "shorter") == 0)
        SSL_CTX_set_mode(client_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (strcmp(way, "stood-down") == 0 || strcmp(way, "cleared") == 0 || strcmp(way, "lent") == 0)
        stood_down(strcmp(way, "cleared") == 0, strcmp(way, "lent") == 0);
    else if (strcmp(way, "shorter") == 0)
        post(nothing, BODY / 3);
    else if (strcmp(way, "error-queue") == 0)
        error_queue();
    else if (strcmp(way, "bio") == 0)
        post(replace, MUCH);
    else if (strcmp(way, "dup") == 0)
        post(duplicate, MUCH);
    else if (strcmp(way, "references") == 0)
        post(lend, MUCH);
    else if (strcmp(way, "packets") == 0)
        packets();
    else
        return 2;
    fclose(arrived);
    free_contexts();
    return 0;
}
