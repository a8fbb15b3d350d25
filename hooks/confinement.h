/* What a program is about to do to itself, however it asks for it. */
#ifndef OI_HOOKS_CONFINEMENT_H
#define OI_HOOKS_CONFINEMENT_H

/* Before prctl or seccomp, as a function or as a system call: if it sets a filter, what can not be had under it is
 * loaded and mapped, and from here on nothing new is asked of the kernel. */
void oi_before_prctl(int option, unsigned long a, unsigned long b);
void oi_before_seccomp(unsigned operation, unsigned long filter);

#endif
