#include "hooks/written.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { TRIES = 1000 }; /* each one fails only where the peer's confirmation of some bytes comes in the middle of it */

/* What the peer has confirmed. */
static int64_t confirmed(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked ||
        info.tcpi_bytes_acked == 0)
        return OI_WRITTEN_UNKNOWN;
    return (int64_t)info.tcpi_bytes_acked - 1; /* the first one confirmed is that of the connection itself */
}

/* What it has not. */
static int64_t unconfirmed(int fd)
{
    int open = 0;
    return ioctl(fd, SIOCOUTQ, &open) == 0 ? open : OI_WRITTEN_UNKNOWN;
}

/* One answer for both would be exact. A confirmation that comes between two questions counts its bytes twice, or not at
 * all: never where the second is asked before and behind the first, and says the same. */
int64_t oi_written(int fd)
{
    int64_t open = unconfirmed(fd);
    for (int i = 0; i < TRIES && open != OI_WRITTEN_UNKNOWN; i++) {
        int64_t done = confirmed(fd), again = unconfirmed(fd);
        if (done == OI_WRITTEN_UNKNOWN)
            break;
        if (again == open)
            return done + open;
        open = again;
    }
    return OI_WRITTEN_UNKNOWN;
}

bool oi_written_is(int fd, uint64_t bytes)
{
    int64_t open = unconfirmed(fd);
    for (int i = 0; i < TRIES; i++) {
        int64_t done = confirmed(fd);
        if (open == OI_WRITTEN_UNKNOWN || done == OI_WRITTEN_UNKNOWN)
            return true;
        if (done + open <= (int64_t)bytes) /* it is not more than this sum */
            return true;
        open = unconfirmed(fd);
        if (open != OI_WRITTEN_UNKNOWN && done + open > (int64_t)bytes) /* it is not less than this one */
            return false;
    }
    return false;
}
