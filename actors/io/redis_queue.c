/* SPDX-License-Identifier: MIT */
/* redis_queue -- see redis_queue.h. */
#include "actors/io/redis_queue.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_ROOM = 64 };

struct redis_pending *redis_queue_at(const struct redis_queue *queue, uint32_t index)
{
    assert(index < queue->count);
    return &queue->ring[(queue->first + index) & (queue->room - 1)];
}

static void grow(struct redis_queue *queue)
{
    uint32_t room = queue->room == 0 ? FIRST_ROOM : queue->room * 2;
    struct redis_pending *ring = calloc(room, sizeof(*ring));

    assert(ring != NULL);
    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = *redis_queue_at(queue, i);
    free(queue->ring);
    queue->ring = ring;
    queue->room = room;
    queue->first = 0;
}

void redis_queue_push(struct redis_queue *queue, const struct redis_pending *pending)
{
    if (queue->count == queue->room)
        grow(queue);
    queue->count++;
    *redis_queue_at(queue, queue->count - 1) = *pending;
}

struct redis_pending redis_queue_pop(struct redis_queue *queue)
{
    struct redis_pending oldest = *redis_queue_at(queue, 0);

    queue->first = (queue->first + 1) & (queue->room - 1);
    queue->count--;
    return oldest;
}

void redis_queue_destroy(struct redis_queue *queue)
{
    free(queue->ring);
    *queue = (struct redis_queue){ 0 };
}
