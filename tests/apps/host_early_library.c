// build: -shared -fPIC
/* A library whose constructor, which comes before that of whatever was preloaded, waits, talks to a socket, and looks
 * at why calls fail. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

void tell(void);

static struct {
    const char *call;
    long result;
    int error;
} told[64];

static unsigned calls;

#define TELL(expression)                                                                                               \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long result = (long)(expression);                                                                              \
        told[calls].call = #expression;                                                                                \
        told[calls].result = result;                                                                                   \
        told[calls++].error = errno;                                                                                   \
    } while (0)

static void talk(int in, int out)
{
    char byte = 'x';
    struct iovec piece = {&byte, 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    TELL(send(out, &byte, 1, 0));
    TELL(recv(in, &byte, 1, 0));
    TELL(sendto(out, &byte, 1, 0, NULL, 0));
    TELL(recvfrom(in, &byte, 1, 0, NULL, NULL));
    TELL(sendmsg(out, &message.msg_hdr, 0));
    TELL(recvmsg(in, &message.msg_hdr, 0));
    TELL(sendmmsg(out, &message, 1, 0));
    TELL(recvmmsg(in, &message, 1, MSG_DONTWAIT, NULL));
    TELL(write(out, &byte, 1));
    TELL(read(in, &byte, 1));
    TELL(writev(out, &piece, 1));
    TELL(readv(in, &piece, 1));
    TELL(recv(in, &byte, 1, MSG_DONTWAIT));
}

static void fail(void)
{
    char byte = 'x';
    TELL(read(-1, &byte, 1));
    TELL(write(-1, &byte, 1));
    TELL(close(-1));
    TELL(dup(-1));
    TELL(dup2(-1, 5));
    TELL(dup2(-1, -1));
    TELL(fcntl(-1, F_GETFL));
    TELL(syscall(SYS_read, -1, &byte, 1));
    TELL(sendfile(-1, -1, NULL, 1));
    TELL(splice(-1, NULL, -1, NULL, 1, 0));
}

__attribute__((constructor)) static void early(void)
{
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct pollfd set = {.fd = pair[0], .events = POLLIN};
    talk(pair[0], pair[1]);
    fail();
    TELL(poll(&set, 1, 0));
    TELL(poll(&set, 1, 1500));
    close(pair[1]);
    TELL(poll(&set, 1, -1));
    TELL(read(pair[0], &pair[1], 1));
    close(pair[0]);
}

void tell(void)
{
    for (unsigned i = 0; i < calls; i++)
        printf("%s: %ld, %d\n", told[i].call, told[i].result, told[i].error);
}
