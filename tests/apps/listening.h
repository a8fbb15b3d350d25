/* What servers among these programs share: a port on 127.0.0.1, and who serves a connection. */
#ifndef TESTS_APPS_LISTENING_H
#define TESTS_APPS_LISTENING_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listens on `port`, 0: on any that is free; or the end of the program. */
static inline int listening(int port, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_port = htons((uint16_t)port);
    if (port != 0)
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, backlog) != 0) {
        perror("listening");
        exit(1);
    }
    return listener;
}

/* Prints the port, and nothing else on the line. */
static inline void say_port(int listener)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

/* Has a thread of its own (MODEL is `thread`) or a child of its own (`fork`) call converse(client), which closes `fd`
 * and frees `client` at the end. False: MODEL is neither. */
static inline bool serve_apart(const char *model, void *(*converse)(void *client), void *client, int fd)
{
    if (strcmp(model, "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, converse, client);
        pthread_detach(thread);
        return true;
    }
    if (strcmp(model, "fork") != 0)
        return false;
    if (fork() == 0) {
        converse(client);
        exit(0);
    }
    close(fd);
    free(client);
    return true;
}

#endif
