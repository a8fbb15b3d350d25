/* The numbers that hooks/libevent_stubs.S and hooks/libevent.c share. */
#ifndef OI_HOOKS_LIBEVENT_STUBS_H
#define OI_HOOKS_LIBEVENT_STUBS_H

/* Functions of ours that stand for the program's: how many, of which so many for events and the others for requests,
 * and how large one is. */
#define OI_STANDS 320
#define OI_STANDS_FOR_EVENTS 256
#define OI_STAND_LOG2 4

/* The functions that lead to oi_event_called. */
#define OI_EVENT_ASSIGN 0
#define OI_EVENT_NEW 1
#define OI_EVENT_SET 2
#define OI_EVENT_ONCE 3
#define OI_EVENT_BASE_ONCE 4
#define OI_EVENT_LOOP 5
#define OI_EVENT_BASE_LOOP 6
#define OI_EVENT_DISPATCH 7
#define OI_EVENT_BASE_DISPATCH 8
#define OI_EVENT_CANCEL_REQUEST 9
#define OI_EVENT_CONNECTION_FREE 10
#define OI_EVENT_REQUEST_NEW 11
#define OI_EVENT_REQUEST_FREE 12
#define OI_EVENT_MAKE_REQUEST 13
#define OI_EVENT_STUBS 14

#endif
