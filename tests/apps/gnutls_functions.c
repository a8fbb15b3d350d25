// build: -lgnutls -pthread
/* Functions of GnuTLS that other programs here do not call, or not so that they fail: gnutls_functions CERTIFICATE KEY
 *
 * A server in one thread, its client in another. Prints what calls return. */
#include <pthread.h>
#include <signal.h>

#include "gnutls_session.h"

static gnutls_certificate_credentials_t own, trust;
static gnutls_datum_t ticket_key;
static gnutls_anti_replay_t replay;
static int listener;
static struct sockaddr_in address;
static pthread_barrier_t discarded;

/* What a time has to do with it is not asked for: each ticket is used once. */
static int seen_never(void *nothing, time_t until, const gnutls_datum_t *key, const gnutls_datum_t *value)
{
    (void)nothing, (void)until, (void)key, (void)value;
    return 0;
}

static gnutls_session_t begin(unsigned flags, gnutls_certificate_credentials_t who, int fd)
{
    gnutls_session_t session;
    gnutls_init(&session, flags);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, who);
    if (fd >= 0)
        gnutls_transport_set_int(session, fd);
    return session;
}

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Answers what comes, early or not, until the client says that it is done. */
static void *serve(void *nothing)
{
    for (int i = 0; i < 2; i++) {
        char text[4096];
        int fd = accept(listener, NULL, NULL);
        gnutls_session_t session = begin(GNUTLS_SERVER | GNUTLS_ENABLE_EARLY_DATA, own, fd);
        gnutls_session_ticket_enable_server(session, &ticket_key);
        gnutls_anti_replay_enable(session, replay);
        shake_hands(session, fd);
        ssize_t got = gnutls_record_recv_early_data(session, text, sizeof text);
        if (got > 0)
            gnutls_record_send(session, answer, sizeof answer - 1);
        while (gnutls_record_recv(session, text, sizeof text) > 0)
            gnutls_record_send(session, answer, sizeof answer - 1);
        gnutls_bye(session, GNUTLS_SHUT_WR);
        gnutls_deinit(session);
        close(fd);
    }
    return nothing;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        exit(2);
    return fd;
}

static void ask(gnutls_session_t session, const char *path)
{
    char text[512];
    size_t have = 0;
    if (path) {
        int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: example.test\r\n\r\n", path);
        printf("%s: %d\n", path, (int)gnutls_record_send(session, text, (size_t)length));
    }
    while (have < sizeof answer - 1) {
        ssize_t got = gnutls_record_recv(session, text + have, sizeof text - have);
        if (got <= 0 && !again(got))
            fail("answer", (int)got);
        have += got > 0 ? (size_t)got : 0;
    }
    printf("%.*s\n", 2, text + have - 2);
}

static void early(void)
{
    static const char request[] = "GET /early HTTP/1.1\r\nHost: example.test\r\n\r\n";
    gnutls_datum_t known;
    int fd = dial();
    gnutls_session_t session = begin(GNUTLS_CLIENT, trust, fd);
    shake_hands(session, fd);
    ask(session, "/first");
    gnutls_session_get_data2(session, &known);
    gnutls_bye(session, GNUTLS_SHUT_WR);
    gnutls_deinit(session);
    close(fd);
    fd = dial();
    session = begin(GNUTLS_CLIENT | GNUTLS_ENABLE_EARLY_DATA, trust, fd);
    gnutls_session_set_data(session, known.data, known.size);
    printf("gnutls_record_send_early_data: %zd\n", gnutls_record_send_early_data(session, request, sizeof request - 1));
    shake_hands(session, fd);
    printf("taken: %d\n", (gnutls_session_get_flags(session) & GNUTLS_SFLAGS_EARLY_DATA) != 0);
    ask(session, NULL);
    ask(session, "/later");
    gnutls_bye(session, GNUTLS_SHUT_RDWR);
    gnutls_deinit(session);
    close(fd);
    gnutls_free(known.data);
}

#define SAY(call) printf("%s: %d\n", #call, (int)(call))

static void *talk(void *nothing)
{
    early();
    return nothing;
}

/* A session that has not shaken hands. */
static void too_soon(void)
{
    char text[100];
    unsigned char number[8];
    gnutls_packet_t packet;
    const gnutls_range_st range = {20, 10};
    gnutls_session_t session = begin(GNUTLS_CLIENT, trust, -1);
    SAY(gnutls_record_send(session, "text", 4));
    SAY(gnutls_record_send2(session, "text", 4, 0, 0));
    SAY(gnutls_record_send_range(session, "text", 4, &range));
    SAY(gnutls_record_send_file(session, -1, NULL, 4));
    SAY(gnutls_record_send_early_data(session, NULL, 0));
    SAY(gnutls_record_recv(session, text, sizeof text));
    SAY(gnutls_record_recv_seq(session, text, sizeof text, number));
    SAY(gnutls_record_recv_packet(session, &packet));
    SAY(gnutls_record_recv_packet(session, NULL));
    SAY(gnutls_record_recv_early_data(session, text, sizeof text));
    SAY(gnutls_record_check_corked(session));
    SAY(gnutls_record_uncork(session, 0));
    SAY(gnutls_record_discard_queued(session));
    gnutls_record_cork(session);
    SAY(gnutls_record_uncork(session, GNUTLS_RECORD_WAIT));
    gnutls_deinit(session);
}

/* Nobody answers: the handshake fails, and so does everything behind it. */
static void alone(void)
{
    int ends[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    gnutls_session_t session = begin(GNUTLS_CLIENT, trust, ends[0]);
    close(ends[1]);
    errno = 0;
    printf("gnutls_handshake: %s\n", gnutls_handshake(session) < 0 ? "failed" : "succeeded");
    printf("gnutls_bye: %s\n", gnutls_bye(session, GNUTLS_SHUT_WR) < 0 ? "failed" : "succeeded");
    gnutls_deinit(session);
    close(ends[0]);
}

/* More than the other end takes is sent, and what the library has of it thrown away. */
static void *discard(void *nothing)
{
    static char text[20000];
    int fd = dial();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    memcpy(text, "POST /much HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n", 51);
    gnutls_session_t session = begin(GNUTLS_CLIENT | GNUTLS_NONBLOCK, trust, fd);
    shake_hands(session, fd);
    ssize_t put;
    do
        put = gnutls_record_send(session, text, sizeof text);
    while (put == 16384);
    SAY(put);
    SAY(gnutls_record_discard_queued(session) > 0);
    SAY(gnutls_record_discard_queued(session));
    SAY(gnutls_record_send(session, NULL, 0));
    pthread_barrier_wait(&discarded);
    gnutls_deinit(session);
    close(fd);
    return nothing;
}

static void *read_nothing(void *nothing)
{
    int fd = accept(listener, NULL, NULL);
    gnutls_session_t session = begin(GNUTLS_SERVER, own, fd);
    shake_hands(session, fd);
    pthread_barrier_wait(&discarded);
    gnutls_deinit(session);
    close(fd);
    return nothing;
}

static void together(void *(*one)(void *), void *(*other)(void *))
{
    pthread_t thread;
    pthread_create(&thread, NULL, one, NULL);
    other(NULL);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    socklen_t length = sizeof address;
    signal(SIGPIPE, SIG_IGN);
    if (argc < 3)
        return 2;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    gnutls_certificate_allocate_credentials(&own);
    gnutls_certificate_allocate_credentials(&trust);
    gnutls_certificate_set_x509_key_file(own, argv[1], argv[2], GNUTLS_X509_FMT_PEM);
    gnutls_session_ticket_key_generate(&ticket_key);
    gnutls_anti_replay_init(&replay);
    gnutls_anti_replay_set_add_function(replay, seen_never);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0)
        return 2;
    getsockname(listener, (struct sockaddr *)&address, &length);
    pthread_barrier_init(&discarded, NULL, 2);
    too_soon();
    alone();
    together(serve, talk);
    together(read_nothing, discard);
    gnutls_anti_replay_deinit(replay);
    gnutls_free(ticket_key.data);
    gnutls_certificate_free_credentials(own);
    gnutls_certificate_free_credentials(trust);
    return 0;
}
