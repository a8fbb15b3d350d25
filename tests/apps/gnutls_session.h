/* What the programs that speak TLS with GnuTLS share: sessions, and the ways they are told where their bytes go.
 *
 * `way` holds words: which functions carry the bytes (int2, ptr, ptr2, functions, vector), `nonblocking`, and `null`:
 * a call that has to be made again is given nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static const char *way = "";

static bool has(const char *word)
{
    return strstr(way, word) != NULL;
}

static __attribute__((noreturn, unused)) void fail(const char *what, int result)
{
    printf("%s: %d %s\n", what, result, result < 0 ? gnutls_strerror(result) : "");
    exit(1);
}

static void wait_for(gnutls_session_t session, int fd)
{
    struct pollfd one = {.fd = fd, .events = gnutls_record_get_direction(session) ? POLLOUT : POLLIN};
    poll(&one, 1, 1000);
}

static bool again(ssize_t result)
{
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

/* A transport of the program's own: what it is given is no descriptor. */
struct carrier {
    long mark;
    int fd;
};
static struct carrier carrier = {.mark = -1};

static ssize_t pull(gnutls_transport_ptr_t at, void *buffer, size_t size)
{
    return recv(((struct carrier *)at)->fd, buffer, size, 0);
}

static ssize_t push(gnutls_transport_ptr_t at, const void *buffer, size_t size)
{
    return send(((struct carrier *)at)->fd, buffer, size, MSG_NOSIGNAL);
}

static ssize_t push_vector(gnutls_transport_ptr_t at, const giovec_t *pieces, int count)
{
    return sendmsg(((struct carrier *)at)->fd,
                   &(struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count},
                   MSG_NOSIGNAL);
}

static int pull_timeout(gnutls_transport_ptr_t at, unsigned ms)
{
    return poll(&(struct pollfd){.fd = ((struct carrier *)at)->fd, .events = POLLIN}, 1, (int)ms);
}

static void carry(gnutls_session_t session, int fd)
{
    if (has("functions") || has("vector")) {
        carrier.fd = fd;
        gnutls_transport_set_ptr(session, &carrier);
        gnutls_transport_set_pull_function(session, pull);
        gnutls_transport_set_pull_timeout_function(session, pull_timeout);
        if (has("vector"))
            gnutls_transport_set_vec_push_function(session, push_vector);
        else
            gnutls_transport_set_push_function(session, push);
    } else if (has("ptr2")) {
        gnutls_transport_set_ptr2(session, (gnutls_transport_ptr_t)(long)fd, (gnutls_transport_ptr_t)(long)fd);
    } else if (has("ptr")) {
        gnutls_transport_set_ptr(session, (gnutls_transport_ptr_t)(long)fd);
    } else if (has("int2")) {
        gnutls_transport_set_int2(session, fd, fd);
    } else {
        gnutls_transport_set_int(session, fd);
    }
}

static void shake_hands(gnutls_session_t session, int fd)
{
    int result;
    while ((result = gnutls_handshake(session)) < 0 && !gnutls_error_is_fatal(result))
        wait_for(session, fd);
    if (result < 0)
        fail("handshake", result);
}

static __attribute__((unused)) gnutls_session_t open_session(unsigned role, gnutls_certificate_credentials_t who,
                                                             int fd)
{
    gnutls_session_t session;
    if (has("nonblocking"))
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    gnutls_init(&session, role | (has("nonblocking") ? GNUTLS_NONBLOCK : 0));
    if (has("tls1.2"))
        gnutls_priority_set_direct(session, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
    else
        gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, who);
    carry(session, fd);
    shake_hands(session, fd);
    return session;
}

/* Sends all of it, as the retry rule has it. */
static __attribute__((unused)) void send_all(gnutls_session_t session, int fd, const char *at, size_t left)
{
    while (left > 0) {
        ssize_t put =
            has("send2") ? gnutls_record_send2(session, at, left, 0, 0) : gnutls_record_send(session, at, left);
        while (again(put)) {
            wait_for(session, fd);
            put = has("null")    ? gnutls_record_send(session, NULL, 0)
                  : has("send2") ? gnutls_record_send2(session, at, left, 0, 0)
                                 : gnutls_record_send(session, at, left);
        }
        if (put <= 0)
            fail("send", (int)put);
        at += put;
        left -= (size_t)put;
    }
}

static __attribute__((unused)) ssize_t receive(gnutls_session_t session, int fd, char *at, size_t room)
{
    unsigned char number[8];
    gnutls_packet_t packet;
    ssize_t got;
    do {
        if (!has("packet"))
            got =
                has("seq") ? gnutls_record_recv_seq(session, at, room, number) : gnutls_record_recv(session, at, room);
        else if ((got = gnutls_record_recv_packet(session, &packet)) > 0) {
            gnutls_datum_t data;
            gnutls_packet_get(packet, &data, NULL);
            if (data.size > room)
                fail("packet", (int)data.size);
            memcpy(at, data.data, data.size);
            gnutls_packet_deinit(packet);
        }
        if (again(got))
            wait_for(session, fd);
    } while (again(got));
    return got;
}
