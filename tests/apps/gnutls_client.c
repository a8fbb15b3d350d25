// build: -lgnutls
/* A client of GnuTLS's: gnutls_client PORT AUTHORITY WAY REQUEST...
 *
 * Each request is a path, or METHOD PATH BODY; all go over one connection, one after the other. WAY as in
 * gnutls_session.h, and how they are sent (send2, range, lines, cork, file), how answers are read (packet, seq), and
 * `all`: everything is sent before anything is read. Prints what calls have returned, and the answers. */
#include "gnutls_session.h"

static const char *host;

static int dial(const char *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)atoi(port));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) != 0)
        fail("connect", errno);
    return fd;
}

static void send_range(gnutls_session_t session, const char *at, size_t left)
{
    while (left > 0) {
        gnutls_range_st range = {.low = left, .high = left + 20};
        ssize_t put = gnutls_record_send_range(
            session, at, left, gnutls_record_can_use_length_hiding(session) ? &range : &(gnutls_range_st){left, left});
        if (put <= 0)
            fail("range", (int)put);
        printf("range %zd\n", put);
        at += put;
        left -= (size_t)put;
    }
}

static void send_file(gnutls_session_t session, const char *body)
{
    char name[] = "/tmp/gnutls_client.XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    if (write(file, body, strlen(body)) != (ssize_t)strlen(body))
        exit(2);
    lseek(file, 0, SEEK_SET);
    ssize_t put = gnutls_record_send_file(session, file, NULL, strlen(body));
    printf("file %zd of %zu, at %ld\n", put, strlen(body), (long)lseek(file, 0, SEEK_CUR));
    close(file);
}

static void uncork(gnutls_session_t session, int fd, size_t length)
{
    size_t corked = gnutls_record_check_corked(session), sent = 0;
    int put = gnutls_record_uncork(session, has("wait") ? GNUTLS_RECORD_WAIT : 0);
    while (again(put)) {
        wait_for(session, fd);
        put = gnutls_record_uncork(session, 0);
    }
    if (put < 0)
        fail("uncork", put);
    sent = (size_t)put;
    printf("corked %zu of %zu, sent %s, left %zu\n", corked, length,
           has("nonblocking") || sent == length ? "all" : "something else", gnutls_record_check_corked(session));
}

static void send_request(gnutls_session_t session, int fd, const char *method, const char *path, const char *body)
{
    char head[4096], length[64] = "";
    if (*body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    int size = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: a client\r\n%s\r\n", method, path,
                        host, length);
    if (has("lines")) {
        for (char *line = head; *line;) {
            char *end = strstr(line, "\r\n") + 2;
            send_all(session, fd, line, (size_t)(end - line));
            line = end;
        }
    } else if (has("range")) {
        send_range(session, head, (size_t)size);
    } else {
        send_all(session, fd, head, (size_t)size);
    }
    if (has("file") && *body)
        send_file(session, body);
    else
        send_all(session, fd, body, strlen(body));
    if (has("cork") && !has("all")) {
        uncork(session, fd, (size_t)size + strlen(body));
        gnutls_record_cork(session);
    }
}

static char answer[1 << 20];
static size_t have;

/* One answer, which has a Content-Length. */
static void read_answer(gnutls_session_t session, int fd)
{
    for (;;) {
        char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "content-length: ");
        size_t whole = end && length && length < end ? (size_t)(end + 4 - answer) + strtoul(length + 16, NULL, 10) : 0;
        if (whole && have >= whole) {
            printf("%.*s %.*s\n", (int)(strchr(answer, '\r') - answer), answer, (int)(answer + whole - end - 4),
                   end + 4);
            memmove(answer, answer + whole, have - whole + 1);
            have -= whole;
            return;
        }
        ssize_t got = receive(session, fd, answer + have, sizeof answer - 1 - have);
        if (got <= 0) {
            printf("received %zd after %zu\n", got, have);
            return;
        }
        have += (size_t)got;
        answer[have] = '\0';
    }
}

int main(int argc, char **argv)
{
    char text[64];
    gnutls_certificate_credentials_t trust;
    if (argc < 4)
        return 2;
    way = argv[3];
    snprintf(text, sizeof text, "127.0.0.1:%s", argv[1]);
    host = text;
    gnutls_certificate_allocate_credentials(&trust);
    gnutls_certificate_set_x509_trust_file(trust, argv[2], GNUTLS_X509_FMT_PEM);
    int fd = dial(argv[1]);
    gnutls_session_t session = open_session(GNUTLS_CLIENT, trust, fd);
    if (has("cork"))
        gnutls_record_cork(session);
    int requests = 0;
    for (int i = 4; i < argc; i++, requests++) {
        bool whole = argv[i][0] != '/';
        send_request(session, fd, whole ? argv[i] : "GET", argv[i + whole], whole ? argv[i + 2] : "");
        i += whole ? 2 : 0;
        if (!has("all"))
            read_answer(session, fd);
    }
    if (has("cork") && has("all"))
        printf("sent %s\n", gnutls_record_uncork(session, GNUTLS_RECORD_WAIT) > 0 ? "all" : "nothing");
    for (; has("all") && requests > 0; requests--)
        read_answer(session, fd);
    if (!has("rude"))
        printf("bye %d\n", gnutls_bye(session, GNUTLS_SHUT_WR));
    errno = 4711;
    gnutls_deinit(session);
    printf("errno %d\n", errno);
    close(fd);
    gnutls_certificate_free_credentials(trust);
    return 0;
}
