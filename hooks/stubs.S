/* Wrappers that must not have a stack frame: each goes on to the real function by a jump.
 *
 * vfork returns twice on one stack, so nothing may wrap it. The mark it leaves tells, without a system call, that this thread may
 * be in a vfork child, whose memory is its parent's (agent/life.c: oi_life_in_own_process).
 */
#include "agent/thread_offsets.h"

#define OI_STUB(name) .globl name; .type name, %function; name

    .text
    .p2align 4
OI_STUB(vfork):
#if defined(__x86_64__)
    endbr64
    movq oi_thread@GOTTPOFF(%rip), %rax
    movb $1, %fs:OI_THREAD_VFORKED(%rax)
    movq oi_real_vfork(%rip), %rax
    testq %rax, %rax
    jz 1f
    jmp *%rax
1:  jmp fork@PLT /* before the constructor: a fork does for a vfork */
#elif defined(__aarch64__)
    hint 34 /* bti c */
    mrs x0, tpidr_el0
    adrp x1, :gottprel:oi_thread
    ldr x1, [x1, :gottprel_lo12:oi_thread]
    add x0, x0, x1
    mov w1, #1
    strb w1, [x0, #OI_THREAD_VFORKED]
    adrp x16, oi_real_vfork
    ldr x16, [x16, :lo12:oi_real_vfork]
    cbz x16, 1f
    br x16
1:  b fork
#else
#error "no stub for this processor"
#endif
    .size vfork, . - vfork

    .section .note.GNU-stack, "", %progbits
