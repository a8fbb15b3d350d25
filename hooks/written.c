#include "hooks/written.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* What the peer has confirmed and what it has not. A confirmation that comes between the two questions makes it too
 * few. */
static int64_t asked(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    int open = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked ||
        info.tcpi_bytes_acked == 0 || ioctl(fd, SIOCOUTQ, &open) != 0)
        return OI_WRITTEN_UNKNOWN;
    return (int64_t)info.tcpi_bytes_acked - 1 + open; /* the first one confirmed is that of the connection itself */
}

int64_t oi_written(int fd)
{
    enum { TRIES = 4 };
    int64_t before = asked(fd);
    for (int i = 0; i < TRIES && before != OI_WRITTEN_UNKNOWN; i++) {
        int64_t now = asked(fd);
        if (now == before)
            return now;
        before = now;
    }
    return OI_WRITTEN_UNKNOWN;
}

bool oi_written_is(int fd, uint64_t bytes)
{
    enum { TRIES = 3 };
    for (int i = 0; i < TRIES; i++) {
        int64_t now = asked(fd);
        if (now == OI_WRITTEN_UNKNOWN || now == (int64_t)bytes)
            return true;
    }
    return false;
}
