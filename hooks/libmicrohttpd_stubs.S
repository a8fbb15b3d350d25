/* Of libmicrohttpd: functions with variable arguments, of which one is changed (hooks/libmicrohttpd.c). */
#include "hooks/stubs.h"

    .text
    .p2align 4
OI_STUB(MHD_start_daemon):
#if defined(__x86_64__)
    endbr64
    movl $0, %r11d
#else
    hint 34
    mov w16, #0
#endif
.Lcalled:
    GO_ON oi_daemon_called
    .size MHD_start_daemon, . - MHD_start_daemon

    .p2align 4
OI_STUB(MHD_start_daemon_va):
#if defined(__x86_64__)
    endbr64
    movl $1, %r11d
    jmp .Lcalled
#else
    hint 34
    mov w16, #1
    b .Lcalled
#endif
    .size MHD_start_daemon_va, . - MHD_start_daemon_va

    .section .note.GNU-stack, "", %progbits
