/* Of libevent: wrappers without a frame, and the functions that it calls in place of the program's (hooks/libevent.c).
 *
 * Names like event_new and event_loop may be anybody's, in libraries that have nothing to do with libevent: their arguments are
 * not ours to know. So all that can be in registers is kept, and the real function is gone on to by a jump.
 */
#include "hooks/libevent_stubs.h"
#include "hooks/stubs.h"

#if defined(__x86_64__)
#define GO(number) endbr64; movl $number, %r11d; jmp .Lcalled
#elif defined(__aarch64__)
#define GO(number) hint 34; mov w16, number; b .Lcalled
#else
#error "no stub for this processor"
#endif

    .text
    .p2align 4
OI_STUB(event_assign): GO(OI_EVENT_ASSIGN)
    .size event_assign, . - event_assign
    .p2align 4
OI_STUB(event_new): GO(OI_EVENT_NEW)
    .size event_new, . - event_new
    .p2align 4
OI_STUB(event_set): GO(OI_EVENT_SET)
    .size event_set, . - event_set
    .p2align 4
OI_STUB(event_once): GO(OI_EVENT_ONCE)
    .size event_once, . - event_once
    .p2align 4
OI_STUB(event_base_once): GO(OI_EVENT_BASE_ONCE)
    .size event_base_once, . - event_base_once
    .p2align 4
OI_STUB(event_loop): GO(OI_EVENT_LOOP)
    .size event_loop, . - event_loop
    .p2align 4
OI_STUB(event_base_loop): GO(OI_EVENT_BASE_LOOP)
    .size event_base_loop, . - event_base_loop
    .p2align 4
OI_STUB(event_dispatch): GO(OI_EVENT_DISPATCH)
    .size event_dispatch, . - event_dispatch
    .p2align 4
OI_STUB(event_base_dispatch): GO(OI_EVENT_BASE_DISPATCH)
    .size event_base_dispatch, . - event_base_dispatch
    .p2align 4
OI_STUB(evhttp_cancel_request): GO(OI_EVENT_CANCEL_REQUEST)
    .size evhttp_cancel_request, . - evhttp_cancel_request
    .p2align 4
OI_STUB(evhttp_connection_free): GO(OI_EVENT_CONNECTION_FREE)
    .size evhttp_connection_free, . - evhttp_connection_free
    .p2align 4
OI_STUB(evhttp_request_new): GO(OI_EVENT_REQUEST_NEW)
    .size evhttp_request_new, . - evhttp_request_new
    .p2align 4
OI_STUB(evhttp_request_free): GO(OI_EVENT_REQUEST_FREE)
    .size evhttp_request_free, . - evhttp_request_free
    .p2align 4
OI_STUB(evhttp_make_request): GO(OI_EVENT_MAKE_REQUEST)
    .size evhttp_make_request, . - evhttp_make_request

/* oi_event_called(number, arguments, caller) may change the first six arguments, and says where to go on, or what to return. */
    .p2align 4
.Lcalled:
    .cfi_startproc
#if defined(__x86_64__)
    subq $200, %rsp
    .cfi_adjust_cfa_offset 200
    movq %rdi, (%rsp)
    movq %rsi, 8(%rsp)
    movq %rdx, 16(%rsp)
    movq %rcx, 24(%rsp)
    movq %r8, 32(%rsp)
    movq %r9, 40(%rsp)
    movq %rax, 48(%rsp) /* how many of the following a function with variable arguments has */
    movups %xmm0, 64(%rsp)
    movups %xmm1, 80(%rsp)
    movups %xmm2, 96(%rsp)
    movups %xmm3, 112(%rsp)
    movups %xmm4, 128(%rsp)
    movups %xmm5, 144(%rsp)
    movups %xmm6, 160(%rsp)
    movups %xmm7, 176(%rsp)
    movl %r11d, %edi
    movq %rsp, %rsi
    movq 200(%rsp), %rdx
    call oi_event_called
    movq %rax, %r11
    movq %rdx, %r10
    movq (%rsp), %rdi
    movq 8(%rsp), %rsi
    movq 16(%rsp), %rdx
    movq 24(%rsp), %rcx
    movq 32(%rsp), %r8
    movq 40(%rsp), %r9
    movq 48(%rsp), %rax
    movups 64(%rsp), %xmm0
    movups 80(%rsp), %xmm1
    movups 96(%rsp), %xmm2
    movups 112(%rsp), %xmm3
    movups 128(%rsp), %xmm4
    movups 144(%rsp), %xmm5
    movups 160(%rsp), %xmm6
    movups 176(%rsp), %xmm7
    addq $200, %rsp
    .cfi_adjust_cfa_offset -200
    testq %r11, %r11
    jz 1f
    jmp *%r11
1:  movq %r10, %rax
    ret
#else
    stp x29, x30, [sp, #-224]!
    .cfi_def_cfa_offset 224
    .cfi_offset 29, -224
    .cfi_offset 30, -216
    mov x29, sp
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    str x8, [sp, #80]
    stp q0, q1, [sp, #96]
    stp q2, q3, [sp, #128]
    stp q4, q5, [sp, #160]
    stp q6, q7, [sp, #192]
    mov w0, w16
    add x1, sp, #16
    mov x2, x30
    bl oi_event_called
    mov x16, x0
    mov x17, x1
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x4, x5, [sp, #48]
    ldp x6, x7, [sp, #64]
    ldr x8, [sp, #80]
    ldp q0, q1, [sp, #96]
    ldp q2, q3, [sp, #128]
    ldp q4, q5, [sp, #160]
    ldp q6, q7, [sp, #192]
    ldp x29, x30, [sp], #224
    .cfi_restore 29
    .cfi_restore 30
    .cfi_def_cfa_offset 0
    cbz x16, 1f
    br x16
1:  mov x0, x17
    ret
#endif
    .cfi_endproc

/* What libevent calls in place of the program's functions: those of events have three arguments, those of requests two. Each adds
 * its number as a fourth. */
    .p2align OI_STAND_LOG2
    .globl oi_stands
    .hidden oi_stands
oi_stands:
    .set number, 0
    .rept OI_STANDS
#if defined(__x86_64__)
    endbr64
    movl $number, %ecx
#define JUMP jmp
#else
    hint 34
    mov w3, #number
#define JUMP b
#endif
    .if number < OI_STANDS_FOR_EVENTS
    JUMP oi_event_run
    .else
    JUMP oi_request_run
    .endif
    .set number, number + 1
    .org oi_stands + (number << OI_STAND_LOG2)
    .endr
    .size oi_stands, . - oi_stands

    .section .note.GNU-stack, "", %progbits
