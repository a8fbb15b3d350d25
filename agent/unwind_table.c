#include "agent/unwind_table.h"

#include <string.h>

enum { /* DW_EH_PE_… */
       FORMAT = 0x0f,
       ABSOLUTE = 0x00, /* as wide as a pointer */
       UDATA2 = 0x02,
       UDATA4 = 0x03,
       UDATA8 = 0x04,
       SDATA2 = 0x0a,
       SDATA4 = 0x0b,
       SDATA8 = 0x0c,
       RELATIVE_TO = 0x70,
       PC_RELATIVE = 0x10,
       TABLE_RELATIVE = 0x30,
};

/* --- bytes -------------------------------------------------------------------------------------------------------- */

uint64_t oi_unwind_fixed(struct oi_unwind_bytes *bytes, size_t size)
{
    uint64_t value = 0;
    uint32_t word;
    if (bytes->failed || (size_t)(bytes->end - bytes->at) < size) {
        bytes->failed = true;
        return 0;
    }
    if (size == sizeof word) { /* mostly; a call of memcpy would cost more than all the rest */
        memcpy(&word, bytes->at, sizeof word);
        value = word;
    } else {
        memcpy(&value, bytes->at, size); /* both machines are little-endian */
    }
    bytes->at += size;
    return value;
}

int64_t oi_unwind_signed(struct oi_unwind_bytes *bytes, size_t size)
{
    unsigned unused = (unsigned)(64 - 8 * size);
    return (int64_t)(oi_unwind_fixed(bytes, size) << unused) >> unused;
}

uint64_t oi_unwind_long_uleb(struct oi_unwind_bytes *bytes)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = oi_unwind_byte(bytes);
        value |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    bytes->failed = true;
    return 0;
}

int64_t oi_unwind_sleb(struct oi_unwind_bytes *bytes)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64;) {
        uint64_t byte = oi_unwind_byte(bytes);
        value |= (byte & 0x7f) << shift;
        shift += 7;
        if ((byte & 0x80) != 0)
            continue;
        if (shift < 64 && (byte & 0x40) != 0)
            value |= ~UINT64_C(0) << shift;
        return (int64_t)value;
    }
    bytes->failed = true;
    return 0;
}

static size_t size_of(uint8_t encoding)
{
    switch (encoding & FORMAT) {
    case UDATA2:
    case SDATA2:
        return 2;
    case UDATA4:
    case SDATA4:
        return 4;
    case ABSOLUTE:
    case UDATA8:
    case SDATA8:
        return 8;
    default:
        return 0;
    }
}

uintptr_t oi_unwind_address(struct oi_unwind_bytes *bytes, uint8_t encoding)
{
    uintptr_t here = (uintptr_t)bytes->at;
    size_t size = size_of(encoding);
    uint8_t relative = encoding & RELATIVE_TO;
    if (size == 0 || (encoding & 0x80) != 0 || (relative != 0 && relative != PC_RELATIVE)) {
        bytes->failed = true;
        return 0;
    }
    bool is_signed = (encoding & 0x08) != 0;
    uintptr_t value = is_signed ? (uintptr_t)oi_unwind_signed(bytes, size) : (uintptr_t)oi_unwind_fixed(bytes, size);
    return relative ? here + value : value;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

/* A record begins with its length. `at` gets what follows that; 64-bit records are not for code of this world. */
static struct oi_unwind_bytes record_at(const uint8_t *at)
{
    uint32_t length;
    memcpy(&length, at, sizeof length);
    at += sizeof length;
    bool usable = length != 0 && length < 0xfffffff0;
    return (struct oi_unwind_bytes){at, at + (usable ? length : 0), !usable};
}

struct common {
    uint8_t address_encoding;
    bool augmented; /* entries have augmentation data, too */
};

/* The augmentation string says what its data holds: R the encoding of addresses, P a personality routine, L the
 * encoding of something for it, S a signal's frame, B (AArch64) another key. */
static void read_augmentation(struct oi_unwind_bytes *bytes, const uint8_t *string, struct common *common,
                              struct oi_unwind_entry *entry)
{
    if (string[0] != 'z') {
        bytes->failed = bytes->failed || string[0] != '\0';
        return;
    }
    common->augmented = true;
    uint64_t length = oi_unwind_uleb(bytes);
    if (bytes->failed || length > (size_t)(bytes->end - bytes->at)) {
        bytes->failed = true;
        return;
    }
    struct oi_unwind_bytes data = {bytes->at, bytes->at + length, false};
    bytes->at = data.end;
    for (string++; *string; string++) {
        if (*string == 'R') {
            common->address_encoding = oi_unwind_byte(&data);
        } else if (*string == 'L') {
            oi_unwind_byte(&data);
        } else if (*string == 'P') {
            size_t size = size_of(oi_unwind_byte(&data));
            data.failed = data.failed || size == 0;
            oi_unwind_fixed(&data, size);
        } else if (*string == 'S') {
            entry->signal = true;
        } else if (*string != 'B') {
            data.failed = true;
        }
    }
    bytes->failed = data.failed;
}

static bool read_common(const uint8_t *at, struct common *common, struct oi_unwind_entry *entry)
{
    struct oi_unwind_bytes bytes = record_at(at);
    uint64_t id = oi_unwind_fixed(&bytes, 4), version = oi_unwind_byte(&bytes);
    if (bytes.failed || id != 0 || (version != 1 && version != 3))
        return false;
    const uint8_t *string = bytes.at;
    while (oi_unwind_byte(&bytes) != 0) {
    }
    entry->code_alignment = oi_unwind_uleb(&bytes);
    entry->data_alignment = oi_unwind_sleb(&bytes);
    if (version == 1) /* the register of the return address: fixed by the machine */
        oi_unwind_byte(&bytes);
    else
        oi_unwind_uleb(&bytes);
    if (bytes.failed)
        return false;
    read_augmentation(&bytes, string, common, entry);
    entry->common = bytes;
    return !bytes.failed;
}

static bool read_entry(const uint8_t *at, uintptr_t pc, struct oi_unwind_entry *entry)
{
    struct oi_unwind_bytes bytes = record_at(at);
    const uint8_t *here = bytes.at;
    struct common common = {0};
    *entry = (struct oi_unwind_entry){0};
    uint64_t back = oi_unwind_fixed(&bytes, 4);
    if (bytes.failed || back == 0 || !read_common(here - back, &common, entry))
        return false;
    entry->address_encoding = common.address_encoding;
    entry->start = oi_unwind_address(&bytes, common.address_encoding);
    uintptr_t size = oi_unwind_address(&bytes, common.address_encoding & FORMAT);
    if (common.augmented) {
        uint64_t length = oi_unwind_uleb(&bytes);
        if (length > (size_t)(bytes.end - bytes.at))
            return false;
        bytes.at += length;
    }
    entry->specific = bytes;
    return !bytes.failed && pc >= entry->start && pc - entry->start < size;
}

/* An .eh_frame_hdr: version 1, three encodings, the address of .eh_frame, the number of rows, the rows: start of code
 * and entry, both relative to the table, by start. */
bool oi_unwind_find(const void *table, uintptr_t pc, struct oi_unwind_entry *entry)
{
    const uint8_t *header = table;
    uint32_t count;
    int32_t row[2];
    if (!header || header[0] != 1 || size_of(header[1]) != 4 || header[2] != UDATA4 ||
        header[3] != (TABLE_RELATIVE | SDATA4))
        return false;
    memcpy(&count, header + 8, sizeof count);
    const uint8_t *rows = header + 12;
    size_t low = 0, high = count;
    intptr_t wanted = (intptr_t)(pc - (uintptr_t)header);
    while (low < high) { /* the first row behind `pc` */
        size_t middle = low + (high - low) / 2;
        memcpy(row, rows + middle * sizeof row, sizeof row);
        if (row[0] <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    memcpy(row, rows + (low - 1) * sizeof row, sizeof row);
    return read_entry(header + row[1], pc, entry);
}
