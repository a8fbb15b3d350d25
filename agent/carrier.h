/* The environment as a carrier of the context: read at start, kept up to date for what is executed.
 *
 * Specification: context/env-carriers.md. What exec hands on is written by hooks/process_environment.c, with
 * oi_life_exec_context and oi_life_as_started of agent/agent.h.
 */
#ifndef OI_AGENT_CARRIER_H
#define OI_AGENT_CARRIER_H

/* Reads the headers this process was started with; what they name becomes its root. From the constructor. */
void oi_carrier_read(void);

/* Writes the current context, the process span's, into the process's own environment: system() and popen() execute
 * inside libc, where no hook sees it. From the constructor. */
void oi_carrier_hand_on(void);

#endif
