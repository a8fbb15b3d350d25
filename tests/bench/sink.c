/* An OTLP/HTTP receiver that counts spans and discards them: keep-alive HTTP/1.1, a thread a connection. Prints its
 * port, then serves until its standard input ends; then prints what it was sent. A GET is told how many spans that is
 * so far. Its own process, so that its work is nobody else's. */
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static _Atomic long requests, bytes, connections, spans;

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

/* --- protobuf: ExportTraceServiceRequest.resource_spans.scope_spans.spans ----------------------------------------- */

static const unsigned char *varint(const unsigned char *at, const unsigned char *end, size_t *value)
{
    *value = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        *value |= (size_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80))
            return at;
    }
    return end;
}

/* How many fields of this path of tags there are. All fields of these messages are length-delimited. */
static long count(const unsigned char *at, const unsigned char *end, const char *tags)
{
    long found = 0;
    while (at < end) {
        size_t tag, length;
        at = varint(at, end, &tag);
        at = varint(at, end, &length);
        if (length > (size_t)(end - at))
            return found;
        if (tag == (unsigned char)tags[0])
            found += tags[1] ? count(at, at + length, tags + 1) : 1;
        at += length;
    }
    return found;
}

/* --- HTTP --------------------------------------------------------------------------------------------------------- */

/* What one connection has sent: some of it may be the next request's. */
struct input {
    int connection;
    char *at;
    size_t size, have;
};

static int read_more(struct input *input, size_t wanted)
{
    if (wanted > input->size) {
        char *larger = realloc(input->at, wanted);
        if (!larger)
            return -1;
        input->at = larger;
        input->size = wanted;
    }
    ssize_t got = read(input->connection, input->at + input->have, input->size - input->have);
    input->have += got > 0 ? (size_t)got : 0;
    return got > 0 ? 0 : -1;
}

static int tell(int connection)
{
    char number[24], text[128];
    int digits = snprintf(number, sizeof number, "%ld", spans);
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", digits, number);
    return write(connection, text, (size_t)length) == length ? 0 : -1;
}

/* The value of Content-Length in the header block, 0 without one. */
static long content_length(const char *head, const char *end)
{
    static const char name[] = "\r\ncontent-length:";
    for (const char *at = head; at + sizeof name < end; at++)
        if (strncasecmp(at, name, sizeof name - 1) == 0)
            return strtol(at + sizeof name - 1, NULL, 10);
    return 0;
}

/* -1: the end. */
static int serve_one(struct input *input)
{
    char *end;
    while (!(end = input->have ? memmem(input->at, input->have, "\r\n\r\n", 4) : NULL))
        if (read_more(input, input->have + 16 * 1024) < 0)
            return -1;
    size_t head = (size_t)(end + 4 - input->at);
    size_t total = head + (size_t)content_length(input->at, input->at + head);
    while (input->have < total)
        if (read_more(input, total) < 0)
            return -1;
    if (memcmp(input->at, "GET ", 4) == 0) {
        if (tell(input->connection) < 0)
            return -1;
    } else {
        const unsigned char *body = (const unsigned char *)input->at;
        requests++;
        bytes += (long)(total - head);
        spans += count(body + head, body + total, "\x0a\x12\x12");
        if (write(input->connection, answer, sizeof answer - 1) < 0)
            return -1;
    }
    input->have -= total;
    memmove(input->at, input->at + total, input->have);
    return 0;
}

static void *serve(void *user)
{
    struct input input = {.connection = (int)(long)user};
    int one = 1;
    setsockopt(input.connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections++;
    while (serve_one(&input) == 0)
        ;
    free(input.at);
    close(input.connection);
    return NULL;
}

static void *serve_all(void *user)
{
    int listener = (int)(long)user, connection;
    while ((connection = accept(listener, NULL, NULL)) >= 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(long)connection) != 0)
            close(connection);
        else
            pthread_detach(thread);
    }
    return NULL;
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("sink");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve_all, (void *)(long)listener) != 0)
        return 1;
    while (getchar() != EOF)
        ;
    printf("requests %ld bytes %ld spans %ld connections %ld\n", requests, bytes, spans, connections);
    return 0;
}
