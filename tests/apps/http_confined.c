/* A server that shuts itself in: http_confined WHEN. It listens, and then, or with its first connection at hand
 * (`later`), a filter leaves it what a server of one thread needs that allocates nothing; anything else ends it. Prints
 * its port, and answers the first request of each of three connections. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listening.h"

static int shut_in(void)
{
    static const unsigned permitted[] = {SYS_accept, SYS_read, SYS_write, SYS_close, SYS_futex, SYS_exit_group};
    enum { COUNT = sizeof permitted / sizeof *permitted };
    struct sock_filter program[COUNT * 2 + 2];
    unsigned short n = 0;
    program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT; i++) {
        program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, permitted[i], 0, 1);
        program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog code = {n, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code) == 0;
}

int main(int argc, char **argv)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char text[1024];
    int later = argc > 1 && strcmp(argv[1], "later") == 0;
    int listener = listening(0, 16);
    say_port(listener);
    for (int i = 0; i < 3; i++) {
        if (i == 0 && !later && !shut_in())
            return 2;
        int fd = accept(listener, NULL, NULL);
        if (i == 0 && later && !shut_in())
            return 2;
        if (read(fd, text, sizeof text) <= 0 || write(fd, answer, sizeof answer - 1) < 0)
            return 3;
        close(fd);
    }
    _exit(40);
}
