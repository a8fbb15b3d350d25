#include "agent/queue.h"

#include <sys/mman.h>

bool oi_queue_init(struct oi_queue *queue, uint32_t capacity)
{
    uint64_t slots = 2;
    while (slots < capacity)
        slots *= 2;
    void *memory = mmap(NULL, slots * sizeof(struct oi_queue_slot), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    queue->slots = memory;
    queue->mask = slots - 1;
    queue->capacity = capacity;
    atomic_store(&queue->tail, 0);
    atomic_store(&queue->head, 0);
    return true;
}

/* Slots start as zeroed memory, and a slot's turn is kept relative to its index, so that init touches no page. */
static uint64_t turn_of(const struct oi_queue *queue, const struct oi_queue_slot *slot)
{
    uint64_t index = (uint64_t)(slot - queue->slots);
    return atomic_load_explicit(&slot->turn, memory_order_acquire) + index;
}

static void set_turn(struct oi_queue *queue, struct oi_queue_slot *slot, uint64_t turn)
{
    uint64_t index = (uint64_t)(slot - queue->slots);
    atomic_store_explicit(&slot->turn, turn - index, memory_order_release);
}

uint64_t oi_queue_push(struct oi_queue *queue, void *item)
{
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    for (;;) {
        uint64_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
        if (tail - head >= queue->capacity && (int64_t)(tail - head) >= 0)
            return 0;
        struct oi_queue_slot *slot = &queue->slots[tail & queue->mask];
        int64_t ahead = (int64_t)(turn_of(queue, slot) - tail);
        if (ahead < 0)
            return 0;
        if (ahead > 0) {
            tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&queue->tail, &tail, tail + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            slot->item = item;
            set_turn(queue, slot, tail + 1);
            return tail + 1 - head;
        }
    }
}

void *oi_queue_pop(struct oi_queue *queue)
{
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    struct oi_queue_slot *slot = &queue->slots[head & queue->mask];
    if (turn_of(queue, slot) != head + 1)
        return NULL;
    void *item = slot->item;
    set_turn(queue, slot, head + queue->mask + 1);
    atomic_store_explicit(&queue->head, head + 1, memory_order_release);
    return item;
}

uint64_t oi_queue_size(const struct oi_queue *queue)
{
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
    return atomic_load_explicit(&queue->tail, memory_order_acquire) - head;
}

void oi_queue_reset(struct oi_queue *queue, void (*give)(void *item))
{
    uint64_t tail = atomic_load(&queue->tail);
    for (uint64_t at = atomic_load(&queue->head); at != tail; at++) {
        struct oi_queue_slot *slot = &queue->slots[at & queue->mask];
        if (turn_of(queue, slot) == at + 1)
            give(slot->item);
    }
    for (uint64_t i = 0; i <= queue->mask && i < tail; i++)
        atomic_store(&queue->slots[i].turn, 0);
    atomic_store(&queue->tail, 0);
    atomic_store(&queue->head, 0);
}
