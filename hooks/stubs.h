/* What assembly defines of the exported functions: the name stands on that line, from which the export map is made. */
#ifndef OI_HOOKS_STUBS_H
#define OI_HOOKS_STUBS_H

/* No statements. */
/* clang-format off */
#define OI_STUB(name) .globl name; .type name, %function; name
/* clang-format on */

#endif
