// build: -lgnutls
/* A client that writes requests over TLS in odd ways: gnutls_writes PORT WAY SEED SIZE SENT
 *
 * WAY as in gnutls_session.h, and with `cork` some of it is held back. SIZE is the most that is written at once. All
 * that the calls say was taken goes to the file SENT. Prints how many requests there were, how many with a trace of
 * their own, of how many others the empty line was handed over in one piece, and a number made of what the calls have
 * returned, where that does not depend on the other end. Reads no answer. */
#include <sys/stat.h>

#include "gnutls_session.h"

enum { REQUESTS = 120, ROOM = 1 << 22, RECORD = 16384 };

static struct {
    size_t empty_line, body;
    bool own, whole, past;
} requests[REQUESTS];
static char stream[ROOM];
static size_t length, position, most, corked;
static int connection, sent;
static uint64_t state, returned = 5381;
static gnutls_session_t session;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % limit);
}

static void add(const char *text)
{
    memcpy(stream + length, text, strlen(text));
    length += strlen(text);
}

static void add_bytes(size_t count)
{
    static const char text[] = "GET / HTTP/1.1\r\n\r\n"; /* a body that looks like a request */
    for (size_t i = 0; i < count; i++)
        stream[length++] = text[i % (sizeof text - 1)];
}

static void make_request(int number)
{
    char line[200];
    size_t kind = below(3), body = below(3) ? below(below(9) ? 2000 : 20000) : 0;
    const char *end = below(8) ? "\r\n" : "\n";
    requests[number].own = below(6) == 0;
    snprintf(line, sizeof line, "%s /%d HTTP/1.1%sHost: example.test%s", kind ? "POST" : "GET", number, end, end);
    add(line);
    for (size_t i = below(12); i > 0; i--) {
        snprintf(line, sizeof line, "X-Header-%zu: %.*s%s", i, (int)below(70),
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", end);
        add(line);
    }
    if (requests[number].own) {
        snprintf(line, sizeof line, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01%s", end);
        add(line);
    }
    snprintf(line, sizeof line,
             kind == 2 ? "Transfer-Encoding: chunked%s"
             : kind    ? "Content-Length: %2$zu%1$s"
                       : "",
             end, body);
    add(line);
    requests[number].empty_line = length;
    add(end);
    requests[number].body = length;
    if (kind == 2) {
        snprintf(line, sizeof line, "%zx\r\n", body + 1);
        add(line);
    }
    add_bytes(kind == 2 ? body + 1 : kind ? body : 0);
    if (kind == 2)
        add("\r\n0\r\n\r\n");
}

static void note(ssize_t result)
{
    returned = returned * 33 + (uint64_t)result;
}

static void took(size_t count)
{
    for (int i = 0; i < REQUESTS; i++) {
        if (!requests[i].past)
            requests[i].whole = position <= requests[i].empty_line && position + count >= requests[i].body;
        requests[i].past = requests[i].past || position + count > requests[i].empty_line;
    }
    for (size_t done = 0; done < count;) {
        ssize_t put = write(sent, stream + position + done, count - done);
        if (put <= 0)
            exit(3);
        done += (size_t)put;
    }
    position += count;
}

static void uncork(void)
{
    size_t held = gnutls_record_check_corked(session);
    int put = gnutls_record_uncork(session, 0);
    if (held != corked)
        fail("held back", (int)held);
    while (again(put)) {
        wait_for(session, connection);
        held = gnutls_record_check_corked(session);
        put = gnutls_record_uncork(session, has("wait") ? GNUTLS_RECORD_WAIT : 0);
    }
    if (put < 0 || (size_t)put != held || gnutls_record_check_corked(session) != 0)
        fail("uncork", put);
    corked = 0;
}

static ssize_t hand_over(const char *at, size_t count)
{
    return has("send2") ? gnutls_record_send2(session, at, count, 0, 0) : gnutls_record_send(session, at, count);
}

static void step(void)
{
    static bool is_corked;
    size_t count = 1 + below(most);
    if (count > length - position)
        count = length - position;
    if (has("cork") && below(4) == 0) {
        if (is_corked)
            uncork();
        else
            gnutls_record_cork(session);
        is_corked = !is_corked;
    }
    errno = 12345;
    ssize_t put = hand_over(stream + position, count);
    while (again(put)) {
        wait_for(session, connection);
        put = has("null") && below(2) ? hand_over(NULL, 0) : hand_over(stream + position, count);
    }
    if (put != (ssize_t)(is_corked || count < RECORD ? count : RECORD))
        fail("send", (int)put);
    note(put);
    corked += is_corked ? (size_t)put : 0;
    took((size_t)put);
    if (is_corked && position == length)
        uncork();
}

int main(int argc, char **argv)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    gnutls_certificate_credentials_t trust;
    int small = 1, own = 0, whole = 0;
    if (argc < 6)
        return 2;
    way = argv[2];
    state = strtoull(argv[3], NULL, 10) * 2654435761u + 1;
    most = strtoul(argv[4], NULL, 10);
    for (int i = 0; i < REQUESTS; i++)
        make_request(i);
    sent = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    in.sin_port = htons((uint16_t)atoi(argv[1]));
    connection = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    if (connect(connection, (struct sockaddr *)&in, sizeof in) != 0)
        fail("connect", errno);
    gnutls_certificate_allocate_credentials(&trust);
    session = open_session(GNUTLS_CLIENT, trust, connection);
    while (position < length)
        step();
    int result;
    while (again(result = gnutls_bye(session, GNUTLS_SHUT_WR)))
        wait_for(session, connection);
    gnutls_deinit(session);
    shutdown(connection, SHUT_WR);
    while (read(connection, stream, sizeof stream) > 0)
        continue;
    close(connection);
    gnutls_certificate_free_credentials(trust);
    for (int i = 0; i < REQUESTS; i++) {
        own += requests[i].own;
        whole += requests[i].whole && !requests[i].own;
    }
    printf("%d %d %d %llx\n", REQUESTS, own, whole, (unsigned long long)returned);
    return 0;
}
