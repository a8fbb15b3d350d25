/* A proxy that hands requests on as they came: http_pass PORT SEED SIZE
 *
 * Prints the port it listens on. Serves one connection after the other, each request over a connection of its own to
 * PORT, in pieces of at most SIZE bytes; a SIZE of 0: all at once. Requests have no body.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listening.h"

static uint64_t state;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % limit);
}

static void pass(const char *text, size_t length, int to, size_t most)
{
    while (length > 0) {
        size_t count = most ? 1 + below(most) : length;
        ssize_t put = write(to, text, count < length ? count : length);
        if (put < 0 && errno != EINTR)
            exit(1);
        text += put > 0 ? put : 0;
        length -= put > 0 ? (size_t)put : 0;
    }
}

/* PORT is a path where it begins with a slash. */
static int connect_to(const char *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    in.sin_port = htons((uint16_t)atoi(port));
    strncpy(un.sun_path, port, sizeof un.sun_path - 1);
    int fd = socket(port[0] == '/' ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    if (connect(fd, port[0] == '/' ? (struct sockaddr *)&un : (struct sockaddr *)&in,
                port[0] == '/' ? sizeof un : sizeof in) != 0)
        exit(1);
    return fd;
}

int main(int argc, char *argv[])
{
    if (argc < 4)
        return 2;
    int listener = listening(0, 16);
    state = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
    say_port(listener);
    for (;;) {
        static char text[65536];
        int client = accept(listener, NULL, NULL);
        size_t used = 0;
        ssize_t got;
        while (!memmem(text, used, "\r\n\r\n", 4) && (got = read(client, text + used, sizeof text - used)) > 0)
            used += (size_t)got;
        int server = connect_to(argv[1]);
        pass(text, used, server, strtoul(argv[3], NULL, 10));
        while ((got = read(server, text, sizeof text)) > 0)
            pass(text, (size_t)got, client, 0);
        close(server);
        close(client);
    }
}
