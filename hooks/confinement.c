/* The program shuts itself in or becomes another: root directory, user and groups, namespaces, system call filters.
 *
 * No spans. What the exporter needs must be loaded before, and the worker must neither be left behind nor stand in the
 * way.
 */
#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/confinement.h"
#include "hooks/early.h"
#include "hooks/hook.h"
#include "hooks/http_server.h"
#include "hooks/libc.h"

#define FUNCTIONS(X)                                                                                                   \
    X(chroot)                                                                                                          \
    X(setuid)                                                                                                          \
    X(seteuid)                                                                                                         \
    X(setreuid)                                                                                                        \
    X(setresuid)                                                                                                       \
    X(setgid)                                                                                                          \
    X(setegid)                                                                                                         \
    X(setregid)                                                                                                        \
    X(setresgid)                                                                                                       \
    X(setgroups)                                                                                                       \
    X(initgroups)                                                                                                      \
    X(unshare)                                                                                                         \
    X(setns)                                                                                                           \
    X(prctl)
OI_LIBC_FUNCTIONS

void oi_confinement_resolve(void);

void oi_confinement_resolve(void)
{
    resolve_all();
}

OI_HOOK(int, chroot, (const char *path))
{
    oi_life_before_confinement();
    return REAL(chroot) ? real.chroot_(path) : MISSING;
}

OI_HOOK(int, setuid, (uid_t user))
{
    oi_life_before_confinement();
    oi_life_before_identity();
    return REAL(setuid) ? real.setuid_(user) : MISSING;
}

OI_HOOK(int, seteuid, (uid_t user))
{
    oi_life_before_confinement();
    oi_life_before_identity();
    return REAL(seteuid) ? real.seteuid_(user) : MISSING;
}

OI_HOOK(int, setreuid, (uid_t user, uid_t effective))
{
    oi_life_before_confinement();
    oi_life_before_identity();
    return REAL(setreuid) ? real.setreuid_(user, effective) : MISSING;
}

OI_HOOK(int, setresuid, (uid_t user, uid_t effective, uid_t saved))
{
    oi_life_before_confinement();
    oi_life_before_identity();
    return REAL(setresuid) ? real.setresuid_(user, effective, saved) : MISSING;
}

OI_HOOK(int, setgid, (gid_t group))
{
    oi_life_before_identity();
    return REAL(setgid) ? real.setgid_(group) : MISSING;
}

OI_HOOK(int, setegid, (gid_t group))
{
    oi_life_before_identity();
    return REAL(setegid) ? real.setegid_(group) : MISSING;
}

OI_HOOK(int, setregid, (gid_t group, gid_t effective))
{
    oi_life_before_identity();
    return REAL(setregid) ? real.setregid_(group, effective) : MISSING;
}

OI_HOOK(int, setresgid, (gid_t group, gid_t effective, gid_t saved))
{
    oi_life_before_identity();
    return REAL(setresgid) ? real.setresgid_(group, effective, saved) : MISSING;
}

OI_HOOK(int, setgroups, (size_t count, const gid_t *groups))
{
    oi_life_before_identity();
    return REAL(setgroups) ? real.setgroups_(count, groups) : MISSING;
}

OI_HOOK(int, initgroups, (const char *user, gid_t group))
{
    oi_life_before_identity();
    return REAL(initgroups) ? real.initgroups_(user, group) : MISSING;
}

/* A namespace for users, mounts or time cannot be entered by a process that has a second thread. */
OI_HOOK(int, unshare, (int flags))
{
    if (flags & (CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM))
        oi_life_before_namespace();
    return REAL(unshare) ? real.unshare_(flags) : MISSING;
}

OI_HOOK(int, setns, (int fd, int type))
{
    enum { NEWTIME = 0x80 };
    if (type == 0 || (type & (CLONE_NEWUSER | CLONE_NEWNS | NEWTIME)) != 0)
        oi_life_before_namespace();
    return REAL(setns) ? real.setns_(fd, type) : MISSING;
}

/* What a vfork child does to itself is none of its parent's, whose memory this is. */
static bool not_ours(void)
{
    return oi_thread.vforked && !oi_life_in_own_process();
}

/* A filter comes next, or none ever does: what needs more calls is done now, and the others go on. */
static void before_no_new_privileges(void)
{
    if (not_ours())
        return;
    oi_http_server_map();
    oi_life_before_confinement();
}

static void before_filter(void)
{
    before_no_new_privileges();
    if (!not_ours())
        oi_life_sandboxed();
}

/* Without a filter to set, it is asked whether there could be one. */
void oi_before_prctl(int option, unsigned long a, unsigned long b)
{
    if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT)
        oi_life_stand_down();
    else if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_FILTER && b != 0)
        before_filter();
    else if (option == PR_SET_NO_NEW_PRIVS && a == 1)
        before_no_new_privileges();
}

void oi_before_seccomp(unsigned operation, unsigned long filter)
{
    if (operation == SECCOMP_SET_MODE_STRICT)
        oi_life_stand_down();
    else if (operation == SECCOMP_SET_MODE_FILTER && filter != 0)
        before_filter();
}

OI_HOOK(int, prctl, (int option, ...))
{
    va_list list;
    va_start(list, option);
    unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long), c = va_arg(list, unsigned long),
                  d = va_arg(list, unsigned long);
    va_end(list);
    if (!oi_relocated())
        return (int)oi_early_call(SYS_prctl, option, (long)a, (long)b, (long)c, (long)d, 0);
    oi_before_prctl(option, a, b);
    return REAL(prctl) ? real.prctl_(option, a, b, c, d) : MISSING;
}
