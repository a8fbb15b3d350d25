/* What every hook file uses.
 *
 *   #define FUNCTIONS(X) X(thing_ask) X(thing_new)         the first one exists in every copy of the library
 *   OI_LIBRARY(libthing, FUNCTIONS);
 *
 *   OI_HOOK(int, thing_ask, (struct thing *thing))         defines the exported wrapper; its name stands on that line,
 *   {                                                      from which the export map is generated
 *       struct oi_call call = oi_call_enter(&oi_library_libthing, OI_CALLER);
 *       if (!call.provider)
 *           return THING_FAILED;                           the failure of a function that does not exist
 *       if (!call.watched)                                 nested inside the library, switched off, not ready
 *           return OI_REAL(call, thing_ask)(thing);
 *       ... agent code, guard held ...
 *       oi_call_pause(&call);                              guard released, errno as the program left it
 *       int result = OI_REAL(call, thing_ask)(thing);
 *       oi_call_resume(&call);                             errno remembered, guard taken
 *       ... agent code ...
 *       oi_call_leave(&call);                              guard released, errno as the library left it
 *       return result;
 *   }
 *
 * Rules (docs/hooks.md): errno, return value and buffers are the library's; the real function is called exactly once on
 * every path; no guard, lock or allocation is held across it; at most 2 KiB of stack; no cleanup attributes.
 */
#ifndef OI_HOOKS_HOOK_H
#define OI_HOOKS_HOOK_H

#include <errno.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/library.h"
#include "agent/thread.h"

#define OI_HOOK(type, name, parameters) __attribute__((visibility("default"))) type name parameters

/* The address our caller will go on at. Only in the exported wrapper itself. */
#define OI_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

/* A library's functions, X(name) for each. Declares `enum { index_name … }` and defines `oi_library_<library>`.
 * Functions that are called and not hooked are in the list too. */
#define OI_LIBRARY_INDEX(function) index_##function,
#define OI_LIBRARY_NAME(function) #function,

/* A hook of several files has the first of these in its header and the second in one of them. */
#define OI_LIBRARY_FUNCTIONS(library, functions) enum { functions(OI_LIBRARY_INDEX) library##_function_count }
#define OI_LIBRARY_TABLE(library, functions)                                                                           \
    static const char *const library##_symbols[] = {functions(OI_LIBRARY_NAME)};                                       \
    struct oi_library oi_library_##library = {                                                                         \
        .name = #library, .symbols = library##_symbols, .count = library##_function_count}
#define OI_LIBRARY(library, functions)                                                                                 \
    OI_LIBRARY_FUNCTIONS(library, functions);                                                                          \
    OI_LIBRARY_TABLE(library, functions)

/* Where the linker put our own object. */
extern const char oi_object_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const char oi_object_end[] __asm__("_end") __attribute__((visibility("hidden")));

/* For a function of ours that calls the program back. Where the program's function goes on with a jump, the return
 * address is that of this function: the call is the program's own all the same. */
#define OI_CALLS_BACK __attribute__((section("oi_calls_back"), noinline))
extern const char oi_calls_back_start[] __asm__("__start_oi_calls_back") __attribute__((visibility("hidden"), weak));
extern const char oi_calls_back_end[] __asm__("__stop_oi_calls_back") __attribute__((visibility("hidden"), weak));

/* A call that seems to come from ourselves: a real function we called went on to another one with a jump, which leaves
 * our hook's return address in place (libmariadb's mysql_query does so with mysql_real_query). Nested, not the
 * program's. */
static inline bool oi_own_caller(const void *caller)
{
    if (__builtin_expect((uintptr_t)caller - (uintptr_t)oi_object_start >=
                             (uintptr_t)oi_object_end - (uintptr_t)oi_object_start,
                         true))
        return false;
    return (uintptr_t)caller - (uintptr_t)oi_calls_back_start >=
           (uintptr_t)oi_calls_back_end - (uintptr_t)oi_calls_back_start;
}

/* The copy whose function the program got from dlsym and is calling now; NULL: it is none of `library`. Called first
 * thing in a hook (hooks/dynamic.h). */
const struct oi_provider *oi_entry_taken(const struct oi_library *library, const void *caller);

struct oi_call {
    const struct oi_provider *provider; /* NULL: no copy of the library is loaded */
    bool watched;                       /* the program's own call, to be traced; the guard is held */
    int error;                          /* errno as it was last seen outside agent code */
};

/* With the provider a handle was made by (NULL: whichever the caller means). A handle of a copy that is not the one the
 * program calls, or is not there any more, is not looked at. */
static inline struct oi_call oi_call_enter_with(struct oi_library *library, const struct oi_provider *provider,
                                                const void *caller)
{
    struct oi_call call = {.error = errno};
    const struct oi_provider *asked =
        __builtin_expect(oi_thread.entry != 0, false) ? oi_entry_taken(library, caller) : NULL;
    bool known = !provider || (!provider->gone && (!asked || asked->start == provider->start));
    call.provider = asked ? asked : provider && known ? provider : oi_library_provider(library, caller);
    call.watched = call.provider && known && oi_active() && !library->disabled &&
                   !oi_provider_contains(call.provider, caller) && !oi_own_caller(caller) && oi_guard_enter();
    if (call.watched && oi_agent.orphan)
        oi_worker_need();
    errno = call.error;
    return call;
}

/* Begins a hook. If `watched`, the guard is held: every path from here on ends with oi_call_pause before the real call
 * or with oi_call_leave after it. */
static inline struct oi_call oi_call_enter(struct oi_library *library, const void *caller)
{
    return oi_call_enter_with(library, NULL, caller);
}

/* Before the real function. It may be the last thing a hook does: what is left to do can stay undone. */
static inline void oi_call_pause(struct oi_call *call)
{
    oi_guard_leave();
    errno = call->error;
}

/* After the real function. The guard is taken without asking: nobody can hold it between a pause and its resume. */
static inline void oi_call_resume(struct oi_call *call)
{
    call->error = errno;
    oi_thread.busy = true;
}

/* Ends a hook that called the real function. */
static inline void oi_call_leave(struct oi_call *call)
{
    oi_guard_leave();
    errno = call->error;
}

/* The real function, typed as its header declares it. NULL if this copy lacks it. */
#define OI_REAL_OF(provider_, function) ((__typeof__(&function))(provider_)->functions[index_##function])
#define OI_REAL(call, function) OI_REAL_OF((call).provider, function)

#endif
