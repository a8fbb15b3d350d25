/* The queue of finished spans: bounded, lock-free, many producers, one consumer, publication per slot (a producer that
 * is interrupted between reserving and publishing delays the consumer, never corrupts it). After D. Vyukov's bounded
 * queue. Async-signal-safe after init. */
#ifndef OI_AGENT_QUEUE_H
#define OI_AGENT_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oi_queue_slot {
    _Atomic uint64_t turn; /* position: free for that position; position + 1: holds it */
    void *item;
};

struct oi_queue {
    struct oi_queue_slot *slots;
    uint64_t mask;
    uint64_t capacity; /* as configured; the slots are its next power of two */
    _Alignas(64) _Atomic uint64_t tail;
    _Alignas(64) _Atomic uint64_t head;
};

/* Maps room for `capacity` items (at least 1). False: no memory. */
bool oi_queue_init(struct oi_queue *queue, uint32_t capacity);

/* Puts an item at the end. Returns how many items are queued with it, 0 if the queue is full. Any thread. */
uint64_t oi_queue_push(struct oi_queue *queue, void *item);

/* Takes the oldest published item; NULL: none. The consumer only. */
void *oi_queue_pop(struct oi_queue *queue);

/* Items reserved and not yet taken. */
uint64_t oi_queue_size(const struct oi_queue *queue);

/* In a forked child: takes out every published item, handing it to `give`, and starts anew. No other thread exists. */
void oi_queue_reset(struct oi_queue *queue, void (*give)(void *item));

#endif
