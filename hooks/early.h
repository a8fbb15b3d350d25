/* Calls that come before the loader has relocated this object: a library that is bound at once (-z now) and loaded
 * after us has its IFUNC resolvers run first, and what they call of libc is our wrapper. Nothing outside this object
 * can be reached then, not even errno: the system call itself is all there is. */
#ifndef OI_HOOKS_EARLY_H
#define OI_HOOKS_EARLY_H

#include <stdbool.h>

/* Holds its own address once it is relocated; asked by a PC-relative address, which needs no relocation. */
extern const void *const volatile oi_early_self __attribute__((visibility("hidden")));

static inline __attribute__((no_sanitize_address)) bool oi_relocated(void)
{
    return oi_early_self == (const void *)&oi_early_self;
}

/* -1 if it fails, without errno. */
static inline long oi_early_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined __x86_64__
    long result;
    register long fourth __asm__("r10") = d, fifth __asm__("r8") = e, sixth __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
#elif defined __aarch64__
    register long call __asm__("x8") = number, result __asm__("x0") = a, second __asm__("x1") = b;
    register long third __asm__("x2") = c, fourth __asm__("x3") = d, fifth __asm__("x4") = e, sixth __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(result)
                     : "r"(call), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory");
#else
#error "how a system call is made is known for x86-64 and arm64"
#endif
    return result < 0 && result > -4096 ? -1 : result;
}

#endif
