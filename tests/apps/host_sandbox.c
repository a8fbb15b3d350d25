// build: -lhiredis -pthread
/* Shuts itself in, as servers do, before or after the first instrumented call. The third argument is a folder. */
#include "host.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *folder;

enum { NOBODY = 65534 };

/* What a program needs that has its connections and only talks over them. */
static const int permitted[] = {
    SYS_read,         SYS_write,        SYS_readv,        SYS_writev,         SYS_sendto,          SYS_recvfrom,
    SYS_poll,         SYS_ppoll,        SYS_futex,        SYS_exit,           SYS_exit_group,      SYS_brk,
    SYS_mmap,         SYS_munmap,       SYS_mremap,       SYS_madvise,        SYS_mprotect,        SYS_fcntl,
    SYS_close,        SYS_rt_sigaction, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_clock_nanosleep, SYS_clock_gettime,
    SYS_gettimeofday, SYS_fstat,        SYS_newfstatat,   SYS_lseek,          SYS_restart_syscall, SYS_shutdown,
};

/* How a filter is set: by libc's function, or by libc's `syscall`. */
enum way { BY_PRCTL, BY_SYSCALL_PRCTL, BY_SYSCALL_SECCOMP };

static bool set_filter(enum way way, struct sock_fprog *code)
{
    if (way == BY_PRCTL)
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, code) == 0;
    if (way == BY_SYSCALL_PRCTL)
        return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, code, 0, 0) == 0;
    /* Without no_new_privs only root may. */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, code) == 0;
}

/* Anything else ends the process; futex too, where it is the `forbidden` one. */
static int filter(int forbidden, enum way way)
{
    enum { COUNT = sizeof permitted / sizeof permitted[0] };
    struct sock_filter program[COUNT * 2 + 2];
    size_t n = 0;
    program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT; i++) {
        if (permitted[i] == forbidden)
            continue;
        program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)permitted[i], 0, 1);
        program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog code = {(unsigned short)n, program};
    return set_filter(way, &code);
}

/* A service manager's filter, there before the program is: it takes away what only debuggers need. */
static int seccomp_inherited(const char *socket)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog code = {sizeof program / sizeof program[0], program};
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code, 0, 0) != 0)
        return 95;
    execl("/proc/self/exe", "again", "plain", socket, (char *)NULL);
    return 94;
}

static int asked(redisContext *redis, int times)
{
    int right = 0;
    for (int i = 0; i < times; i++)
        right += host_ask(redis, "main:1");
    return right;
}

static int plain(const char *socket)
{
    printf("right %d\n", asked(host_connect(socket), 1));
    return 45;
}

static int seccomp_after(const char *socket)
{
    redisContext *redis = host_connect(socket);
    int right = asked(redis, 1);
    printf("filter %d\n", filter(-1, BY_PRCTL));
    printf("right %d\n", right + asked(redis, 20));
    return 40;
}

/* Shut in between the connection and the first span. */
static int connected(const char *socket, enum way way)
{
    redisContext *redis = host_connect(socket);
    printf("filter %d\n", filter(-1, way));
    printf("right %d\n", asked(redis, 20));
    return 40;
}

static int seccomp_connected(const char *socket)
{
    return connected(socket, BY_PRCTL);
}

static int seccomp_by_syscall(const char *socket)
{
    return connected(socket, BY_SYSCALL_SECCOMP);
}

static int seccomp_by_syscall_prctl(const char *socket)
{
    return connected(socket, BY_SYSCALL_PRCTL);
}

/* Whether there could be a filter is asked with none, as sandboxes do. */
static int seccomp_asked(const char *socket)
{
    printf("prctl %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0));
    printf("seccomp %ld\n", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
    printf("available %ld\n", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(unsigned){SECCOMP_RET_ERRNO}));
    printf("right %d\n", asked(host_connect(socket), 2));
    return 40;
}

/* What a vfork child does to itself is none of its parent's. */
static int confined_child(const char *socket)
{
    int status;
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execl("/bin/true", "true", (char *)NULL);
        _exit(9);
    }
    waitpid(child, &status, 0);
    printf("status %d\n", WEXITSTATUS(status));
    printf("right %d\n", asked(host_connect(socket), 2));
    return 40;
}

/* A program of one thread, which needs no futex; it leaves past the exit handlers of the libraries. */
static int seccomp_no_futex(const char *socket)
{
    redisContext *redis = host_connect(socket);
    int right = asked(redis, 1);
    printf("filter %d\n", filter(SYS_futex, BY_PRCTL));
    printf("right %d\n", right + asked(redis, 20));
    fflush(stdout);
    _exit(40);
}

/* Strict mode: read, write, exit and sigreturn alone. The program writes and leaves by the raw call. */
static int seccomp_strict(const char *socket)
{
    redisContext *redis = host_connect(socket);
    int right = asked(redis, 1);
    printf("right %d\n", right);
    fflush(stdout);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0 && write(1, "strict\n", 7) == 7)
        syscall(SYS_exit, 41);
    return 40;
}

static int confine(void)
{
    return chroot(folder) == 0 && chdir("/") == 0 && setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 &&
           setuid(NOBODY) == 0;
}

/* The socket is given as its path inside the new root. */
static int chroot_first(const char *socket)
{
    int confined = confine();
    printf("confined %d, user %d\n", confined, (int)getuid());
    printf("right %d\n", host_get(socket, "main:1"));
    return 42;
}

static void become_nobody(void)
{
    int group = setgid(NOBODY);
    int user = setuid(NOBODY);
    printf("group %d, user %d\n", group, user);
}

static int setuid_first(const char *socket)
{
    become_nobody();
    printf("right %d\n", host_get(socket, "main:1"));
    return 43;
}

/* Keeps its capabilities over a change of user and takes them up again: its own thread's, nobody else's. */
static int keep_capabilities(const char *socket)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    printf("right %d\n", host_get(socket, "main:1"));
    printf("keep %d\n", prctl(PR_SET_KEEPCAPS, 1));
    printf("user %d\n", setresuid(NOBODY, NOBODY, NOBODY));
    if (syscall(SYS_capget, &header, data) != 0)
        return 95;
    data[0].effective = data[0].permitted;
    data[1].effective = data[1].permitted;
    printf("capabilities %d\n", (int)syscall(SYS_capset, &header, data));
    printf("group %d\n", setresgid(NOBODY, NOBODY, NOBODY));
    printf("groups %d\n", setgroups(0, NULL));
    printf("right %d\n", host_get(socket, "main:2"));
    return 46;
}

/* Gives capabilities up and tries to change its groups all the same. */
static int drop_capabilities(const char *socket)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    printf("right %d\n", host_get(socket, "main:1"));
    printf("capabilities %d\n", (int)syscall(SYS_capset, &header, data));
    printf("group %d\n", setgid(NOBODY));
    printf("right %d\n", host_get(socket, "main:2"));
    return 47;
}

/* What only a process of one thread may enter. */
static int namespace_of_users(const char *socket)
{
    printf("right %d\n", host_get(socket, "main:1"));
    for (int i = 0; i < 3; i++)
        printf("unshared %d\n", unshare(CLONE_NEWUSER));
    printf("right %d\n", host_get(socket, "main:2"));
    return 48;
}

/* A child of vfork whose exec fails, and one whose exec does not, between two calls. */
static int spawn_without_privileges(const char *socket)
{
    char *const missing[] = {"/no/such/program", NULL}, *const present[] = {"/bin/true", NULL};
    int status, right = host_get(socket, "main:1");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int i = 0; i < 2; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execv(i == 0 ? missing[0] : present[0], i == 0 ? missing : present);
            _exit(9);
        }
        waitpid(child, &status, 0);
        printf("status %d\n", WEXITSTATUS(status));
    }
    right += host_get(socket, "main:1");
    printf("right %d\n", right);
    return 46;
}

static int limited(int resource, rlim_t most, const char *socket)
{
    struct rlimit limit = {most, most}, now;
    printf("limited %d\n", setrlimit(resource, &limit));
    for (int i = 0; i < 5; i++)
        printf("right %d\n", host_get(socket, "main:1"));
    getrlimit(resource, &now);
    printf("limit %ld %ld\n", (long)now.rlim_cur, (long)now.rlim_max);
    return 44;
}

/* Standard descriptors and the one connection. */
static int limit_files(const char *socket)
{
    return limited(RLIMIT_NOFILE, 4, socket);
}

static int limit_memory(const char *socket)
{
    return limited(RLIMIT_AS, 24 << 20, socket);
}

static int limit_file_size(const char *socket)
{
    signal(SIGXFSZ, SIG_DFL);
    return limited(RLIMIT_FSIZE, 0, socket);
}

/* No thread can be made: the worker neither. */
static int limit_threads(const char *socket)
{
    become_nobody();
    return limited(RLIMIT_NPROC, 0, socket);
}

static int limit_stack(const char *socket)
{
    return limited(RLIMIT_STACK, 64 << 10, socket);
}

static int limit_locked(const char *socket)
{
    return limited(RLIMIT_MEMLOCK, 0, socket);
}

static const struct host_mode modes[] = {
    {"seccomp-after", seccomp_after},
    {"seccomp-connected", seccomp_connected},
    {"seccomp-by-syscall", seccomp_by_syscall},
    {"seccomp-by-syscall-prctl", seccomp_by_syscall_prctl},
    {"seccomp-asked", seccomp_asked},
    {"confined-child", confined_child},
    {"seccomp-no-futex", seccomp_no_futex},
    {"seccomp-strict", seccomp_strict},
    {"seccomp-inherited", seccomp_inherited},
    {"plain", plain},
    {"chroot", chroot_first},
    {"setuid", setuid_first},
    {"keep-capabilities", keep_capabilities},
    {"drop-capabilities", drop_capabilities},
    {"namespace", namespace_of_users},
    {"spawn", spawn_without_privileges},
    {"limit-files", limit_files},
    {"limit-memory", limit_memory},
    {"limit-file-size", limit_file_size},
    {"limit-threads", limit_threads},
    {"limit-stack", limit_stack},
    {"limit-locked", limit_locked},
};

int main(int count, char **arguments)
{
    folder = count > 3 ? arguments[3] : NULL;
    return host_main(count, arguments, modes, sizeof modes / sizeof modes[0]);
}
