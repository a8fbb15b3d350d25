/* Where assembly finds a member of struct oi_thread (agent/thread.h asserts it). */
#ifndef OI_AGENT_THREAD_OFFSETS_H
#define OI_AGENT_THREAD_OFFSETS_H

#define OI_THREAD_VFORKED 35
#define OI_THREAD_ENTRY 36
#define OI_THREAD_UNDEFINED 38
#define OI_THREAD_ENTRY_CALLER 40

#endif
