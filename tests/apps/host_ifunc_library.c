// build: -shared -fPIC -Wl,-z,now
/* A library whose functions choose themselves (IFUNC) by asking the kernel, while the loader is still at work. */
#include <sys/prctl.h>

int ask(void);

static int yes(void)
{
    return 1;
}

static int no(void)
{
    return 0;
}

typedef int answer(void);

static answer *by_dumpable(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? yes : no;
}

static answer *by_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? yes : no;
}

/* Static: resolved last, when prctl has been bound. */
static int chosen_by_dumpable(void) __attribute__((ifunc("by_dumpable")));
static int chosen_by_privileges(void) __attribute__((ifunc("by_privileges")));

int ask(void)
{
    return chosen_by_dumpable() << 1 | chosen_by_privileges();
}
