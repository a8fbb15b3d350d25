/* Call stacks: who called, as addresses; what they mean is found out by the exporter.
 *
 * A stack is walked when a span starts, on the program's thread: then the frames of the call that the span is about are
 * certainly there, also for one that ends elsewhere (an asynchronous command). Equal stacks are kept once, in a bounded
 * table that is never emptied, so that a live span names its stack by a number and stays plain data. None of this is
 * mapped unless OTEL_NATIVE_CODE_ATTRIBUTES or OTEL_NATIVE_STACKTRACE_MIN_DURATION asks for it.
 *
 * Frames of the agent are left out. A stack with a signal handler's frame is none at all: what such a handler
 * interrupted did not make the call.
 *
 * Which object an address belongs to is noted with it, and what that object looks like: addresses are used again after
 * dlclose, and files are replaced. A wrong name is worse than none.
 */
#ifndef OI_AGENT_STACK_H
#define OI_AGENT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/export.h"

enum { OI_STACK_FRAMES = 64 };

/* Stacks are walked: set once, before the first hook. */
extern bool oi_stack_wanted __attribute__((visibility("hidden")));

/* Maps the tables and begins. From the constructor. False: no memory, or a libc that cannot say lock-free which object
 * holds an address (before 2.35). */
bool oi_stack_init(void);

/* The running thread's stack, without the agent's own frames; 0: none, or the table is full. Lock-free, without a
 * system call, async-signal-safe. */
uint16_t oi_stack_here(void);

/* The frames of a stack, from the inside out; returns how many. *called_by_first: whether the first one made the call
 * (it may have gone on with a jump, and is missing then). Frames of an object that had no place are left out from there
 * on. */
size_t oi_stack_frames(uint16_t stack, struct oi_frame frames[OI_STACK_FRAMES], bool *called_by_first);

/* Whether a stack was not kept because the table is full. */
bool oi_stack_overflowed(void);

#endif
