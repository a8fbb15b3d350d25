/* Where assembly finds a member of struct oi_thread (agent/thread.h asserts it). */
#ifndef OI_AGENT_THREAD_OFFSETS_H
#define OI_AGENT_THREAD_OFFSETS_H

#define OI_THREAD_VFORKED 35

#endif
