#include "agent/unwind.h"

#include <string.h>

#include "agent/unwind_table.h"

enum {
    FRAME_MAX = 1024 * 1024, /* bytes; what looks larger is not believed */
    RED_ZONE = 128,          /* below the stack pointer: in use on x86-64 */
    VALUES = 8,              /* of an expression; compilers use three */
};

/* Where the caller's value of a register is. */
enum rule {
    SAME,          /* still in the register */
    UNKNOWN,       /* lost; of the program counter: there is no caller */
    SAVED,         /* at frame address + value */
    IS_OFFSET,     /* is frame address + value */
    IN_REGISTER,   /* in another register */
    SAVED_COMPUTED /* at the address that an expression gives */
};

/* Our place for a register, by its DWARF number; -1: one that calls do not preserve. */
static int place_of(uint64_t number)
{
#if defined(__x86_64__)
    static const int8_t places[] = {-1, -1, -1, 0, -1, -1, 1, OI_UNWIND_SP, -1, -1, -1, -1, 3, 4, 5, 6, OI_UNWIND_PC};
    return number < sizeof places ? places[number] : -1;
#else
    if (number >= 19 && number <= 30)
        return (int)number - 19;
    return number == 31 ? OI_UNWIND_SP : -1;
#endif
}

/* --- expressions -------------------------------------------------------------------------------------------------- */

/* Of memory, only the frame's surroundings are looked at: what a function keeps is there. */
static bool read_word(const struct oi_unwind *frame, uintptr_t address, uintptr_t *value)
{
    uintptr_t low = frame->at[OI_UNWIND_SP] - RED_ZONE;
    if (address % sizeof *value != 0 || address < low || address - low > FRAME_MAX)
        return false;
    *value = *(const volatile uintptr_t *)address;
    return true;
}

/* What the expression's operation adds as a constant, if it is such a one. */
static bool constant(struct oi_unwind_bytes *bytes, uint8_t operation, uintptr_t *value)
{
    if (operation >= 0x30 && operation <= 0x4f) /* DW_OP_lit0 … */
        *value = operation - 0x30U;
    else if (operation >= 0x08 && operation <= 0x0f) /* DW_OP_const1u, 1s, 2u … 8s */
        *value = operation & 1 ? (uintptr_t)oi_unwind_signed(bytes, (size_t)1 << ((operation - 0x08) / 2))
                               : (uintptr_t)oi_unwind_fixed(bytes, (size_t)1 << ((operation - 0x08) / 2));
    else if (operation == 0x10) /* DW_OP_constu */
        *value = (uintptr_t)oi_unwind_uleb(bytes);
    else if (operation == 0x11) /* DW_OP_consts */
        *value = (uintptr_t)oi_unwind_sleb(bytes);
    else
        return false;
    return true;
}

static bool combine(uint8_t operation, uintptr_t left, uintptr_t right, uintptr_t *value)
{
    switch (operation) {
    case 0x1a: /* DW_OP_and */
        *value = left & right;
        return true;
    case 0x1c: /* DW_OP_minus */
        *value = left - right;
        return true;
    case 0x21: /* DW_OP_or */
        *value = left | right;
        return true;
    case 0x22: /* DW_OP_plus */
        *value = left + right;
        return true;
    case 0x24: /* DW_OP_shl */
        *value = right < 64 ? left << right : 0;
        return true;
    default:
        return false;
    }
}

/* An expression: its length, then operations on a stack of values. `offset` is how far it is from the table's entry;
 * `first`: what is on the stack already, or NULL. */
static bool evaluate(const struct oi_unwind *frame, int32_t offset, const uintptr_t *first, uintptr_t *result)
{
    const uint8_t *at = frame->entry.specific.at + offset;
    struct oi_unwind_bytes bytes = {at, at + 16, false};
    uintptr_t values[VALUES];
    size_t count = 0;
    uint64_t length = oi_unwind_uleb(&bytes);
    bytes.end = bytes.at + length;
    if (first)
        values[count++] = *first;
    while (bytes.at < bytes.end && !bytes.failed) {
        uint8_t operation = oi_unwind_byte(&bytes);
        uintptr_t value;
        if (constant(&bytes, operation, &value) || (operation >= 0x70 && operation <= 0x8f)) {
            if (operation >= 0x70 && operation <= 0x8f) { /* DW_OP_breg0 … */
                int place = place_of(operation - 0x70U);
                value = (place < 0 ? 0 : frame->at[place]) + (uintptr_t)oi_unwind_sleb(&bytes);
                bytes.failed = bytes.failed || place < 0;
            }
            if (count == VALUES)
                return false;
            values[count++] = value;
        } else if (operation == 0x06 && count > 0) { /* DW_OP_deref */
            if (!read_word(frame, values[count - 1], &values[count - 1]))
                return false;
        } else if (operation == 0x23 && count > 0) { /* DW_OP_plus_uconst */
            values[count - 1] += (uintptr_t)oi_unwind_uleb(&bytes);
        } else if (count > 1 && combine(operation, values[count - 2], values[count - 1], &values[count - 2])) {
            count--;
        } else {
            return false;
        }
    }
    if (bytes.failed || count == 0)
        return false;
    *result = values[count - 1];
    return true;
}

/* --- instructions ------------------------------------------------------------------------------------------------- */

static int32_t narrow(struct oi_unwind *frame, int64_t value)
{
    frame->failed = frame->failed || value < INT32_MIN || value > INT32_MAX;
    return (int32_t)value;
}

static void set(struct oi_unwind *frame, uint64_t number, enum rule rule, int64_t value)
{
    int place = place_of(number);
    if (place < 0)
        return;
    frame->now.rule[place] = (uint8_t)rule;
    frame->now.value[place] = narrow(frame, value);
}

static void restore(struct oi_unwind *frame, uint64_t number)
{
    int place = place_of(number);
    if (place < 0)
        return;
    frame->now.rule[place] = frame->first.rule[place];
    frame->now.value[place] = frame->first.value[place];
}

static void set_base(struct oi_unwind *frame, uint64_t number)
{
    int place = place_of(number);
    frame->failed = frame->failed || place < 0;
    frame->now.base = (int8_t)place;
}

/* Remembers where an expression is and passes over it. */
static int64_t expression(struct oi_unwind *frame, struct oi_unwind_bytes *bytes)
{
    const uint8_t *at = bytes->at;
    uint64_t length = oi_unwind_uleb(bytes);
    if (length > (size_t)(bytes->end - bytes->at))
        bytes->failed = true;
    else
        bytes->at += length;
    return at - frame->entry.specific.at;
}

static void remember(struct oi_unwind *frame)
{
    if (frame->remembered_count < OI_UNWIND_REMEMBERED)
        frame->remembered[frame->remembered_count++] = frame->now;
    else
        frame->failed = true;
}

static void recall(struct oi_unwind *frame)
{
    if (frame->remembered_count > 0)
        frame->now = frame->remembered[--frame->remembered_count];
    else
        frame->failed = true;
}

/* Those that say where the frame begins. */
static bool run_base(struct oi_unwind *frame, struct oi_unwind_bytes *bytes, uint8_t instruction)
{
    int64_t factor = frame->entry.data_alignment;
    switch (instruction) {
    case 0x0c: /* DW_CFA_def_cfa */
        set_base(frame, oi_unwind_uleb(bytes));
        frame->now.offset = narrow(frame, (int64_t)oi_unwind_uleb(bytes));
        return true;
    case 0x12: /* DW_CFA_def_cfa_sf */
        set_base(frame, oi_unwind_uleb(bytes));
        frame->now.offset = narrow(frame, oi_unwind_sleb(bytes) * factor);
        return true;
    case 0x0d: /* DW_CFA_def_cfa_register */
        set_base(frame, oi_unwind_uleb(bytes));
        return true;
    case 0x0e: /* DW_CFA_def_cfa_offset */
        frame->now.offset = narrow(frame, (int64_t)oi_unwind_uleb(bytes));
        return true;
    case 0x13: /* DW_CFA_def_cfa_offset_sf */
        frame->now.offset = narrow(frame, oi_unwind_sleb(bytes) * factor);
        return true;
    case 0x0f: /* DW_CFA_def_cfa_expression */
        frame->now.base = -1;
        frame->now.offset = narrow(frame, expression(frame, bytes));
        return true;
    default:
        return false;
    }
}

/* Those that say where a register is. */
static bool run_register(struct oi_unwind *frame, struct oi_unwind_bytes *bytes, uint8_t instruction)
{
    int64_t factor = frame->entry.data_alignment;
    if (instruction < 0x05 || instruction > 0x16 || instruction == 0x0a || instruction == 0x0b)
        return false;
    uint64_t number = oi_unwind_uleb(bytes);
    switch (instruction) {
    case 0x05: /* DW_CFA_offset_extended */
        set(frame, number, SAVED, (int64_t)oi_unwind_uleb(bytes) * factor);
        return true;
    case 0x06: /* DW_CFA_restore_extended */
        restore(frame, number);
        return true;
    case 0x07: /* DW_CFA_undefined */
        set(frame, number, UNKNOWN, 0);
        return true;
    case 0x08: /* DW_CFA_same_value */
        set(frame, number, SAME, 0);
        return true;
    case 0x09: { /* DW_CFA_register */
        int place = place_of(oi_unwind_uleb(bytes));
        set(frame, number, place < 0 ? UNKNOWN : IN_REGISTER, place);
        return true;
    }
    case 0x10: /* DW_CFA_expression */
        set(frame, number, SAVED_COMPUTED, expression(frame, bytes));
        return true;
    case 0x11: /* DW_CFA_offset_extended_sf */
        set(frame, number, SAVED, oi_unwind_sleb(bytes) * factor);
        return true;
    case 0x14: /* DW_CFA_val_offset */
        set(frame, number, IS_OFFSET, (int64_t)oi_unwind_uleb(bytes) * factor);
        return true;
    case 0x15: /* DW_CFA_val_offset_sf */
        set(frame, number, IS_OFFSET, oi_unwind_sleb(bytes) * factor);
        return true;
    default:
        return false;
    }
}

static bool run_other(struct oi_unwind *frame, struct oi_unwind_bytes *bytes, uint8_t instruction)
{
    switch (instruction) {
    case 0x00: /* DW_CFA_nop */
        return true;
    case 0x0a: /* DW_CFA_remember_state */
        remember(frame);
        return true;
    case 0x0b: /* DW_CFA_restore_state */
        recall(frame);
        return true;
    case 0x2d: /* DW_CFA_AARCH64_negate_ra_state */
        frame->now.is_signed = !frame->now.is_signed;
        return true;
    case 0x2e: /* DW_CFA_GNU_args_size */
        oi_unwind_uleb(bytes);
        return true;
    default:
        return false;
    }
}

/* Those that go on to a later address: true, and how far. */
static bool advance(struct oi_unwind *frame, struct oi_unwind_bytes *bytes, uint8_t instruction)
{
    uint64_t step;
    if (instruction >> 6 == 1) /* DW_CFA_advance_loc */
        step = instruction & 0x3f;
    else if (instruction >= 0x02 && instruction <= 0x04) /* DW_CFA_advance_loc1, 2, 4 */
        step = oi_unwind_fixed(bytes, (size_t)1 << (instruction - 0x02));
    else
        return false;
    frame->reached += step * frame->entry.code_alignment;
    return true;
}

/* Runs the instructions up to those for addresses behind `pc`. */
static void run(struct oi_unwind *frame, struct oi_unwind_bytes bytes, uintptr_t pc)
{
    while (bytes.at < bytes.end && !frame->failed) {
        uint8_t instruction = oi_unwind_byte(&bytes);
        uint8_t number = instruction & 0x3f;
        if (advance(frame, &bytes, instruction)) {
            if (frame->reached > pc)
                break;
        } else if (instruction >> 6 == 2) { /* DW_CFA_offset */
            set(frame, number, SAVED, (int64_t)oi_unwind_uleb(&bytes) * frame->entry.data_alignment);
        } else if (instruction >> 6 == 3) { /* DW_CFA_restore */
            restore(frame, number);
        } else if (!run_base(frame, &bytes, instruction) && !run_other(frame, &bytes, instruction) &&
                   !run_register(frame, &bytes, instruction)) {
            frame->failed = true;
        }
        frame->failed = frame->failed || bytes.failed;
    }
}

/* --- the step ----------------------------------------------------------------------------------------------------- */

static bool frame_address(const struct oi_unwind *frame, uintptr_t *address)
{
    const struct oi_unwind_rules *rules = &frame->now;
    if (rules->base < 0) {
        if (!evaluate(frame, rules->offset, NULL, address))
            return false;
    } else {
        *address = frame->at[rules->base] + (uintptr_t)rules->offset;
    }
    uintptr_t sp = frame->at[OI_UNWIND_SP];
    return *address % sizeof(uintptr_t) == 0 && *address >= sp && *address - sp <= FRAME_MAX;
}

static bool caller_value(const struct oi_unwind *frame, size_t place, uintptr_t address, uintptr_t *value)
{
    int32_t stored = frame->now.value[place];
    uintptr_t where;
    switch ((enum rule)frame->now.rule[place]) {
    case SAVED:
        return read_word(frame, address + (uintptr_t)stored, value);
    case IS_OFFSET:
        *value = address + (uintptr_t)stored;
        return true;
    case IN_REGISTER:
        *value = frame->at[stored];
        return true;
    case SAVED_COMPUTED:
        return evaluate(frame, stored, &address, &where) && read_word(frame, where, value);
    case UNKNOWN:
        *value = OI_UNWIND_LOST;
        return true;
    default:
        *value = place == OI_UNWIND_SP ? address : frame->at[place];
        return true;
    }
}

/* A return address as the processor would use it: ARM's pointer authentication hides a signature in it. */
static uintptr_t plain(uintptr_t pc, bool is_signed)
{
#if defined(__aarch64__)
    if (is_signed) {
        register uintptr_t x30 __asm__("x30") = pc;
        __asm__("hint 7" : "+r"(x30)); /* xpaclri */
        return x30;
    }
#endif
    (void)is_signed;
    return pc;
}

/* What the entry's instructions say about `pc`. */
static bool work_out(struct oi_unwind *frame, uintptr_t pc)
{
    frame->remembered_count = 0;
    frame->failed = false;
    frame->reached = frame->entry.start;
    memset(&frame->now, 0, sizeof frame->now);
    run(frame, frame->entry.common, UINTPTR_MAX);
    frame->first = frame->now;
    frame->reached = frame->entry.start;
    run(frame, frame->entry.specific, pc);
    uint8_t next = frame->now.rule[OI_UNWIND_PC];
    return !frame->failed && next != UNKNOWN && next != SAME;
}

enum oi_unwind_result oi_unwind_step(struct oi_unwind *frame, const void *table)
{
    uintptr_t pc = frame->at[OI_UNWIND_PC] - 1, address; /* within the call: the next instruction may be another's */
    if (!oi_unwind_find(table, pc, &frame->entry))
        return OI_UNWIND_END;
    if (frame->entry.signal)
        return OI_UNWIND_SIGNAL;
    if (!work_out(frame, pc) || !frame_address(frame, &address))
        return OI_UNWIND_END;
    for (size_t i = 0; i < OI_UNWIND_REGISTERS; i++)
        if (!caller_value(frame, i, address, &frame->caller[i]))
            return OI_UNWIND_END;
    frame->caller[OI_UNWIND_PC] = plain(frame->caller[OI_UNWIND_PC], frame->now.is_signed);
    if (frame->caller[OI_UNWIND_PC] == 0)
        return OI_UNWIND_END;
    memcpy(frame->at, frame->caller, sizeof frame->at);
    return OI_UNWIND_CALLER;
}
