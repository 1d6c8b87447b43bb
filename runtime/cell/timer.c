/* SPDX-License-Identifier: MIT */
#include "runtime/cell/timer.h"

#include <assert.h>
#include <stdlib.h>

enum { NOWHERE = UINT32_MAX, FIRST_ROOM = 16 };

struct timer_slot {
    struct timer timer;
    uint32_t place;      /* in the heap; NOWHERE when free */
    uint32_t generation; /* tells an old number from a new one */
    uint32_t next_free;
};

void timer_heap_init(struct timer_heap *heap)
{
    *heap = (struct timer_heap){ .free_slot = NOWHERE };
}

void timer_heap_free(struct timer_heap *heap)
{
    free(heap->slots);
    free(heap->heap);
    timer_heap_init(heap);
}

static void grow(struct timer_heap *heap)
{
    uint32_t room = heap->room > 0 ? heap->room * 2 : FIRST_ROOM;

    assert(room <= TIMERS_LIMIT);
    heap->slots = realloc(heap->slots, room * sizeof *heap->slots);
    heap->heap = realloc(heap->heap, room * sizeof *heap->heap);
    assert(heap->slots != NULL && heap->heap != NULL);
    for (uint32_t i = room; i-- > heap->room;) {
        heap->slots[i] = (struct timer_slot){ .place = NOWHERE, .generation = 1, .next_free = heap->free_slot };
        heap->free_slot = i;
    }
    heap->room = room;
}

static uint64_t due_at(const struct timer_heap *heap, uint32_t place)
{
    return heap->slots[heap->heap[place]].timer.due_us;
}

static void put(struct timer_heap *heap, uint32_t place, uint32_t slot)
{
    heap->heap[place] = slot;
    heap->slots[slot].place = place;
}

static void rise(struct timer_heap *heap, uint32_t place)
{
    uint32_t slot = heap->heap[place];
    uint64_t due_us = heap->slots[slot].timer.due_us;

    while (place > 0 && due_at(heap, (place - 1) / 2) > due_us) {
        put(heap, place, heap->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(heap, place, slot);
}

static void sink(struct timer_heap *heap, uint32_t place)
{
    uint32_t slot = heap->heap[place];
    uint64_t due_us = heap->slots[slot].timer.due_us;

    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= heap->size)
            break;
        if (child + 1 < heap->size && due_at(heap, child + 1) < due_at(heap, child))
            child++;
        if (due_at(heap, child) >= due_us)
            break;
        put(heap, place, heap->heap[child]);
        place = child;
    }
    put(heap, place, slot);
}

static void remove_at(struct timer_heap *heap, uint32_t place)
{
    uint32_t slot = heap->heap[place];
    uint32_t last = heap->heap[--heap->size];

    if (last != slot) {
        put(heap, place, last);
        rise(heap, place);
        sink(heap, heap->slots[last].place);
    }
    heap->slots[slot].place = NOWHERE;
    if (++heap->slots[slot].generation == 0) /* a slot in steady use comes round within days; no number is ever 0 */
        heap->slots[slot].generation = 1;
    heap->slots[slot].next_free = heap->free_slot;
    heap->free_slot = slot;
}

uint64_t timer_set(struct timer_heap *heap, struct timer timer)
{
    if (heap->free_slot == NOWHERE)
        grow(heap);

    uint32_t slot = heap->free_slot;

    heap->free_slot = heap->slots[slot].next_free;
    heap->slots[slot].timer = timer;
    put(heap, heap->size++, slot);
    rise(heap, heap->slots[slot].place);
    return (uint64_t)heap->slots[slot].generation << 32 | slot;
}

bool timer_cancel(struct timer_heap *heap, uint64_t number)
{
    uint32_t slot = (uint32_t)number;

    if (slot >= heap->room || heap->slots[slot].place == NOWHERE ||
        heap->slots[slot].generation != (uint32_t)(number >> 32))
        return false;
    remove_at(heap, heap->slots[slot].place);
    return true;
}

void timer_cancel_owner(struct timer_heap *heap, const struct actor *owner)
{
    for (uint32_t slot = 0; slot < heap->room; slot++) {
        if (heap->slots[slot].place != NOWHERE && heap->slots[slot].timer.owner == owner)
            remove_at(heap, heap->slots[slot].place);
    }
}

uint64_t timer_next_due_us(const struct timer_heap *heap)
{
    return heap->size > 0 ? due_at(heap, 0) : UINT64_MAX;
}

bool timer_take_due(struct timer_heap *heap, uint64_t now_us, struct timer *ret_timer)
{
    if (heap->size == 0 || due_at(heap, 0) > now_us)
        return false;

    struct timer *timer = &heap->slots[heap->heap[0]].timer;

    *ret_timer = *timer;
    if (timer->period_us == 0) {
        remove_at(heap, 0);
    } else {
        uint64_t next_us = timer->due_us + timer->period_us;

        timer->due_us = next_us > now_us ? next_us : now_us + timer->period_us;
        sink(heap, 0);
    }
    return true;
}
