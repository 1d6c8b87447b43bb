/* SPDX-License-Identifier: MIT */
/* redis_queue -- commands that wait for something, first in first out: the replies of a connection, or their refusal.
 */
#ifndef ACTORS_IO_REDIS_QUEUE_H
#define ACTORS_IO_REDIS_QUEUE_H

#include "actors/io/redis.h"
#include "runtime/actor.h"

struct redis_pending {
    redis_handler *then; /* may be NULL */
    void *context;
    uint64_t deadline_us; /* monotonic */
    uint64_t begins_at;   /* its first byte's place in all that was ever given to this connection */
    uint64_t bytes;
    struct span_mark span;
    char verb[12];        /* for the span, only when it is recorded */
    enum outcome refusal; /* of one that was not accepted */
};

/* A ring that grows by doubling; its owner bounds the count. All zero is empty. */
struct redis_queue {
    struct redis_pending *ring;
    uint32_t room; /* a power of two */
    uint32_t first;
    uint32_t count;
};

struct redis_pending *redis_queue_at(const struct redis_queue *queue, uint32_t index); /* 0: the oldest */
void redis_queue_push(struct redis_queue *queue, const struct redis_pending *pending);
struct redis_pending redis_queue_pop(struct redis_queue *queue); /* not when empty */
void redis_queue_destroy(struct redis_queue *queue);

#endif
