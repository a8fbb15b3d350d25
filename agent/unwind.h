/* One step up a call stack, by the unwind tables that every compiler writes for exceptions (.eh_frame).
 *
 * Why not libunwind: it was measured on the calling thread, where a stack has to be walked. Its local unwinder opens a
 * pipe in the program's descriptor table and writes to that number for ever, takes the loader's lock, and needs 3.8 KiB
 * of stack (6.3 the first time); driven through its own accessors instead it still makes two system calls and takes two
 * locks a frame (58 rt_sigprocmask for 25 frames), needs 1.9 KiB on top of the hook's, and 2.2 us a frame. A hook has 2
 * KiB, no lock, and no system call that the program does not make. What is needed here is a small part of it: where the
 * caller of a compiled function goes on, and the registers that a function keeps for its caller.
 *
 * Reads the stack only between a frame's own bounds, needs no lock, no memory and no system call; async-signal-safe. A
 * frame that the tables do not describe ends the walk.
 *
 * Format: DWARF 5, section 6.4; LSB Core, "Exception Frames"; the registers' numbers from the psABI of x86-64 and
 * AArch64.
 */
#ifndef OI_AGENT_UNWIND_H
#define OI_AGENT_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/unwind_table.h"

/* The registers that calls preserve, the stack pointer, and the address that a frame goes on at. */
#if defined(__x86_64__)
enum { OI_UNWIND_SP = 2, OI_UNWIND_PC = 7, OI_UNWIND_REGISTERS = 8 }; /* rbx rbp rsp r12 r13 r14 r15 rip */
#elif defined(__aarch64__)
enum { OI_UNWIND_PC = 11, OI_UNWIND_SP = 12, OI_UNWIND_REGISTERS = 13 }; /* x19 … x28, x29, x30, sp */
#else
#error "unwinding is not known for this machine"
#endif

/* In place of a register that cannot be restored: no frame begins at an odd address. */
enum { OI_UNWIND_LOST = 1 };

enum { OI_UNWIND_REMEMBERED = 3 }; /* states that a table may put aside; compilers use one */

/* Private to unwind.c: where the caller's registers are. 32 bits hold an offset, or how far an expression is from the
 * table's entry. */
struct oi_unwind_rules {
    int32_t value[OI_UNWIND_REGISTERS];
    uint8_t rule[OI_UNWIND_REGISTERS];
    int8_t base; /* the frame address: this register plus `offset`, or (-1) an expression */
    bool is_signed;
    int32_t offset;
};

/* A frame: what its registers hold where it goes on, and room to work out its caller's, which is not to be had on the
 * stacks of programs. */
struct oi_unwind {
    uintptr_t at[OI_UNWIND_REGISTERS];
    /* private to unwind.c */
    uintptr_t caller[OI_UNWIND_REGISTERS];
    struct oi_unwind_entry entry;
    struct oi_unwind_rules now, first, remembered[OI_UNWIND_REMEMBERED];
    size_t remembered_count;
    uintptr_t reached; /* the address that the table's instructions have come to */
    bool failed;
};

/* The running function's own frame, for the function that calls this. */
static inline __attribute__((always_inline)) void oi_unwind_here(struct oi_unwind *frame)
{
#if defined(__x86_64__)
    __asm__ volatile("movq %%rbx, 0(%0)\n\t"
                     "movq %%rbp, 8(%0)\n\t"
                     "movq %%rsp, 16(%0)\n\t"
                     "movq %%r12, 24(%0)\n\t"
                     "movq %%r13, 32(%0)\n\t"
                     "movq %%r14, 40(%0)\n\t"
                     "movq %%r15, 48(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 56(%0)"
                     :
                     : "r"(frame->at)
                     : "rax", "memory");
#else
    __asm__ volatile("stp x19, x20, [%0]\n\t"
                     "stp x21, x22, [%0, 16]\n\t"
                     "stp x23, x24, [%0, 32]\n\t"
                     "stp x25, x26, [%0, 48]\n\t"
                     "stp x27, x28, [%0, 64]\n\t"
                     "mov x16, sp\n\t"
                     "adr x17, .\n\t"
                     "stp x29, x17, [%0, 80]\n\t"
                     "str x16, [%0, 96]"
                     :
                     : "r"(frame->at)
                     : "x16", "x17", "memory");
#endif
}

enum oi_unwind_result {
    OI_UNWIND_CALLER, /* `frame` is the caller's now */
    OI_UNWIND_END,    /* there is none, or nothing says where it is */
    OI_UNWIND_SIGNAL, /* this frame is what the kernel put under a signal handler */
};

/* From a frame to its caller's. `table` is the .eh_frame_hdr of the object that holds the frame's address. */
enum oi_unwind_result oi_unwind_step(struct oi_unwind *frame, const void *table);

#endif
