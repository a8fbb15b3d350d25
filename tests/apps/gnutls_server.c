// build: -lgnutls -pthread
/* A server of GnuTLS's: gnutls_server CERTIFICATE KEY WAY CONNECTIONS
 *
 * Prints its port, serves that many connections and prints for each request what was asked. WAY as in
 * gnutls_session.h, and how it answers (cork, file) and reads (packet, seq); `threads`: each connection in a thread of
 * its own. A path of /bytes/N is answered with N bytes, another one with itself. */
#include <pthread.h>

#include "gnutls_session.h"

static gnutls_certificate_credentials_t own;

static char bytes[1 << 20];

static void send_file(gnutls_session_t session, size_t size)
{
    char name[] = "/tmp/gnutls_server.XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    if (write(file, bytes, size) != (ssize_t)size)
        exit(2);
    lseek(file, 0, SEEK_SET);
    ssize_t put = gnutls_record_send_file(session, file, NULL, size);
    if (put != (ssize_t)size)
        fail("file", (int)put);
    close(file);
}

static void respond(gnutls_session_t session, int fd, const char *path)
{
    char head[512];
    size_t size = strncmp(path, "/bytes/", 7) == 0 ? strtoul(path + 7, NULL, 10) : strlen(path);
    int length =
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
    if (has("cork"))
        gnutls_record_cork(session);
    send_all(session, fd, head, (size_t)length);
    if (strncmp(path, "/bytes/", 7) != 0)
        send_all(session, fd, path, size);
    else if (has("file"))
        send_file(session, size);
    else
        send_all(session, fd, bytes, size);
    if (!has("cork"))
        return;
    int put;
    while (again(put = gnutls_record_uncork(session, 0)))
        wait_for(session, fd);
    if (put < 0 || (!has("nonblocking") && (size_t)put != (size_t)length + size))
        fail("uncork", put);
}

static void *serve(void *number)
{
    int fd = (int)(long)number;
    char text[65536];
    size_t have = 0;
    gnutls_session_t session = open_session(GNUTLS_SERVER, own, fd);
    for (;;) {
        ssize_t got = receive(session, fd, text + have, sizeof text - 1 - have);
        if (got <= 0) {
            printf("end %zd\n", got);
            break;
        }
        have += (size_t)got;
        text[have] = '\0';
        for (char *end; (end = strstr(text, "\r\n\r\n"));) {
            char path[512];
            sscanf(text, "%*s %511s", path);
            printf("%s\n", path);
            respond(session, fd, path);
            memmove(text, end + 4, strlen(end + 4) + 1);
            have = strlen(text);
        }
    }
    if (!has("rude"))
        gnutls_bye(session, GNUTLS_SHUT_WR);
    gnutls_deinit(session);
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof in;
    if (argc < 5)
        return 2;
    way = argv[3];
    memset(bytes, 'x', sizeof bytes);
    gnutls_certificate_allocate_credentials(&own);
    int result = gnutls_certificate_set_x509_key_file(own, argv[1], argv[2], GNUTLS_X509_FMT_PEM);
    if (result < 0)
        fail("key", result);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&in, length) != 0 || listen(listener, 16) != 0)
        return 2;
    getsockname(listener, (struct sockaddr *)&in, &length);
    printf("%d\n", ntohs(in.sin_port));
    fflush(stdout);
    pthread_t threads[64];
    int count = atoi(argv[4]);
    for (int i = 0; i < count; i++) {
        int fd = accept(listener, NULL, NULL);
        if (has("threads"))
            pthread_create(&threads[i], NULL, serve, (void *)(long)fd);
        else
            serve((void *)(long)fd);
    }
    for (int i = 0; has("threads") && i < count; i++)
        pthread_join(threads[i], NULL);
    gnutls_certificate_free_credentials(own);
    return 0;
}
