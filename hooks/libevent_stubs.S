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

    .p2align 4
.Lcalled:
    GO_ON oi_event_called

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
