/* Reading .eh_frame: which entry describes an address, and what it says (agent/unwind.c follows it). Pure. */
#ifndef OI_AGENT_UNWIND_TABLE_H
#define OI_AGENT_UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stretch of a table that is read from the front. Once something does not fit, `failed`, and all that is read is 0.
 */
struct oi_unwind_bytes {
    const uint8_t *at, *end;
    bool failed;
};

static inline uint8_t oi_unwind_byte(struct oi_unwind_bytes *bytes)
{
    if (__builtin_expect(bytes->at < bytes->end, true))
        return *bytes->at++;
    bytes->failed = true;
    return 0;
}

/* A number of 1, 2, 4 or 8 bytes. */
uint64_t oi_unwind_fixed(struct oi_unwind_bytes *bytes, size_t size);
int64_t oi_unwind_signed(struct oi_unwind_bytes *bytes, size_t size);

/* A number of 7 bits a byte. */
uint64_t oi_unwind_long_uleb(struct oi_unwind_bytes *bytes);
int64_t oi_unwind_sleb(struct oi_unwind_bytes *bytes);

static inline uint64_t oi_unwind_uleb(struct oi_unwind_bytes *bytes)
{
    if (__builtin_expect(bytes->at < bytes->end && *bytes->at < 0x80, true))
        return *bytes->at++;
    return oi_unwind_long_uleb(bytes);
}

/* An address in the encoding of a table (DW_EH_PE_…), absolute or relative to where it stands. */
uintptr_t oi_unwind_address(struct oi_unwind_bytes *bytes, uint8_t encoding);

/* What describes a stretch of code. */
struct oi_unwind_entry {
    struct oi_unwind_bytes common;   /* the instructions of all entries of its kind … */
    struct oi_unwind_bytes specific; /* … and its own */
    uintptr_t start;                 /* of the code */
    uint64_t code_alignment;
    int64_t data_alignment;
    uint8_t address_encoding;
    bool signal; /* the frame of a signal handler's caller */
};

/* The entry for the address `pc`. `table`: an .eh_frame_hdr with its sorted table. False: none. */
bool oi_unwind_find(const void *table, uintptr_t pc, struct oi_unwind_entry *entry);

#endif
