/* Wrappers that must not have a stack frame: each goes on to the real function by a jump.
 *
 * vfork returns twice on one stack, so nothing may wrap it. The mark it leaves tells, without a system call, that this thread may
 * be in a vfork child, whose memory is its parent's (agent/life.c: oi_life_in_own_process).
 *
 * dlsym, dlvsym and dlopen take their return address for their caller (RTLD_NEXT, RTLD_DEFAULT, RUNPATH).
 *
 * What dlsym hands out keeps all arguments, also those of a function with variable ones, and the return address
 * (hooks/dynamic.h).
 */
#include <sys/syscall.h>

#include "agent/thread_offsets.h"
#include "hooks/dynamic_entries.h"
#include "hooks/stubs.h"

#define RTLD_DEEPBIND_LOG2 3
#define RTLD_DEEPBIND (1 << RTLD_DEEPBIND_LOG2)

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

/* oi_dynamic_symbol(handle, name, version, caller) says where to go on, or what to return. */
    .p2align 4
OI_STUB(dlsym):
    .cfi_startproc
#if defined(__x86_64__)
    endbr64
    xorl %edx, %edx
.Lsymbol:
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    pushq %rdx
    .cfi_adjust_cfa_offset 8
    movq 24(%rsp), %rcx
    call oi_dynamic_symbol
    movq %rdx, %r8
    popq %rdx
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    testq %rax, %rax
    jz 1f
    jmp *%rax
1:  movq %r8, %rax
    ret
#else
    hint 34
    mov x2, #0
.Lsymbol:
    stp x29, x30, [sp, #-48]!
    .cfi_def_cfa_offset 48
    .cfi_offset 29, -48
    .cfi_offset 30, -40
    mov x29, sp
    stp x0, x1, [sp, #16]
    str x2, [sp, #32]
    mov x3, x30
    bl oi_dynamic_symbol
    mov x16, x0
    mov x17, x1
    ldp x0, x1, [sp, #16]
    ldr x2, [sp, #32]
    ldp x29, x30, [sp], #48
    .cfi_restore 29
    .cfi_restore 30
    .cfi_def_cfa_offset 0
    cbz x16, 1f
    br x16
1:  mov x0, x17
    ret
#endif
    .cfi_endproc
    .size dlsym, . - dlsym

    .p2align 4
OI_STUB(dlvsym):
#if defined(__x86_64__)
    endbr64
    jmp .Lsymbol
#else
    hint 34
    b .Lsymbol
#endif
    .size dlvsym, . - dlvsym

/* Clears what dlerror would say of an earlier call, once there is where to go. hooks/dynamic_deep.c takes what has
 * RTLD_DEEPBIND and needs no caller. */
    .p2align 4
OI_STUB(dlopen):
    .cfi_startproc
#if defined(__x86_64__)
    endbr64
    movq oi_next_dlopen(%rip), %rax
    testq %rax, %rax
    jz 2f
1:  movq oi_thread@GOTTPOFF(%rip), %rcx
    movw $0, %fs:OI_THREAD_UNDEFINED(%rcx)
    testl $RTLD_DEEPBIND, %esi
    jnz 3f
    jmp *%rax
2:  pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    call oi_dynamic_find
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    movq oi_next_dlopen(%rip), %rax
    testq %rax, %rax
    jnz 1b
    ret
3:  pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    call oi_dynamic_is_deep
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    testb %al, %al
    jnz oi_dynamic_open_deep
    jmp *oi_next_dlopen(%rip)
#else
    hint 34
    adrp x16, oi_next_dlopen
    ldr x16, [x16, :lo12:oi_next_dlopen]
    cbz x16, 2f
1:  mrs x9, tpidr_el0
    adrp x10, :gottprel:oi_thread
    ldr x10, [x10, :gottprel_lo12:oi_thread]
    add x9, x9, x10
    strh wzr, [x9, #OI_THREAD_UNDEFINED]
    tbnz w1, #RTLD_DEEPBIND_LOG2, 3f
    br x16
2:  stp x29, x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset 29, -32
    .cfi_offset 30, -24
    mov x29, sp
    stp x0, x1, [sp, #16]
    bl oi_dynamic_find
    ldp x0, x1, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_restore 29
    .cfi_restore 30
    .cfi_def_cfa_offset 0
    adrp x16, oi_next_dlopen
    ldr x16, [x16, :lo12:oi_next_dlopen]
    cbnz x16, 1b
    mov x0, #0
    ret
3:  stp x29, x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset 29, -32
    .cfi_offset 30, -24
    mov x29, sp
    stp x0, x1, [sp, #16]
    bl oi_dynamic_is_deep
    mov w9, w0
    ldp x0, x1, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_restore 29
    .cfi_restore 30
    .cfi_def_cfa_offset 0
    cbnz w9, oi_dynamic_open_deep
    adrp x16, oi_next_dlopen
    ldr x16, [x16, :lo12:oi_next_dlopen]
    br x16
#endif
    .cfi_endproc
    .size dlopen, . - dlopen

/* An entry says its number and the caller; the number is told by the thread's mark, and by oi_entries where to go on. */
    .p2align OI_ENTRY_CODE_LOG2
    .globl oi_entry_code
    .hidden oi_entry_code
oi_entry_code:
    .set number, 1
    .rept OI_ENTRIES
#if defined(__x86_64__)
    endbr64
    movl $number, %r11d
    jmp .Lentry
#else
    hint 34
    mov w16, #number
    b .Lentry
#endif
    .org oi_entry_code + (number << OI_ENTRY_CODE_LOG2)
    .set number, number + 1
    .endr

    .p2align 4
.Lentry:
    .cfi_startproc
#if defined(__x86_64__)
    movq oi_thread@GOTTPOFF(%rip), %r10
    movw %r11w, %fs:OI_THREAD_ENTRY(%r10)
    pushq (%rsp)
    .cfi_adjust_cfa_offset 8
    popq %fs:OI_THREAD_ENTRY_CALLER(%r10)
    .cfi_adjust_cfa_offset -8
    shlq $OI_ENTRY_SIZE_LOG2, %r11
    leaq oi_entries(%rip), %r10
    jmp *(%r10, %r11)
#else
    mrs x9, tpidr_el0
    adrp x10, :gottprel:oi_thread
    ldr x10, [x10, :gottprel_lo12:oi_thread]
    add x9, x9, x10
    strh w16, [x9, #OI_THREAD_ENTRY]
    str x30, [x9, #OI_THREAD_ENTRY_CALLER]
    adrp x10, oi_entries
    add x10, x10, :lo12:oi_entries
    add x10, x10, x16, lsl #OI_ENTRY_SIZE_LOG2
    ldr x16, [x10]
    br x16
#endif
    .cfi_endproc
    .size oi_entry_code, . - oi_entry_code

/* syscall: some programs close their sockets by it (Node does), or set a filter (libseccomp does). The arguments stay
 * where they are, on the stack too. */
OI_STUB(syscall):
#if defined(__x86_64__)
    endbr64
    cmpq $SYS_close, %rdi
    je 2f
    cmpq $SYS_close_range, %rdi
    je 2f
    cmpq $SYS_seccomp, %rdi
    je 2f
    cmpq $SYS_prctl, %rdi
    je 2f
1:  movq oi_real_syscall(%rip), %rax
    testq %rax, %rax
    jz 3f
    jmp *%rax
2:  pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %r8
    pushq %r9
    subq $8, %rsp
    call oi_syscall_seen
    addq $8, %rsp
    popq %r9
    popq %r8
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    jmp 1b
3:  movq %rdi, %rax /* before the constructor: the call itself */
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    syscall
    cmpq $-4095, %rax
    jb 4f
    movq %rax, %rdi
    jmp oi_syscall_failed
4:  ret
#elif defined(__aarch64__)
    hint 34 /* bti c */
    cmp x0, #SYS_close
    b.eq 2f
    cmp x0, #SYS_close_range
    b.eq 2f
    cmp x0, #SYS_seccomp
    b.eq 2f
    cmp x0, #SYS_prctl
    b.eq 2f
1:  adrp x16, oi_real_syscall
    ldr x16, [x16, :lo12:oi_real_syscall]
    cbz x16, 3f
    br x16
2:  stp x29, x30, [sp, #-80]!
    mov x29, sp
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    bl oi_syscall_seen
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x4, x5, [sp, #48]
    ldp x6, x7, [sp, #64]
    ldp x29, x30, [sp], #80
    b 1b
3:  mov x8, x0 /* before the constructor: the call itself */
    mov x0, x1
    mov x1, x2
    mov x2, x3
    mov x3, x4
    mov x4, x5
    mov x5, x6
    svc #0
    cmn x0, #4095
    b.cc 4f
    b oi_syscall_failed
4:  ret
#endif
    .size syscall, . - syscall

    .section .note.GNU-stack, "", %progbits
