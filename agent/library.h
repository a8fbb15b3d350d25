/* Reaching the real function of an instrumented library from whoever called us.
 *
 * A library is a list of symbol names; a provider is one loaded copy of it (libcurl-gnutls beside libcurl-openssl,
 * libmariadb beside libmysqlclient). The caller's object decides which provider it meant: of those whose symbol
 * version it asks for, first what was loaded with the program and comes behind us (an interposer before us has been
 * asked already), then what the caller's own DT_NEEDED closure holds, then the only loaded provider. dlsym is not used:
 * it takes the loader's lock, and for an RTLD_LOCAL caller it finds nothing, or us.
 *
 * After the first call from an object the look-up is lock-free and costs a few nanoseconds.
 */
#ifndef OI_AGENT_LIBRARY_H
#define OI_AGENT_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OI_LIBRARY_PROVIDERS = 8, OI_LIBRARY_CALLERS = 32 };

/* One loaded copy. Its memory stays for ever: handles are bound to it. `functions` is in the order of the library's
 * names; NULL where this copy lacks one. */
struct oi_provider {
    uintptr_t start, end; /* where its object is mapped */
    const char *soname;   /* DT_SONAME, "" if it has none */
    void **functions;
    _Atomic bool gone;              /* it was unloaded: nothing may be called in it */
    _Atomic bool whole;             /* all functions are of that very object */
    const struct oi_provider *next; /* private to library.c */
};

struct oi_library {
    const char *name;           /* as in OTEL_NATIVE_DISABLED_INSTRUMENTATIONS */
    const char *const *symbols; /* names of the functions; the first one must exist in every copy */
    size_t count;
    bool disabled;
    bool runs_others;      /* what it does with sockets is the program's to do: it has no spans of its own */
    void (*deliver)(void); /* submits the spans that wait for something with their handles; NULL: none do */
    /* private to library.c */
    _Atomic(const struct oi_provider *) providers[OI_LIBRARY_PROVIDERS];
    _Atomic size_t provider_count;
    _Atomic(const struct oi_provider *) every; /* all there ever were */
    _Atomic(struct oi_provider *) spare;
    struct {
        _Atomic uintptr_t start, end;
        _Atomic(const struct oi_provider *) provider;
    } callers[OI_LIBRARY_CALLERS];
    _Atomic size_t caller_count;
};

/* From the constructor: what is loaded now is the program's global scope; the libraries there are. */
void oi_library_init(void);
void oi_library_register(struct oi_library *library);

/* Whether any loaded object defines the function `name`. dlsym would leave its failure for the program's dlerror. */
bool oi_library_loaded_with(const char *name);

/* Has every library submit what it holds back. Before the last flush. */
void oi_library_deliver(void);

/* The provider for a call from `caller` (a return address). NULL: no copy is loaded. Not async-signal-safe the first
 * time. */
const struct oi_provider *oi_library_provider(struct oi_library *library, const void *caller);

/* True if the call comes from inside that copy itself: nested, not the program's. */
static inline bool oi_provider_contains(const struct oi_provider *provider, const void *caller)
{
    return (uintptr_t)caller >= provider->start && (uintptr_t)caller < provider->end;
}

/* Whether an address lies in a copy of a library that has hooks of its own: what it does with sockets is its hooks' to
 * tell. Lock-free. */
bool oi_library_contains(const void *address);

/* The copy that the function `name` at that address (dlsym's answer) lies in, without what other objects may have
 * wrapped around it; NULL: in none. `at_start`: it was loaded with the program. */
const struct oi_provider *oi_library_copy(struct oi_library *library, const char *name, const void *function,
                                          bool *at_start);

/* After dlclose: if something was unloaded, says so of its provider, and forgets which callers meant what. */
void oi_library_closed(void);

/* Forgets which callers meant what (addresses are reused). */
void oi_library_forget_callers(void);

/* How often that was done. Where it is the same as when a function of a library's was last called by the program, the
 * library is still there. */
uint32_t oi_library_closings(void);

#endif
