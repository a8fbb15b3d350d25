#include "agent/library.h"

#include <string.h>

#include "agent/elf.h"
#include "agent/permanent.h"
#include "agent/scope.h"

static struct oi_library *libraries[32];
static size_t library_count;

/* --- looking through the loaded objects ------------------------------------------------------------------------------
 */

struct search {
    const struct oi_library *library;
    uintptr_t caller;
    const char *version; /* of the symbols that the caller asks for; NULL: without one */
    size_t position;     /* of the object being visited */
    bool behind_own;     /* it comes after our own object */
    /* Found: */
    struct oi_object provider;
    bool found;
    bool ambiguous; /* step 3: more than one copy is loaded */
    void **functions;
    enum { GLOBAL, OWN, NEEDED, ONLY } step;
    struct oi_object from; /* OWN, NEEDED: the caller's object */
};

/* The loader takes no definition of another version (the flavours of libcurl differ in nothing else), nor do we. */
static bool suits(const struct search *search, const struct oi_object *object)
{
    return !search->version || oi_object_defines_version(object, search->version);
}

static bool defines(const struct search *search, const struct oi_object *object)
{
    return !oi_scope_is_own(object) && oi_object_function(object, search->library->symbols[0]) != NULL &&
           suits(search, object);
}

/* Whether the object belongs to the step of the search: see agent/library.h for the order. */
static bool in_scope(const struct search *search, const struct oi_object *object)
{
    bool global = search->position < oi_scope_size() && search->behind_own;
    switch (search->step) {
    case GLOBAL:
        return global;
    case OWN:
        return search->caller >= object->start && search->caller < object->end;
    case NEEDED:
        return search->from.dynamic && object->soname && oi_object_needs(&search->from, object->soname);
    default:
        return true;
    }
}

static int visit(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct search *search = user;
    struct oi_object object;
    if (oi_object_read(info, &object)) {
        if (in_scope(search, &object) && defines(search, &object)) {
            if (search->found) {
                search->ambiguous = true;
                return 1;
            }
            search->provider = object;
            search->found = true;
            if (search->step != ONLY)
                return 1;
        }
        search->behind_own = search->behind_own || oi_scope_is_own(&object);
    }
    search->position++;
    return 0;
}

/* The object that holds an address. */
static int visit_caller(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct search *search = user;
    struct oi_object object;
    if (oi_object_read(info, &object) && search->caller >= object.start && search->caller < object.end) {
        search->from = object;
        return 1;
    }
    return 0;
}

/* What lies between us and the provider in the global scope may wrap single functions (another preloaded object): such
 * a definition comes first, as it would for RTLD_NEXT. */
static int visit_functions(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct search *search = user;
    struct oi_object object;
    if (search->position++ >= oi_scope_size())
        return 1;
    if (!oi_object_read(info, &object))
        return 0;
    if (!search->behind_own) {
        search->behind_own = oi_scope_is_own(&object);
        return 0;
    }
    if ((object.start == search->from.start && object.start != search->provider.start) || !suits(search, &object))
        return 0;
    for (size_t i = 0; i < search->library->count; i++) {
        if (!search->functions[i])
            search->functions[i] = oi_object_function(&object, search->library->symbols[i]);
    }
    return 0;
}

static bool look(struct search *search)
{
    static const int steps[] = {GLOBAL, OWN, NEEDED, ONLY};
    dl_iterate_phdr(visit_caller, search);
    for (size_t i = 0; i < search->library->count && search->from.dynamic && !search->version; i++)
        search->version = oi_object_version(&search->from, search->library->symbols[i]);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        search->step = (unsigned)steps[i];
        search->position = 0;
        search->behind_own = search->found = search->ambiguous = false;
        dl_iterate_phdr(visit, search);
        if (search->found && !search->ambiguous)
            return true;
    }
    return false;
}

/* --- providers ---------------------------------------------------------------------------------------------------- */

static const struct oi_provider *known_provider(struct oi_library *library, uintptr_t start)
{
    for (size_t i = 0; i < OI_LIBRARY_PROVIDERS; i++) {
        const struct oi_provider *provider = atomic_load_explicit(&library->providers[i], memory_order_acquire);
        if (provider && provider->start == start)
            return provider;
    }
    return NULL;
}

static struct oi_provider *blank_provider(struct oi_library *library)
{
    size_t size = sizeof(struct oi_provider) + library->count * sizeof(void *);
    struct oi_provider *provider = atomic_exchange(&library->spare, NULL);
    if (provider)
        memset(provider, 0, size);
    else
        provider = oi_permanent(size);
    if (provider)
        provider->functions = (void **)(void *)(provider + 1);
    return provider;
}

/* After every dlclose what is known is looked up anew, and mostly found as it was: a program that opens and closes
 * plugins for ever must not make the agent grow. */
static const struct oi_provider *seen_before(struct oi_library *library, const struct oi_provider *provider)
{
    const struct oi_provider *known = atomic_load_explicit(&library->every, memory_order_acquire);
    for (; known; known = known->next) {
        if (known->start == provider->start && known->end == provider->end && known->soname == provider->soname &&
            memcmp(known->functions, provider->functions, library->count * sizeof(void *)) == 0)
            return known;
    }
    return NULL;
}

static const struct oi_provider *kept_provider(struct oi_library *library, struct oi_provider *provider)
{
    const struct oi_provider *known = seen_before(library, provider);
    if (known) {
        atomic_store(&library->spare, provider);
        atomic_store(&((struct oi_provider *)(uintptr_t)known)->gone, false); /* it was opened again */
        return known;
    }
    provider->next = atomic_load(&library->every);
    while (!atomic_compare_exchange_weak(&library->every, &provider->next, provider)) {
    }
    return provider;
}

static const struct oi_provider *new_provider(struct oi_library *library, struct search *search)
{
    struct oi_provider *provider = blank_provider(library);
    if (!provider)
        return NULL;
    provider->start = search->provider.start;
    provider->end = search->provider.end;
    provider->soname = search->provider.soname ? search->provider.soname : "";
    search->functions = provider->functions;
    if (search->step == GLOBAL) {
        search->position = 0;
        search->behind_own = false;
        dl_iterate_phdr(visit_functions, search);
    }
    for (size_t i = 0; i < library->count; i++) {
        if (!provider->functions[i])
            provider->functions[i] = oi_object_function(&search->provider, library->symbols[i]);
    }
    return kept_provider(library, provider);
}

static const struct oi_provider *remember_provider(struct oi_library *library, const struct oi_provider *provider)
{
    size_t index = atomic_fetch_add(&library->provider_count, 1) % OI_LIBRARY_PROVIDERS;
    atomic_store_explicit(&library->providers[index], provider, memory_order_release);
    return provider;
}

static void remember_caller(struct oi_library *library, const struct oi_object *from,
                            const struct oi_provider *provider)
{
    size_t index = atomic_fetch_add(&library->caller_count, 1);
    if (index >= OI_LIBRARY_CALLERS) {
        atomic_store(&library->caller_count, OI_LIBRARY_CALLERS);
        return;
    }
    atomic_store_explicit(&library->callers[index].end, from->end, memory_order_relaxed);
    atomic_store_explicit(&library->callers[index].start, from->start, memory_order_relaxed);
    atomic_store_explicit(&library->callers[index].provider, provider, memory_order_release);
}

static const struct oi_provider *find_slowly(struct oi_library *library, uintptr_t caller)
{
    struct search search = {.library = library, .caller = caller};
    if (!look(&search))
        return NULL;
    const struct oi_provider *provider = known_provider(library, search.provider.start);
    if (!provider && (provider = new_provider(library, &search)) != NULL)
        remember_provider(library, provider);
    if (provider && search.from.dynamic)
        remember_caller(library, &search.from, provider);
    return provider;
}

const struct oi_provider *oi_library_provider(struct oi_library *library, const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    size_t count = atomic_load_explicit(&library->caller_count, memory_order_acquire);
    for (size_t i = 0; i < count && i < OI_LIBRARY_CALLERS; i++) {
        const struct oi_provider *provider = atomic_load_explicit(&library->callers[i].provider, memory_order_acquire);
        if (provider && at >= atomic_load_explicit(&library->callers[i].start, memory_order_relaxed) &&
            at < atomic_load_explicit(&library->callers[i].end, memory_order_relaxed) &&
            provider == atomic_load_explicit(&library->callers[i].provider, memory_order_acquire))
            return provider;
    }
    return find_slowly(library, at);
}

/* --- the copy that a pointer leads into --------------------------------------------------------------------------- */

struct copy {
    struct search search; /* its library and provider; `caller` is the function */
    const char *name;
};

static int visit_copy(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct copy *copy = user;
    struct search *search = &copy->search;
    struct oi_object object;
    if (!oi_object_holds(info, search->caller)) {
        search->position++;
        return 0;
    }
    if (oi_object_read(info, &object)) {
        search->provider = object;
        search->found = !oi_scope_is_own(&object) && oi_object_function(&object, search->library->symbols[0]) &&
                        (uintptr_t)oi_object_function(&object, copy->name) == search->caller;
    }
    return 1;
}

static const struct oi_provider *whole_provider(struct oi_library *library, struct search *search)
{
    const struct oi_provider *known = atomic_load_explicit(&library->every, memory_order_acquire);
    const void *first = oi_object_function(&search->provider, library->symbols[0]);
    for (; known; known = known->next) {
        if (known->whole && known->functions[0] == first && !known->gone && known->start == search->provider.start &&
            known->end == search->provider.end)
            return known;
    }
    known = new_provider(library, search);
    if (known)
        atomic_store(&((struct oi_provider *)(uintptr_t)known)->whole, true);
    return known;
}

const struct oi_provider *oi_library_copy(struct oi_library *library, const char *name, const void *function,
                                          bool *at_start)
{
    struct copy copy = {.search = {.library = library, .caller = (uintptr_t)function, .step = OWN}, .name = name};
    dl_iterate_phdr(visit_copy, &copy);
    if (!copy.search.found)
        return NULL;
    *at_start = copy.search.position < oi_scope_size();
    const struct oi_provider *provider = whole_provider(library, &copy.search);
    /* What was loaded with the program may be wrapped by others, for those who call it in the ordinary way. */
    if (provider && !*at_start && !known_provider(library, provider->start))
        remember_provider(library, provider);
    return provider;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static _Atomic uint32_t closings;

uint32_t oi_library_closings(void)
{
    return atomic_load_explicit(&closings, memory_order_relaxed);
}

void oi_library_forget_callers(void)
{
    atomic_fetch_add(&closings, 1);
    for (size_t i = 0; i < library_count; i++) {
        struct oi_library *library = libraries[i];
        for (size_t k = 0; k < OI_LIBRARY_CALLERS; k++)
            atomic_store(&library->callers[k].provider, NULL);
        atomic_store(&library->caller_count, 0);
        for (size_t k = 0; k < OI_LIBRARY_PROVIDERS; k++)
            atomic_store(&library->providers[k], NULL);
    }
}

static int visit_loaded(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    const struct oi_provider *provider = user;
    struct oi_object object;
    return oi_object_read(info, &object) && object.start == provider->start && object.end == provider->end;
}

static int read_unloaded(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    *(unsigned long long *)user = info->dlpi_subs;
    return 1;
}

void oi_library_closed(void)
{
    static _Atomic unsigned long long known;
    unsigned long long unloaded = 0;
    dl_iterate_phdr(read_unloaded, &unloaded);
    if (atomic_load(&known) == unloaded) /* somebody else holds it open */
        return;
    for (size_t i = 0; i < library_count; i++) {
        const struct oi_provider *provider = atomic_load_explicit(&libraries[i]->every, memory_order_acquire);
        for (; provider; provider = provider->next) {
            struct oi_provider *one = (struct oi_provider *)(uintptr_t)provider;
            if (!dl_iterate_phdr(visit_loaded, one))
                atomic_store(&one->gone, true);
        }
    }
    oi_library_forget_callers();
    atomic_store(&known, unloaded);
}

void oi_library_register(struct oi_library *library)
{
    if (library_count < sizeof libraries / sizeof *libraries)
        libraries[library_count++] = library;
}

void oi_library_deliver(void)
{
    for (size_t i = 0; i < library_count; i++) {
        if (libraries[i]->deliver)
            libraries[i]->deliver();
    }
}

static int visit_name(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    const char *const *name = user;
    struct oi_object object;
    return oi_object_read(info, &object) && oi_object_function(&object, *name);
}

bool oi_library_loaded_with(const char *name)
{
    return dl_iterate_phdr(visit_name, &name) != 0;
}

void oi_library_init(void)
{
    oi_scope_init();
}

bool oi_library_contains(const void *address)
{
    for (size_t i = 0; i < library_count; i++) {
        const struct oi_provider *known = atomic_load_explicit(&libraries[i]->every, memory_order_acquire);
        for (; known && !libraries[i]->runs_others; known = known->next) {
            if (oi_provider_contains(known, address))
                return true;
        }
    }
    return false;
}
