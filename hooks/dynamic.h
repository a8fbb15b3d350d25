/* Functions that a program reaches by pointer: through dlsym (ctypes, FFI, plugins that load their client library
 * themselves) and from modules opened with RTLD_DEEPBIND, which look into their own libraries before the global scope.
 *
 * Whoever asks dlsym for a function that is hooked gets the wrapper. A wrapper finds out by its caller which copy of a
 * library is meant; but a pointer may be called from anywhere (libffi makes all the calls of ctypes and of Ruby), and
 * two copies have the same wrapper. So what is handed out of a copy is an entry of its own: a few instructions that
 * note the copy in the thread and go on to the wrapper by a jump. Only what an ordinary reference of the program is
 * bound to, too, is the wrapper itself: both have the same address, as they have without us.
 */
#ifndef OI_HOOKS_DYNAMIC_H
#define OI_HOOKS_DYNAMIC_H

#include <stdbool.h>
#include <stddef.h>

/* libc's functions. NULL: they have not been looked for. */
struct oi_dynamic {
    void *(*libc_dlsym)(void *handle, const char *name);
    void *(*libc_dlvsym)(void *handle, const char *name, const char *version);
    char *(*dlerror)(void);
    int (*dlclose)(void *handle);
};
extern struct oi_dynamic oi_dynamic __attribute__((visibility("hidden")));

/* Where hooks/stubs.S goes on to: what comes behind us, libc's or another preloaded object's. */
extern void *(*oi_next_dlsym)(void *handle, const char *name) __attribute__((visibility("hidden")));
extern void *(*oi_next_dlvsym)(void *handle, const char *name, const char *version)
    __attribute__((visibility("hidden")));
extern void *(*oi_next_dlopen)(const char *path, int mode) __attribute__((visibility("hidden")));

/* Looks for them all. False: our own object is not relocated yet, and nothing can be reached. Several threads may do so
 * at once. */
bool oi_dynamic_find(void) __attribute__((visibility("hidden")));

/* What dlsym(RTLD_NEXT, name) says to us: libc's own dlsym, for other objects may define one too. */
void *oi_dynamic_next(const char *name);

/* Our wrapper of that name; NULL: it is not hooked. A hundred instructions. */
void *oi_dynamic_wrapper(const char *name);

/* What is handed out for the function of that name at `found`: the wrapper, an entry, or `found` itself (another
 * object's own function, a library that is switched off). May leave a failure for dlerror. */
void *oi_dynamic_handed(const char *name, void *wrapper, void *found);

#endif
