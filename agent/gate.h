/* The gate: whether what a thread does now can be said to belong to the request it read last.
 *
 * A thread that has read two or more requests and answered none of them to the end runs an event loop. What such a loop
 * does between events (timers, deferred callbacks, queued work) leaves no trace, so what it last read says nothing
 * about what it does next (docs/context.md). That an answer has begun says as little: the rest of it may still be asked
 * for. A thread that serves one request at a time never meets the gate.
 *
 * Nor does it say anything once timers may run: when as much time has passed as the last wait was let. That is found
 * out when it is asked for, because the loop may look at the clock long after its wait is over. And what it says ends
 * where the thread turns to another connection, in a program that is known to touch one for whatever it does
 * (OI_GATE_FOLLOWS). In a loop that several threads run, each does what comes next for whatever request: there it never
 * says anything.
 *
 * Counts are kept a thread, in memory that outlives it: a request may be answered by another thread, after the one that
 * read it is gone. Lock-free and async-signal-safe but for oi_gate_init.
 */
#ifndef OI_AGENT_GATE_H
#define OI_AGENT_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct oi_gate;

/* A request that was read and is not answered to the end. Plain data. */
struct oi_gate_ticket {
    struct oi_gate *gate; /* NULL: not counted any more, or never was */
    uint32_t life;
};

enum oi_gate_kind {
    OI_GATE_COUNTS,  /* as above */
    OI_GATE_OPEN,    /* the user says that the gate is not needed */
    OI_GATE_FOLLOWS, /* the program has been measured: each of its events begins with a call on the descriptor it is of
                      */
};

/* From the constructor. */
void oi_gate_init(enum oi_gate_kind kind);
bool oi_gate_follows(void);

/* Maps the memory it needs; where a system call filter is in place and that was not done before, the gate is closed. */
void oi_gate_map(void);

/* This thread has read a request. */
struct oi_gate_ticket oi_gate_enter(void);

/* The answer is over, or will never come. Whichever thread says it; once a ticket. */
void oi_gate_leave(struct oi_gate_ticket *ticket);

/* This thread has waited for requests, at most for so long; below 0: without limit. Leaves errno as it is. */
void oi_gate_turn(int64_t limit_ns);

/* The thread's current span is this one (NULL: none), because a descriptor of its own says so: until a timer may run.
 */
struct oi_active;
void oi_gate_show(const struct oi_active *active, uint32_t generation);

/* Several threads run one loop. From here on what they read says nothing. */
void oi_gate_share(void);

/* This thread has read a request, or an answer, and `loop`: waits for more on that connection meanwhile, in an epoll
 * set. False: that says nothing, because others do what comes next. */
bool oi_gate_reads(bool loop);

/* True: what a descriptor said of the thread's current span says nothing any more. */
bool oi_gate_over(void);

/* In this turn, something may be done that no descriptor tells of. */
void oi_gate_doubt(void);

/* True: a descriptor of this thread's says nothing about what the thread does. */
bool oi_gate_closed(void);

#endif
