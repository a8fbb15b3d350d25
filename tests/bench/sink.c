/* An OTLP/HTTP receiver that discards: keep-alive HTTP/1.1, a thread a connection. Prints its port, then serves until
 * its standard input ends; then prints what it was sent. Its own process, so that its work is nobody else's. */
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

static _Atomic long requests, bytes, connections;

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

/* The value of Content-Length in the header block, 0 without one. */
static long content_length(const char *head, const char *end)
{
    static const char name[] = "\r\ncontent-length:";
    for (const char *at = head; at + sizeof name < end; at++)
        if (strncasecmp(at, name, sizeof name - 1) == 0)
            return strtol(at + sizeof name - 1, NULL, 10);
    return 0;
}

/* One request; `buffer` holds `have` bytes of it already. Returns how many bytes of the next one are there, -1 at the
 * end. */
static ssize_t serve_one(int connection, char *buffer, size_t size, size_t have)
{
    char *body;
    buffer[have] = '\0';
    while (!(body = strstr(buffer, "\r\n\r\n"))) {
        ssize_t got = have + 1 < size ? read(connection, buffer + have, size - have - 1) : -1;
        if (got <= 0)
            return -1;
        have += (size_t)got;
        buffer[have] = '\0';
    }
    body += 4;
    long length = content_length(buffer, body), there = buffer + have - body;
    for (long left = length - there; left > 0;) {
        ssize_t got = read(connection, buffer, left < (long)size ? (size_t)left : size);
        if (got <= 0)
            return -1;
        left -= got;
    }
    requests++;
    bytes += length;
    if (write(connection, answer, sizeof answer - 1) < 0)
        return -1;
    if (there <= length)
        return 0;
    memmove(buffer, body + length, (size_t)(there - length));
    return there - length;
}

static void *serve(void *user)
{
    int connection = (int)(long)user;
    enum { SIZE = 256 * 1024 };
    char *buffer = malloc(SIZE);
    ssize_t have = 0;
    int one = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections++;
    while (buffer && have >= 0)
        have = serve_one(connection, buffer, SIZE, (size_t)have);
    free(buffer);
    close(connection);
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
    printf("requests %ld bytes %ld connections %ld\n", requests, bytes, connections);
    return 0;
}
