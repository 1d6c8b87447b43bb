/* SPDX-License-Identifier: MIT */
/*
 * timer -- what is due when: a binary heap with a slot table, so that setting, cancelling and expiring cost O(log n)
 * and thousands are cheap. Pure: the caller brings the time. One thread.
 */
#ifndef RUNTIME_CELL_TIMER_H
#define RUNTIME_CELL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/actor.h"

struct timer {
    uint64_t due_us;
    uint64_t period_us; /* 0: once */
    struct actor *owner;
    timer_handler *call;
    void *context;
};

struct timer_heap {
    struct timer_slot *slots;
    uint32_t *heap; /* slot numbers; heap[0] is due first */
    uint32_t size;
    uint32_t room;
    uint32_t free_slot; /* head of the list of free slots, UINT32_MAX at its end */
};

enum { TIMERS_LIMIT = 1 << 20 };

void timer_heap_init(struct timer_heap *heap);
void timer_heap_free(struct timer_heap *heap);
/* Returns the timer's number: never 0, not used again soon. Asserts below TIMERS_LIMIT. */
uint64_t timer_set(struct timer_heap *heap, struct timer timer);
bool timer_cancel(struct timer_heap *heap, uint64_t number); /* false: unknown or spent */
void timer_cancel_owner(struct timer_heap *heap, const struct actor *owner);
uint64_t timer_next_due_us(const struct timer_heap *heap); /* UINT64_MAX when there is none */
/* Takes one timer that is due; a periodic one is set again for its next beat after `now_us` (missed beats are not
 * replayed). False when none is due. */
bool timer_take_due(struct timer_heap *heap, uint64_t now_us, struct timer *ret_timer);

#endif
