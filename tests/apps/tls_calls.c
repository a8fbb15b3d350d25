// build: -pthread -lssl -lcrypto
/* Any calls on sessions of OpenSSL's, in many ways at once: tls_calls CERTIFICATE KEY FOLDER SEED
 *
 * Both ends of each session are here, and threads that take turns with them: what one has begun to write another one
 * goes on with. Beneath are sockets that take little, pairs of BIOs, and a BIO of the program's own, which takes what
 * the dice say. What is written is pipelined requests, what the server writes their answers. Buffers move and grow
 * while a write waits, sessions are lent, get the same thing beneath them again, and change their keys.
 *
 * What a client has written goes to FOLDER/sent.N, what its server has read to FOLDER/got.N. Prints what the calls
 * returned in the end, where that is not the dice's.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tls_calls.h"

enum { TALKS = 12, THREADS = 3, REQUESTS = 8, ANSWER = 9000 };
enum way { PARTIAL = 1, MOVING = 2, LONGER = 4, EX = 8, OLD = 16, SMALL = 32 };
enum beneath { SOCKETS, BIOS, OWN, KINDS };

struct talk {
    pthread_mutex_t lock;
    struct side client, server;
    dice dice; /* what is written, and in which pieces; not what comes between */
    enum way way;
    struct pipe pipes[2];
    size_t most, expected;
    bool closing, over;
    char returned[1 << 18];
    size_t printed;
};

static struct talk *talks;
static dice seed;
static _Atomic int left = TALKS;

static void make_sockets(struct talk *talk)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX}; /* the kernel finds a name */
    socklen_t size = sizeof at.sun_family;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), little = 1;
    need(bind(listener, (struct sockaddr *)&at, size) == 0 && (size = sizeof at) > 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&at, &size) == 0,
         "a name");
    talk->client.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(talk->client.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    need(connect(talk->client.fd, (struct sockaddr *)&at, size) == 0, "a connection");
    need((talk->server.fd = accept(listener, NULL, NULL)) >= 0, "its other end");
    setsockopt(talk->server.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    close(listener);
    fcntl(talk->client.fd, F_SETFL, O_NONBLOCK);
    fcntl(talk->server.fd, F_SETFL, O_NONBLOCK);
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

static size_t size_of_answer(int number)
{
    return (size_t)number * 7919 % ANSWER;
}

static size_t put_answer(char *at, int number)
{
    size_t body = size_of_answer(number);
    size_t length = (size_t)sprintf(at, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);
    memset(at + length, 'a' + number % 26, body);
    return length + body;
}

static void make_requests(struct talk *talk, int number)
{
    static char room[ROOM];
    struct side *client = &talk->client;
    for (int i = 0; i < REQUESTS; i++) {
        size_t body = below(&talk->dice, 3) ? below(&talk->dice, 200) : below(&talk->dice, 40000);
        size_t more = below(&talk->dice, 8) ? below(&talk->dice, 60) : 6000 + below(&talk->dice, 12000);
        const char *own = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
        client->length += (size_t)sprintf(client->said + client->length,
                                          "POST /%d/%d HTTP/1.1\r\nHost: example.test\r\n%sX-More: %0*d\r\n"
                                          "Content-Length: %zu\r\n\r\n",
                                          number, i, below(&talk->dice, 6) ? "" : own, (int)more + 1, 0, body);
        memset(client->said + client->length, 'b', body);
        client->length += body;
        talk->expected += put_answer(room, i);
    }
}

/* The server has read more: the requests that are there as a whole are answered. */
static void answer(struct side *server)
{
    static const char name[] = "Content-Length: ";
    for (;;) {
        char *from = server->got + server->answered;
        size_t there = server->read - server->answered;
        char *end = memmem(from, there, "\r\n\r\n", 4), *value = memmem(from, there, name, sizeof name - 1);
        if (!end)
            return;
        size_t length = (size_t)(end - from) + 4 + strtoul(value + sizeof name - 1, NULL, 10);
        if (there < length)
            return;
        server->answered += length;
        int number = atoi(strchr(from + strlen("POST /"), '/') + 1);
        server->length += put_answer(server->said + server->length, number);
    }
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

/* True: it is to be made again. */
static bool waits(struct side *side, const char *what, int result)
{
    int why = SSL_get_error(side->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return true;
    if (why != SSL_ERROR_ZERO_RETURN)
        printf("%s: %d, error %d, %s\n", what, result, why, ERR_reason_error_string(ERR_peek_error()));
    need(why == SSL_ERROR_ZERO_RETURN, what);
    return false;
}

/* The write that waits is made again, from another place and with more, where it may be. */
static void change(struct talk *talk, struct side *side)
{
    size_t more = side->length - side->put - side->size;
    if ((talk->way & LONGER) && more > 0)
        side->size += chance(more < 100 ? more : 100);
    if (!(talk->way & MOVING))
        return;
    char *fresh = malloc(side->size);
    memcpy(fresh, side->said + side->put, side->size);
    free(side->moved);
    side->moved = fresh;
}

static void write_some(struct talk *talk, struct side *side)
{
    size_t remain = side->length - side->put, put = 0;
    if (remain == 0)
        return;
    if (side->size == 0) /* how much there is for the server to write is the moment's */
        side->size =
            1 + below(side == &talk->client ? &talk->dice : &moment, remain < talk->most ? remain : talk->most);
    change(talk, side);
    const char *at = side->moved ? side->moved : side->said + side->put;
    ERR_clear_error();
    int result =
        talk->way & EX ? SSL_write_ex(side->ssl, at, side->size, &put) : SSL_write(side->ssl, at, (int)side->size);
    if (result <= 0) {
        need(waits(side, "write", result), "an open session");
        return;
    }
    put = talk->way & EX ? put : (size_t)result;
    if (!(talk->way & (PARTIAL | LONGER)) && side == &talk->client)
        talk->printed += (size_t)sprintf(talk->returned + talk->printed, " %zu", put);
    need(put <= side->size, "no more than there is");
    side->put += put;
    side->size = 0;
    free(side->moved);
    side->moved = NULL;
}

static void read_some(struct talk *talk, struct side *side)
{
    size_t got = 0, size = 1 + chance(chance(2) ? 40 : 20000);
    if (size > ROOM - side->read)
        size = ROOM - side->read;
    ERR_clear_error();
    int result = talk->way & EX ? SSL_read_ex(side->ssl, side->got + side->read, size, &got)
                                : SSL_read(side->ssl, side->got + side->read, (int)size);
    if (result <= 0) {
        side->ends = !waits(side, "read", result);
        return;
    }
    side->read += talk->way & EX ? got : (size_t)result;
    if (side == &talk->server)
        answer(side);
}

static void disturb(struct side *side)
{
    static char nothing[1];
    BIO *beneath = SSL_get_rbio(side->ssl);
    ERR_clear_error();
    switch (chance(7)) {
    case 0:
        side->lent += SSL_up_ref(side->ssl);
        break;
    case 1:
        if (side->lent > 0)
            SSL_free(side->ssl);
        side->lent -= side->lent > 0;
        break;
    case 2:
        if (!SSL_is_init_finished(side->ssl))
            break;
        if (side->fd >= 0)
            SSL_set_fd(side->ssl, side->fd);
        else
            BIO_up_ref(beneath), SSL_set0_rbio(side->ssl, beneath);
        break;
    case 3:
        /* Where both sides did so, and neither could write, neither would read. */
        if (side->keys && side->size == 0 && SSL_is_init_finished(side->ssl) &&
            SSL_version(side->ssl) == TLS1_3_VERSION)
            SSL_key_update(side->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        break;
    case 4:
        SSL_set_mode(side->ssl, SSL_MODE_RELEASE_BUFFERS);
        break;
    case 5:
        chance(2) ? SSL_set_mode(side->ssl, SSL_MODE_AUTO_RETRY) : SSL_clear_mode(side->ssl, SSL_MODE_AUTO_RETRY);
        break;
    default:
        if (side->size == 0)
            SSL_peek(side->ssl, nothing, 0);
    }
    ERR_clear_error();
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

static void begin_side(struct talk *talk, struct side *side, SSL_CTX *context)
{
    side->ssl = SSL_new(context);
    long mode = (talk->way & PARTIAL ? SSL_MODE_ENABLE_PARTIAL_WRITE : 0) |
                (talk->way & MOVING ? SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER : 0);
    SSL_set_mode(side->ssl, mode);
    if (talk->way & SMALL)
        SSL_set_max_send_fragment(side->ssl, 512);
    if (talk->way & OLD)
        SSL_set_max_proto_version(side->ssl, TLS1_2_VERSION);
    if (below(&talk->dice, 3) == 0)
        side->lent += SSL_up_ref(side->ssl);
    side->fd = -1;
}

static void begin(struct talk *talk, int number)
{
    static const size_t most[] = {30, 700, 5000, 60000};
    BIO *here, *there;
    pthread_mutex_init(&talk->lock, NULL);
    talk->dice = (seed + (dice)number) * 2654435761u;
    for (int i = 0; i < 20; i++) /* near seeds begin alike */
        below(&talk->dice, 2);
    talk->way = (enum way)below(&talk->dice, 2 * SMALL);
    talk->most = most[below(&talk->dice, 4)];
    make_requests(talk, number);
    begin_side(talk, &talk->client, client_context);
    begin_side(talk, &talk->server, server_context);
    talk->client.keys = true;
    SSL_set_connect_state(talk->client.ssl);
    SSL_set_accept_state(talk->server.ssl);
    talk->client.in = talk->server.out = &talk->pipes[0];
    talk->client.out = talk->server.in = &talk->pipes[1];
    enum beneath kind = (enum beneath)below(&talk->dice, KINDS);
    if (kind == SOCKETS) {
        make_sockets(talk);
        SSL_set_fd(talk->client.ssl, talk->client.fd);
        SSL_set_fd(talk->server.ssl, talk->server.fd);
        return;
    }
    if (kind == BIOS) {
        need(BIO_new_bio_pair(&here, 300 + below(&talk->dice, LITTLE), &there, 300 + below(&talk->dice, LITTLE)) == 1,
             "a pair");
    } else {
        here = make_own(&talk->client);
        there = make_own(&talk->server);
    }
    SSL_set_bio(talk->client.ssl, here, here);
    SSL_set_bio(talk->server.ssl, there, there);
}

static void save(const char *folder, const char *name, int number, const char *at, size_t length)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%d", folder, name, number);
    FILE *file = fopen(path, "wb");
    need(file && fwrite(at, 1, length, file) == length && fclose(file) == 0, path);
}

static void end_side(struct side *side)
{
    while (side->lent-- > 0)
        SSL_free(side->ssl);
    SSL_free(side->ssl);
    if (side->fd >= 0)
        close(side->fd);
    free(side->moved);
}

/* The client says that it has all it wanted; then the server has read all. */
static void end(struct talk *talk)
{
    if (talk->client.put == talk->client.length && talk->client.read == talk->expected)
        talk->closing = talk->closing || SSL_is_init_finished(talk->client.ssl);
    if (!talk->closing)
        return;
    ERR_clear_error();
    int result = SSL_shutdown(talk->client.ssl);
    if (result < 0 && waits(&talk->client, "shutdown", result))
        return;
    talk->over = talk->server.ends;
}

static void step(struct talk *talk)
{
    struct side *side = chance(2) ? &talk->client : &talk->server;
    if (talk->closing) {
        end(talk);
        if (!talk->server.ends)
            read_some(talk, &talk->server);
        talk->over = talk->server.ends;
    } else if (chance(6) == 0) {
        disturb(side);
    } else if (chance(2) && side->put < side->length) {
        write_some(talk, side);
    } else {
        read_some(talk, side);
    }
    end(talk);
}

static void *take_turns(void *number)
{
    moment = (dice)((uintptr_t)number + 1) * 6364136223846793005u ^ seed;
    while (left > 0) {
        struct talk *talk = &talks[chance(TALKS)];
        if (pthread_mutex_trylock(&talk->lock) != 0) {
            sched_yield();
            continue;
        }
        for (size_t turns = 1 + chance(8); turns > 0 && !talk->over; turns--) {
            step(talk);
            left -= talk->over;
        }
        pthread_mutex_unlock(&talk->lock);
    }
    return NULL;
}

int main(int count, char **word)
{
    pthread_t threads[THREADS];
    if (count != 5)
        return 2;
    seed = strtoull(word[4], NULL, 10) * 1000003 + 1;
    make_contexts(word[1], word[2]);
    make_method();
    talks = calloc(TALKS, sizeof *talks);
    for (int i = 0; i < TALKS; i++)
        begin(&talks[i], i);
    for (int i = 0; i < THREADS; i++)
        need(pthread_create(&threads[i], NULL, take_turns, (void *)(uintptr_t)i) == 0, "a thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < TALKS; i++) {
        struct talk *talk = &talks[i];
        bool same = memcmp(talk->client.got, talk->server.said, talk->expected) == 0;
        printf("%d way %d answers %s:%s\n", i, (int)talk->way, same ? "arrived" : "are others", talk->returned);
        save(word[3], "sent", i, talk->client.said, talk->client.length);
        save(word[3], "got", i, talk->server.got, talk->server.read);
        end_side(&talk->client);
        end_side(&talk->server);
    }
    BIO_meth_free(own_method);
    free(talks);
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    return 0;
}
