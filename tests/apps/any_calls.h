/* One call of any kind: for any_calls.c. */
#ifndef TESTS_ANY_CALLS_H
#define TESTS_ANY_CALLS_H

enum { PIECES = 1200, MESSAGES = 3 };

static void say(const struct connection *connection, const char *name, long long result, const void *bytes, size_t size)
{
    int error = errno;
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + ((const unsigned char *)bytes)[i];
    printf("%d %s %lld %d %08x\n", connection->number, name, result, error, sum);
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

static struct iovec pieces[PIECES];

/* The bytes as pieces of all sizes; how many these are. */
static size_t cut(char *at, size_t size)
{
    static const size_t counts[] = {1, 2, 5, 60, IOV_MAX};
    size_t most = 1 + below(counts[below(5)]), used = 0;
    for (; used < most && (size > 0 || below(4) == 0); used++) {
        size_t part = used + 1 == most ? size : below(4) ? below(size / 4 + 2) : 0;
        part = part < size ? part : size;
        pieces[used] = (struct iovec){at, part};
        at += part;
        size -= part;
    }
    return used;
}

static size_t bytes_of(size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].iov_len;
    return size;
}

static void *bad_address(void)
{
    static const intptr_t addresses[] = {0, 1, -1, -PAGE};
    size_t which = below(5);
    return which < 4 ? (void *)addresses[which] : edge + below(PAGE);
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static long long send_messages(int fd, char *at, size_t size, int flags)
{
    struct mmsghdr messages[MESSAGES] = {0};
    struct iovec parts[MESSAGES];
    unsigned count = (unsigned)below(MESSAGES + 1);
    long long taken = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t part = i + 1 == count ? size : below(size + 1);
        parts[i] = (struct iovec){at, part};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        at += part;
        size -= part;
    }
    int sent = sendmmsg(fd, messages, count, flags);
    for (int i = 0; i < sent; i++)
        taken += messages[i].msg_len;
    return sent > 0 ? taken : sent;
}

static long long send_through_pipe(int fd, const char *at, size_t size)
{
    int ends[2];
    size = size < PAGE ? size : PAGE;
    if (pipe(ends) != 0 || write(ends[1], at, size) != (ssize_t)size)
        fail("pipe");
    close(ends[1]);
    errno = UNTOUCHED;
    ssize_t moved = splice(ends[0], NULL, fd, NULL, size, below(2) ? SPLICE_F_NONBLOCK : 0);
    int error = errno;
    close(ends[0]);
    errno = error;
    return moved;
}

static long long send_file(const struct connection *connection, const struct talk *talk, int fd, size_t size)
{
    off_t offset = (off_t)talk->position;
    if (below(2))
        return sendfile(fd, connection->file, &offset, size);
    lseek(connection->file, offset, SEEK_SET);
    return sendfile64(fd, connection->file, NULL, size);
}

/* What is handed over is not there, or not all of it, or too much. */
static void send_badly(struct connection *connection, struct talk *talk, int fd)
{
    size_t size = any_size(300), count = cut(talk->stream + talk->position, 0), part = size / 2;
    char *address = bad_address();
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 1};
    const char *name = "bad";
    long long taken = 0;
    pieces[count] = (struct iovec){address, size};
    if (!tcp && below(3) == 0 && talk->position + part <= talk->length) { /* it runs over the edge */
        address = edge - part;
        memcpy(address, talk->stream + talk->position, part);
        pieces[count].iov_base = address;
        size += 1;
    }
    errno = UNTOUCHED;
    switch (below(9)) {
    case 0:
        taken = write(fd, address, size);
        break;
    case 1:
        taken = send(fd, address, size, MSG_NOSIGNAL);
        break;
    case 2:
        taken = writev(fd, (struct iovec *)(void *)bad_address(), (int)below(3));
        name = "bad array";
        break;
    case 3:
        taken = sendmsg(fd, (struct msghdr *)(void *)bad_address(), MSG_NOSIGNAL);
        name = "bad message";
        break;
    case 4:
        taken = writev(fd, pieces, below(2) ? -1 : IOV_MAX + 1);
        name = "many";
        break;
    case 5:
        message.msg_iovlen = below(2) ? (size_t)1 << 40 : IOV_MAX + 1;
        taken = sendmsg(fd, &message, MSG_NOSIGNAL);
        name = "many";
        break;
    case 6:
        taken = writev(fd, pieces, (int)count + 1);
        break;
    case 7:
        taken = sendfile(fd, -1, NULL, size);
        name = "no file";
        break;
    default:
        taken = sendfile(fd, connection->file, (off_t *)(void *)bad_address(), 0);
        name = "nowhere";
        break;
    }
    say(connection, name, taken, NULL, 0);
    talk->position += taken > 0 ? (size_t)taken : 0;
}

static void make_send(struct connection *connection, struct talk *talk)
{
    int fd = any_name(connection), flags = MSG_NOSIGNAL | (below(4) == 0 ? MSG_DONTWAIT : 0);
    char *at = talk->stream + talk->position;
    size_t size = any_size(talk->length - talk->position), count;
    long long taken = 0;
    const char *name = "send";
    if (below(8) == 0 && !sound) {
        send_badly(connection, talk, fd);
        return;
    }
    size_t how = below(12);
    if (how >= 4 && how < 8)
        size = (count = cut(at, size)) ? bytes_of(count) : 0;
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = how >= 4 && how < 8 ? count : 0};
    errno = UNTOUCHED;
    switch (how) {
    case 0:
    case 1:
        taken = write(fd, at, size);
        name = "write";
        break;
    case 2:
        taken = send(fd, at, size, flags);
        break;
    case 3:
        taken = sendto(fd, at, size, flags, NULL, 0);
        name = "sendto";
        break;
    case 4:
    case 5:
        taken = writev(fd, pieces, (int)message.msg_iovlen);
        name = "writev";
        break;
    case 6:
        taken = sendmsg(fd, &message, flags);
        name = "sendmsg";
        break;
    case 7:
        taken = pwritev2(fd, pieces, (int)message.msg_iovlen, -1, below(2) ? RWF_NOWAIT : 0);
        name = "pwritev2";
        break;
    case 8:
        taken = send_messages(fd, at, size, flags);
        name = "sendmmsg";
        break;
    case 9:
        taken = send_file(connection, talk, fd, size);
        name = "sendfile";
        break;
    case 10:
        taken = send_through_pipe(fd, at, size);
        name = "splice";
        break;
    default:
        size = memchr(at, 0, size) ? 0 : size;
        taken = dprintf(fd, "%.*s", (int)size, at);
        name = "dprintf";
        break;
    }
    say(connection, name, taken, NULL, 0);
    talk->position += taken > 0 ? (size_t)taken : 0;
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

static long long receive_messages(int fd, char *at, size_t size, int flags)
{
    struct mmsghdr messages[MESSAGES] = {0};
    struct iovec parts[MESSAGES];
    unsigned count = 1 + (unsigned)below(MESSAGES);
    for (unsigned i = 0; i < count; i++) {
        parts[i] = (struct iovec){at + i * size / count, size / count};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(fd, messages, count, flags, NULL);
    long long sum = got;
    for (int i = 0; i < got; i++)
        sum = sum * 100000 + messages[i].msg_len;
    return sum;
}

static long long receive_to_pipe(int fd, char *at, size_t size)
{
    int ends[2];
    size = size < PAGE ? size : PAGE;
    if (pipe(ends) != 0)
        fail("pipe");
    errno = UNTOUCHED;
    ssize_t moved = splice(fd, NULL, ends[1], NULL, size, SPLICE_F_NONBLOCK);
    int error = errno;
    close(ends[1]);
    if (moved > 0 && read(ends[0], at, (size_t)moved) != moved)
        fail("read");
    close(ends[0]);
    errno = error;
    return moved;
}

static void receive_badly(struct connection *connection, int fd)
{
    size_t size = 1 + any_size(300);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 1};
    pieces[0] = (struct iovec){bad_address(), size};
    errno = UNTOUCHED;
    long long got = 0;
    switch (below(6)) {
    case 0:
        got = read(fd, bad_address(), size);
        break;
    case 1:
        got = recv(fd, bad_address(), size, MSG_DONTWAIT);
        break;
    case 2:
        got = readv(fd, (struct iovec *)(void *)bad_address(), (int)below(3));
        break;
    case 3:
        got = readv(fd, pieces, below(2) ? -1 : 1);
        break;
    case 4:
        got = recvmsg(fd, &message, MSG_DONTWAIT);
        break;
    default:
        got = recvmsg(fd, (struct msghdr *)(void *)bad_address(), MSG_DONTWAIT);
        break;
    }
    say(connection, "bad receive", got, NULL, 0);
}

static void make_receive(struct connection *connection)
{
    static const int some[] = {
        0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT, MSG_WAITALL, MSG_PEEK | MSG_TRUNC, MSG_PEEK | MSG_DONTWAIT};
    int fd = any_name(connection), flags = some[below(sizeof some / sizeof *some)];
    size_t size = any_size(MOST), count = cut(memory, size);
    struct sockaddr_storage address;
    socklen_t room = sizeof address;
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    long long got = 0;
    const char *name = "recv";
    if (below(8) == 0) {
        receive_badly(connection, fd);
        return;
    }
    memset(memory, 'x', sizeof memory);
    errno = UNTOUCHED;
    switch (below(9)) {
    case 0:
    case 1:
        got = read(fd, memory, size);
        name = "read";
        break;
    case 2:
        got = recv(fd, memory, size, flags);
        break;
    case 3:
        got = recvfrom(fd, memory, size, flags, (struct sockaddr *)&address, &room);
        name = "recvfrom";
        break;
    case 4:
        got = readv(fd, pieces, (int)count);
        name = "readv";
        break;
    case 5:
        got = recvmsg(fd, &message, flags);
        got = got * 100 + message.msg_flags;
        name = "recvmsg";
        break;
    case 6:
        got = preadv2(fd, pieces, (int)count, -1, below(2) ? RWF_NOWAIT : 0);
        name = "preadv2";
        break;
    case 7:
        got = receive_messages(fd, memory, size, flags);
        name = "recvmmsg";
        break;
    default:
        got = receive_to_pipe(fd, memory, size);
        name = "splice in";
        break;
    }
    say(connection, name, got, memory, sizeof memory);
}

/* --- everything else ---------------------------------------------------------------------------------------------- */

static int free_name(struct connection *connection)
{
    for (int i = 1; i < NAMES; i++)
        if (connection->names[i] < 0)
            return i;
    return 0;
}

static long long duplicate(struct connection *connection)
{
    int fd = any_name(connection), at = free_name(connection), to = -1;
    if (at == 0) { /* all names are given: one is closed, or given anew */
        at = 1 + (int)below(NAMES - 1);
        if (below(2))
            return dup2(fd, connection->names[at]);
        if (below(2))
            to = connection->names[0]; /* the first one goes, and lives on under another's number */
        else
            to = connection->names[at];
        if (to == connection->names[0])
            connection->names[0] = connection->names[at];
        connection->names[at] = -1;
        return close(to);
    }
    switch (below(4)) {
    case 0:
        to = dup(fd);
        break;
    case 1:
        to = fcntl(fd, F_DUPFD, (int)below(2000));
        break;
    case 2:
        to = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        break;
    default:
        to = dup3(fd, 400 + connection->number % 100 * NAMES + at, O_CLOEXEC);
        break;
    }
    connection->names[at] = to;
    return to;
}

static void make_other(struct connection *connection)
{
    int fd = any_name(connection);
    struct pollfd waits = {.fd = fd, .events = POLLIN | POLLOUT};
    fd_set set;
    long long result = 0;
    const char *name = "poll";
    errno = UNTOUCHED;
    switch (below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        result = duplicate(connection);
        name = "dup";
        break;
    case 4:
    case 5:
        result = fcntl(fd, F_GETFL);
        result = fcntl(fd, F_SETFL, result ^ O_NONBLOCK) * 100000 + result;
        name = "fcntl";
        break;
    case 6:
        result = below(8) ? 0 : shutdown(fd, (int)below(3));
        name = "shutdown";
        break;
    case 7:
        FD_ZERO(&set);
        FD_SET(fd % FD_SETSIZE, &set);
        result = fd < FD_SETSIZE ? select(fd + 1, NULL, &set, NULL, &(struct timeval){0}) : 0;
        name = "select";
        break;
    case 8:
        result = close(-1) * 10 + dup2(fd, fd);
        name = "same";
        break;
    default:
        result = poll(&waits, 1, 0) * 1000 + waits.revents;
        break;
    }
    say(connection, name, result, NULL, 0);
}

#endif
