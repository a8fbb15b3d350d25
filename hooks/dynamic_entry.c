/* What dlsym hands out (hooks/dynamic.h). */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include "agent/scope.h"
#include "hooks/dynamic.h"
#include "hooks/dynamic_entries.h"
#include "hooks/hook.h"

#define OI_MODULE(name, names) extern struct oi_library oi_library_##name;
#include "hooks/names.def"
#undef OI_MODULE

/* The hooked functions of each library: names one after the other, an empty one at the end. */
static const struct {
    struct oi_library *library;
    const char *names;
} hooked[] = {
#define OI_MODULE(name, names) {&oi_library_##name, names},
#include "hooks/names.def"
#undef OI_MODULE
};

/* hooks/stubs.S goes on to the first member of the entry whose number is that of the code. */
struct oi_entry {
    void *_Atomic wrapper;
    _Atomic(const struct oi_provider *) provider;
    _Atomic(const struct oi_library *) library;
    _Atomic uint64_t key; /* what it is for; 0: free */
};
_Static_assert(sizeof(struct oi_entry) == 1 << OI_ENTRY_SIZE_LOG2, "hooks/stubs.S counts with it");

extern struct oi_entry oi_entries[OI_ENTRIES + 1] __attribute__((visibility("hidden")));
struct oi_entry oi_entries[OI_ENTRIES + 1];
extern const char oi_entry_code[] __attribute__((visibility("hidden"))); /* of number 1 */

void *oi_dynamic_wrapper(const char *name)
{
    return oi_object_function(oi_scope_own(), name);
}

/* Whose function it is, and which of them; NULL: libc's. */
static struct oi_library *library_of(const char *name, unsigned *number)
{
    for (size_t i = 0; i < sizeof hooked / sizeof *hooked; i++) {
        *number = 1;
        for (const char *one = hooked[i].names; *one; one += strlen(one) + 1, ++*number)
            if (strcmp(one, name) == 0)
                return hooked[i].library;
    }
    return NULL;
}

/* Takes a free entry, or one of a copy that has been unloaded, whose pointers lead nowhere without us. */
static bool claim(struct oi_entry *entry, uint64_t key)
{
    uint64_t before = atomic_load_explicit(&entry->key, memory_order_acquire);
    const struct oi_provider *provider = atomic_load_explicit(&entry->provider, memory_order_relaxed);
    if (before != key && (before == 0 || (provider && provider->gone)))
        atomic_compare_exchange_strong(&entry->key, &before, key);
    return atomic_load_explicit(&entry->key, memory_order_acquire) == key;
}

/* Whoever finds an entry that is right writes all of it: who claimed it may not have come so far yet. NULL: there are
 * too many. */
static void *entry_of(struct oi_library *library, unsigned number, const struct oi_provider *provider, void *wrapper)
{
    uint64_t key = (uint64_t)(uintptr_t)provider << 8 | number;
    for (uint32_t i = 1; i <= OI_ENTRIES; i++) {
        if (!claim(&oi_entries[i], key))
            continue;
        atomic_store_explicit(&oi_entries[i].library, library, memory_order_relaxed);
        atomic_store_explicit(&oi_entries[i].provider, provider, memory_order_relaxed);
        atomic_store_explicit(&oi_entries[i].wrapper, wrapper, memory_order_release);
        return (void *)(uintptr_t)(oi_entry_code + ((size_t)(i - 1) << OI_ENTRY_CODE_LOG2));
    }
    return NULL;
}

const struct oi_provider *oi_entry_taken(const struct oi_library *library, const void *caller)
{
    const struct oi_entry *entry = &oi_entries[oi_thread.entry];
    oi_thread.entry = 0;
    /* Some hooks pass on what does not concern them without coming here: then this is of an earlier call. */
    if (oi_thread.entry_caller != caller || atomic_load_explicit(&entry->library, memory_order_relaxed) != library)
        return NULL;
    return atomic_load_explicit(&entry->provider, memory_order_relaxed);
}

void *oi_dynamic_handed(const char *name, void *wrapper, void *found)
{
    unsigned number;
    bool at_start;
    struct oi_library *library = library_of(name, &number);
    if (library && library->disabled)
        return found;
    void *behind = oi_dynamic.libc_dlsym(RTLD_NEXT, name);
    if (!library) /* what comes between us and libc would be called by our wrapper in its place */
        return found == behind ? wrapper : found;
    const struct oi_provider *provider = oi_library_copy(library, name, found, &at_start);
    if (!provider)
        return found;
    if (at_start && found == behind)
        return wrapper;
    void *entry = entry_of(library, number, provider, wrapper);
    return entry ? entry : found;
}
