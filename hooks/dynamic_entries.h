/* The entries of hooks/dynamic_entry.c, for C and assembly. */
#ifndef OI_HOOKS_DYNAMIC_ENTRIES_H
#define OI_HOOKS_DYNAMIC_ENTRIES_H

#define OI_ENTRIES 1024      /* a copy of a library has up to 71 */
#define OI_ENTRY_SIZE_LOG2 5 /* of struct oi_entry */
#define OI_ENTRY_CODE_LOG2 4 /* of an entry's instructions */

#endif
