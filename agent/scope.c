#include "agent/scope.h"

#include <dlfcn.h>

static size_t startup_objects;
static struct oi_object own;

/* --- our own object ------------------------------------------------------------------------------------------------
 */

static int visit_own(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    struct oi_object object;
    if (!oi_object_read(info, &object) || (uintptr_t)&own < object.start || (uintptr_t)&own >= object.end)
        return 0;
    own = object;
    return 1;
}

const struct oi_object *oi_scope_own(void)
{
    if (own.end == 0)
        dl_iterate_phdr(visit_own, NULL);
    return &own;
}

bool oi_scope_is_own(const struct oi_object *object)
{
    return object->start == own.start;
}

static int count_object(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)info;
    (void)size;
    ++*(size_t *)user;
    return 0;
}

void oi_scope_init(void)
{
    size_t count = 0;
    oi_scope_own();
    dl_iterate_phdr(count_object, &count);
    startup_objects = count;
}

size_t oi_scope_size(void)
{
    return startup_objects;
}

/* --- behind it -----------------------------------------------------------------------------------------------------
 */

extern int dladdr1(const void *address, Dl_info *info, void **extra, int flags) __attribute__((weak)); /* not musl's */

/* The first look at the loaded objects comes from the constructors of sanitizers' runtimes, which wrap dl_iterate_phdr
 * themselves and cannot be called yet. */
static OI_UNSHADOWED const struct link_map *own_map(void)
{
    Dl_info info;
    void *map = NULL;
    return dladdr1 && dladdr1(&own, &info, &map, RTLD_DL_LINKMAP) ? map : NULL;
}

static OI_UNSHADOWED bool is_libc(const struct oi_object *object)
{
    static const char name[] = "libc.so.6";
    for (size_t i = 0; object->soname && object->soname[i] == name[i]; i++)
        if (name[i] == '\0')
            return true;
    return false;
}

struct behind {
    const char *name;
    bool of_libc;
    bool passed; /* our own object */
    void *found;
};

static OI_UNSHADOWED bool look_behind(struct behind *behind, const struct oi_object *object)
{
    if (!behind->of_libc || is_libc(object))
        behind->found = oi_object_function(object, behind->name);
    return behind->found != NULL;
}

static int visit_behind(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct behind *behind = user;
    struct oi_object object;
    if (!oi_object_read(info, &object))
        return 0;
    if (behind->passed)
        return look_behind(behind, &object);
    behind->passed = oi_scope_is_own(&object);
    return 0;
}

OI_UNSHADOWED void *oi_scope_behind_own(const char *name, bool of_libc)
{
    struct behind behind = {.name = name, .of_libc = of_libc};
    const struct link_map *map = own_map();
    struct oi_object object;
    if (!map) {
        oi_scope_own();
        dl_iterate_phdr(visit_behind, &behind);
        return behind.found;
    }
    for (map = map->l_next; map; map = map->l_next)
        if (oi_object_read_map(map, &object) && look_behind(&behind, &object))
            break;
    return behind.found;
}

/* --- who defines what ----------------------------------------------------------------------------------------------
 */

struct look {
    const char *name;
    uintptr_t asker;
    bool anywhere;
    size_t position;
    bool passed_own, passed_asker;
    struct oi_scope_view *view;
};

static void see_asker(struct look *look, const struct oi_object *object)
{
    look->passed_asker = true;
    look->view->path = object->path;
    look->view->asker_at_start = look->position < startup_objects;
    look->view->asker_behind = look->passed_own;
}

static int visit_definer(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct look *look = user;
    struct oi_object object;
    if (oi_object_read(info, &object)) {
        bool defines = oi_object_function(&object, look->name) != NULL;
        bool between = look->anywhere || look->passed_asker;
        if (look->asker >= object.start && look->asker < object.end)
            see_asker(look, &object);
        if (oi_scope_is_own(&object))
            look->passed_own = true;
        else if (defines && !look->passed_own && between)
            look->view->before = true;
        else if (defines && look->position >= startup_objects)
            look->view->later = true;
    }
    look->position++;
    return 0;
}

void oi_scope_look(const char *name, const void *asker, bool anywhere, struct oi_scope_view *view)
{
    *view = (struct oi_scope_view){.path = ""};
    struct look look = {.name = name, .asker = (uintptr_t)asker, .anywhere = anywhere, .view = view};
    dl_iterate_phdr(visit_definer, &look);
}

struct interposing {
    const char *name;
    uintptr_t asker;
    bool passed_own, result;
};

static int visit_asker(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct interposing *interposing = user;
    struct oi_object object;
    if (info->dlpi_addr == own.bias)
        interposing->passed_own = true;
    if (!oi_object_holds(info, interposing->asker))
        return 0;
    interposing->result = interposing->passed_own && oi_object_read(info, &object) && !oi_scope_is_own(&object) &&
                          oi_object_function(&object, interposing->name) != NULL;
    return 1;
}

bool oi_scope_interposes(const char *name, const void *asker)
{
    struct interposing interposing = {.name = name, .asker = (uintptr_t)asker};
    dl_iterate_phdr(visit_asker, &interposing);
    return interposing.result;
}
