/* dlsym, dlvsym, dlerror, dlclose. What is asked for and not hooked goes on by a jump (hooks/stubs.S): RTLD_NEXT and
 * RTLD_DEFAULT mean the object of the return address. */
#include "hooks/dynamic.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/permanent.h"
#include "agent/scope.h"
#include "hooks/early.h"
#include "hooks/hook.h"

struct oi_dynamic oi_dynamic;
void *(*oi_next_dlsym)(void *, const char *);
void *(*oi_next_dlvsym)(void *, const char *, const char *);
void *(*oi_next_dlopen)(const char *, int);

static OI_UNSHADOWED void *of_libc(const char *name)
{
    void *found = oi_scope_behind_own(name, true);
    return found ? found : oi_scope_behind_own(name, false);
}

/* dlsym cannot be asked for itself. What is called first is found first: another thread may look at it. */
OI_UNSHADOWED bool oi_dynamic_find(void)
{
    if (!oi_relocated())
        return false;
    *(void **)&oi_dynamic.libc_dlsym = of_libc("dlsym");
    *(void **)&oi_dynamic.libc_dlvsym = of_libc("dlvsym");
    *(void **)&oi_dynamic.dlerror = oi_scope_behind_own("dlerror", false);
    *(void **)&oi_dynamic.dlclose = oi_scope_behind_own("dlclose", false);
    *(void **)&oi_next_dlvsym = oi_scope_behind_own("dlvsym", false);
    *(void **)&oi_next_dlopen = oi_scope_behind_own("dlopen", false);
    __atomic_store_n((void **)&oi_next_dlsym, oi_scope_behind_own("dlsym", false), __ATOMIC_RELEASE);
    return true;
}

static OI_UNSHADOWED bool found_all(void)
{
    return __atomic_load_n((void **)&oi_next_dlsym, __ATOMIC_ACQUIRE) || oi_dynamic_find();
}

void *oi_dynamic_next(const char *name)
{
    return found_all() && oi_dynamic.libc_dlsym ? oi_dynamic.libc_dlsym(RTLD_NEXT, name) : NULL;
}

/* --- dlerror: a wrapper is there even where the function is not, and libc's dlsym finds it ------------------------ */

/* What dlerror says of a symbol that only we define. Few, and the same again and again. */
enum { MESSAGES = 256 };
static const char *_Atomic messages[MESSAGES];
static const char *program_name;

static uint16_t message_number(const char *text, size_t size)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        const char *known = atomic_load_explicit(&messages[i], memory_order_acquire);
        if (!known) {
            char *copy = oi_permanent(size);
            if (!copy)
                return 0;
            memcpy(copy, text, size);
            if (atomic_compare_exchange_strong(&messages[i], &known, copy))
                return (uint16_t)(i + 1);
        }
        if (strcmp(known, text) == 0)
            return (uint16_t)(i + 1);
    }
    return 0;
}

/* As libc says it. `path` is the asking object's; "": the program. What it would have said of an earlier call is gone.
 */
static void undefined(const char *path, const char *name)
{
    char text[512];
    int saved = errno;
    if (oi_dynamic.dlerror)
        oi_dynamic.dlerror();
    const char *where = *path ? path : program_name ? program_name : "<main program>";
    int length = snprintf(text, sizeof text, "%s: undefined symbol: %s", where, name);
    if (length > 0 && (size_t)length < sizeof text)
        oi_thread.undefined = message_number(text, (size_t)length + 1);
    errno = saved;
}

OI_HOOK(char *, dlerror, (void))
{
    if (!found_all() || !oi_dynamic.dlerror)
        return NULL;
    uint16_t number = oi_thread.undefined;
    oi_thread.undefined = 0;
    char *said = oi_dynamic.dlerror(); /* of a later call */
    if (said || number == 0)
        return said;
    return (char *)(uintptr_t)atomic_load(&messages[number - 1]);
}

/* --- dlsym ---------------------------------------------------------------------------------------------------------
 */

/* Where hooks/stubs.S goes on; nowhere: what it returns. */
struct route {
    void *go_on;
    void *result;
};
struct route oi_dynamic_symbol(void *handle, const char *name, const char *version, const void *caller)
    __attribute__((visibility("hidden")));

static void *real_symbol(void *handle, const char *name, const char *version)
{
    if (version)
        return oi_next_dlvsym ? oi_next_dlvsym(handle, name, version) : NULL;
    return oi_next_dlsym(handle, name);
}

/* What is handed out for what was found. Our wrapper stands for what comes behind it. */
static void *handed(const char *name, void *wrapper, void *found)
{
    int saved = errno;
    void *real = found == wrapper ? oi_dynamic.libc_dlsym(RTLD_NEXT, name) : found;
    void *result = real && oi_active() ? oi_dynamic_handed(name, wrapper, real) : real;
    if (result == real && real)
        result = found;
    if (oi_dynamic.dlerror)
        oi_dynamic.dlerror(); /* of what we asked */
    errno = saved;
    return result;
}

/* dlsym(handle, …) of a hooked name. Another interposer behind us has been called by us, or will be: what it asks for
 * is the real one. */
static void *symbol(void *handle, const char *name, const char *version, void *wrapper, const void *caller)
{
    void *found = real_symbol(handle, name, version);
    if (!found || (found != wrapper && (!oi_active() || oi_scope_interposes(name, caller))))
        return found;
    found = handed(name, wrapper, found);
    if (!found)
        undefined("", name);
    return found;
}

/* RTLD_DEFAULT and RTLD_NEXT, for an object before ours: whether it finds what we find. Another interposer that looks
 * for libc's dlsym with its version does, for our wrappers have none; so does whoever finds our wrapper. */
static bool finds_ours(void *handle, const char *name, const void *caller, struct oi_scope_view *view)
{
    oi_scope_look(name, caller, handle == RTLD_DEFAULT, view);
    if (handle == RTLD_NEXT && (!view->asker_at_start || view->asker_behind))
        return false;
    return !view->before;
}

/* Where dlvsym goes on by a jump it passes our wrappers over. */
static struct route versioned(struct route on, void *handle, const char *name, const char *version, void *wrapper,
                              const void *caller)
{
    struct oi_scope_view view;
    if (!oi_active() || !oi_dynamic.libc_dlvsym || !finds_ours(handle, name, caller, &view) || !view.asker_at_start ||
        view.asker_behind)
        return on;
    void *found = oi_dynamic.libc_dlvsym(RTLD_NEXT, name, version);
    return found ? (struct route){NULL, handed(name, wrapper, found)} : on;
}

/* Mostly libc's answer is right, be it our wrapper. Not so where nobody but we has the function, or where it is in a
 * library that was opened later for all to see: of that there may be other copies. Where it cannot be told what an
 * object that was loaded later sees, the wrapper is the better answer. */
static struct route unversioned(struct route on, void *handle, const char *name, void *wrapper, const void *caller)
{
    struct oi_scope_view view;
    void *behind = oi_dynamic.libc_dlsym(RTLD_NEXT, name);
    if (behind) {
        void *found = oi_active() ? handed(name, wrapper, behind) : wrapper;
        bool entry = found != wrapper && found != behind;
        return entry && finds_ours(handle, name, caller, &view) ? (struct route){NULL, found} : on;
    }
    if (!finds_ours(handle, name, caller, &view) || (!view.asker_at_start && view.later))
        return on;
    undefined(view.path, name);
    return (struct route){NULL, NULL};
}

OI_UNSHADOWED struct route oi_dynamic_symbol(void *handle, const char *name, const char *version, const void *caller)
{
    if (!found_all())
        return (struct route){NULL, NULL};
    struct route on = {version ? (void *)(uintptr_t)oi_next_dlvsym : (void *)(uintptr_t)oi_next_dlsym, NULL};
    oi_thread.undefined = 0;
    if (!oi_agent.ready || oi_thread.agent || !name || !oi_dynamic.libc_dlsym)
        return on;
    void *wrapper = oi_dynamic_wrapper(name);
    if (!wrapper)
        return on;
    if (handle != RTLD_DEFAULT && handle != RTLD_NEXT)
        return (struct route){NULL, symbol(handle, name, version, wrapper, caller)};
    if (version)
        return versioned(on, handle, name, version, wrapper, caller);
    return unversioned(on, handle, name, wrapper, caller);
}

/* --- dlclose -------------------------------------------------------------------------------------------------------
 */

/* Addresses are reused after it: who called from where is looked up anew. */
OI_HOOK(int, dlclose, (void *handle))
{
    if (!found_all() || !oi_dynamic.dlclose)
        return -1;
    oi_thread.undefined = 0;
    int result = oi_dynamic.dlclose(handle);
    int saved = errno;
    oi_library_closed();
    errno = saved;
    return result;
}

void oi_dynamic_resolve(void);

void oi_dynamic_resolve(void)
{
    program_name = program_invocation_name;
    oi_dynamic_find();
}
