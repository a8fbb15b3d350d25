/* The order in which the loader looks for a symbol of the program's: everything that was loaded with it, our own object
 * among the first.
 *
 * What the loader's own functions would say is asked here without them, from the lists it shows to everybody
 * (dl_iterate_phdr): they are what is to be found, and they leave their failures for the program's dlerror.
 */
#ifndef OI_AGENT_SCOPE_H
#define OI_AGENT_SCOPE_H

#include "agent/elf.h"

/* From the constructor: what is loaded now is the program's global scope. */
void oi_scope_init(void);

/* How many objects were loaded with the program: so many come first in dl_iterate_phdr. */
size_t oi_scope_size(void);

/* Our own object. Before oi_scope_init too. */
const struct oi_object *oi_scope_own(void);
bool oi_scope_is_own(const struct oi_object *object);

/* The function `name` of the first object behind ours that defines it, or of libc; NULL: none does. At any time, but
 * not while other threads open objects. */
void *oi_scope_behind_own(const char *name, bool of_libc);

/* Who defines a function, and where the object lies that asks for it. */
struct oi_scope_view {
    bool asker_at_start; /* it was loaded with the program */
    bool asker_behind;   /* it comes after our object: loaded with the program or later */
    bool before;         /* some object between the asker and ours defines it; of `anywhere`, any before ours */
    bool later;          /* some object that was loaded later defines it */
    const char *path;    /* the asker's; "" for the program */
};
void oi_scope_look(const char *name, const void *asker, bool anywhere, struct oi_scope_view *view);

/* Whether the object behind ours that asks for a function defines it itself: it wraps it as we do. */
bool oi_scope_interposes(const char *name, const void *asker);

#endif
