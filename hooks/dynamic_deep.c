/* Modules opened with RTLD_DEEPBIND (PHP opens its extensions so) look into their own libraries before the global
 * scope, and so past our wrappers. Once such a module is open, the places where its imports are kept, and those of the
 * libraries that came with it, are pointed at what dlsym would hand out.
 *
 * The loader's own steps are left to it: the flag stays, nothing is bound that has not been found as the loader finds
 * it, and pages that it has made read-only are so again when we have written to them. What runs in the module's
 * constructors comes too early for us.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/elf.h"
#include "hooks/dynamic.h"
#include "hooks/hook.h"

enum { OBJECTS = 128, PLACES = 1024 };

struct newcomer {
    struct oi_object object;
    uintptr_t read_only_start, read_only_end;
    bool in_scope; /* the opened object, or one that it needs: what it finds is what the handle finds */
};

struct place {
    void **slot;
    const char *name, *version;
    void *wrapper;
    const struct newcomer *in;
    void *value; /* to be written; NULL: nothing */
    bool late;
};

/* Too much for a stack. */
struct opening {
    void *handle;
    size_t skipped, object_count, place_count;
    uintptr_t page_size;
    struct newcomer objects[OBJECTS];
    struct place places[PLACES];
};

bool oi_dynamic_is_deep(const char *path);
void *oi_dynamic_open_deep(const char *path, int mode);

/* Where a path stands, the caller does not matter: no RUNPATH is searched; `$ORIGIN` is the caller's. */
bool oi_dynamic_is_deep(const char *path)
{
    return oi_active() && !oi_thread.agent && path && strchr(path, '/') && !strchr(path, '$') &&
           oi_dynamic.libc_dlsym && oi_dynamic.libc_dlvsym;
}

/* --- what has come -------------------------------------------------------------------------------------------------
 */

struct loaded {
    unsigned long long ever;
    size_t now;
};

static int count_loaded(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct loaded *loaded = user;
    loaded->ever = info->dlpi_adds;
    loaded->now++;
    return 0;
}

static struct loaded count(void)
{
    struct loaded loaded = {0};
    dl_iterate_phdr(count_loaded, &loaded);
    return loaded;
}

static void read_protection(const struct dl_phdr_info *info, uintptr_t page_size, struct newcomer *newcomer)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_GNU_RELRO)
            continue;
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        newcomer->read_only_start = start & -page_size;
        newcomer->read_only_end = (start + header->p_memsz) & -page_size;
    }
}

static int visit_newcomer(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct opening *opening = user;
    if (opening->skipped > 0) {
        opening->skipped--;
        return 0;
    }
    struct newcomer *newcomer = &opening->objects[opening->object_count];
    if (!oi_object_read(info, &newcomer->object))
        return 0;
    read_protection(info, opening->page_size, newcomer);
    /* In glibc a handle is the object's entry in the loader's list. */
    newcomer->in_scope = newcomer->object.dynamic == ((const struct link_map *)opening->handle)->l_ld;
    opening->object_count++;
    return opening->object_count == OBJECTS;
}

/* Another thread may open something meanwhile: only what the opened object needs, and its libraries need, is looked for
 * through its handle. */
static void find_scope(struct opening *opening)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < opening->object_count; i++) {
            struct newcomer *needed = &opening->objects[i];
            for (size_t k = 0; k < opening->object_count && !needed->in_scope && needed->object.soname; k++) {
                needed->in_scope =
                    opening->objects[k].in_scope && oi_object_needs(&opening->objects[k].object, needed->object.soname);
                more = more || needed->in_scope;
            }
        }
    }
}

/* --- what it imports -----------------------------------------------------------------------------------------------
 */

static void visit_import(const struct oi_import *import, void *user)
{
    struct opening *opening = user;
    void *wrapper = opening->place_count < PLACES ? oi_dynamic_wrapper(import->name) : NULL;
    if (!wrapper)
        return;
    const struct newcomer *in = &opening->objects[opening->object_count];
    opening->places[opening->place_count++] = (struct place){
        .slot = import->slot,
        .name = import->name,
        .version = oi_object_import_version(&in->object, import->symbol),
        .wrapper = wrapper,
        .in = in,
        .late = import->late,
    };
}

static void find_places(struct opening *opening)
{
    size_t objects = opening->object_count;
    for (opening->object_count = 0; opening->object_count < objects; opening->object_count++)
        oi_object_imports(&opening->objects[opening->object_count].object, visit_import, opening);
}

/* What a place leads to, or will lead to once it is bound; NULL: not known. */
static void *target(const struct opening *opening, const struct place *place)
{
    void *now = __atomic_load_n(place->slot, __ATOMIC_RELAXED);
    bool bound = !place->late || (uintptr_t)now < place->in->object.start || (uintptr_t)now >= place->in->object.end;
    if (bound)
        return now;
    if (!place->in->in_scope)
        return NULL;
    return place->version ? oi_dynamic.libc_dlvsym(opening->handle, place->name, place->version)
                          : oi_dynamic.libc_dlsym(opening->handle, place->name);
}

static void choose_values(struct opening *opening)
{
    for (size_t i = 0; i < opening->place_count; i++) {
        struct place *place = &opening->places[i];
        void *found = target(opening, place);
        if (!found || found == place->wrapper)
            continue;
        void *handed = oi_dynamic_handed(place->name, place->wrapper, found);
        place->value = handed == found ? NULL : handed;
    }
}

/* Called by dl_iterate_phdr, not for an object's sake: the loader lets one thread at a time in there, so that no other
 * makes a page read-only before this one has written to it. */
static int write_values(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)info;
    (void)size;
    const struct opening *opening = user;
    for (size_t i = 0; i < opening->place_count; i++) {
        const struct place *place = &opening->places[i];
        uintptr_t at = (uintptr_t)place->slot;
        bool read_only = at >= place->in->read_only_start && at < place->in->read_only_end;
        void *page = (void *)(at & -opening->page_size);
        if (!place->value || (read_only && mprotect(page, opening->page_size, PROT_READ | PROT_WRITE) != 0))
            continue;
        __atomic_store_n(place->slot, place->value, __ATOMIC_RELEASE);
        if (read_only)
            mprotect(page, opening->page_size, PROT_READ);
    }
    return 1;
}

static void follow(void *handle, unsigned long long ever)
{
    struct loaded loaded = count();
    if (loaded.ever <= ever)
        return;
    size_t fresh = (size_t)(loaded.ever - ever);
    struct opening *opening = mmap(NULL, sizeof *opening, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (opening == MAP_FAILED)
        return;
    opening->handle = handle;
    opening->page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    opening->skipped = fresh < loaded.now ? loaded.now - fresh : 0;
    dl_iterate_phdr(visit_newcomer, opening);
    find_scope(opening);
    find_places(opening);
    choose_values(opening);
    dl_iterate_phdr(write_values, opening);
    munmap(opening, sizeof *opening);
    if (oi_dynamic.dlerror)
        oi_dynamic.dlerror(); /* of what we asked */
}

/* Somebody else may be opening the same module, and be given it while its imports are not written yet: what has come
 * since the first of those who are at work began is everybody's. */
static _Atomic unsigned at_work;
static _Atomic unsigned long long since = ULLONG_MAX;

static unsigned long long begin(void)
{
    atomic_fetch_add(&at_work, 1);
    unsigned long long ever = count().ever, first = atomic_load(&since);
    while (ever < first && !atomic_compare_exchange_weak(&since, &first, ever)) {
    }
    return ever < first ? ever : first;
}

static void end(void)
{
    if (atomic_fetch_sub(&at_work, 1) == 1)
        atomic_store(&since, ULLONG_MAX);
}

void *oi_dynamic_open_deep(const char *path, int mode)
{
    unsigned long long ever = begin();
    void *handle = oi_next_dlopen(path, mode);
    int saved = errno;
    if (handle)
        follow(handle, ever);
    end();
    errno = saved;
    return handle;
}
