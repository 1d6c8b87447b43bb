/* SPDX-License-Identifier: MIT */
#include "runtime/watch/span.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct span_ring {
    _Atomic bool is_watching; /* written under the lock */
    pthread_mutex_t lock;     /* of all below */
    struct span *spans;       /* NULL until the first one */
    uint64_t total;           /* spans[total % SPANS_KEPT] is next */
    char actor[SPAN_OTHER_LIMIT];
    uint16_t message;
    uint32_t one_in;
    uint64_t until_us;
    uint64_t seen;
};

struct span_ring *span_ring_new(void)
{
    struct span_ring *ring = calloc(1, sizeof *ring);

    assert(ring != NULL);
    pthread_mutex_init(&ring->lock, NULL);
    return ring;
}

void span_ring_destroy(struct span_ring **ring)
{
    if (*ring == NULL)
        return;
    pthread_mutex_destroy(&(*ring)->lock);
    free((*ring)->spans);
    free(*ring);
    *ring = NULL;
}

void span_add(struct span_ring *ring, struct span *span)
{
    pthread_mutex_lock(&ring->lock);
    if (ring->spans == NULL)
        ring->spans = calloc(SPANS_KEPT, sizeof *ring->spans);
    if (ring->spans != NULL) { /* short of memory nothing is remembered */
        span->number = ring->total + 1;
        ring->spans[ring->total++ % SPANS_KEPT] = *span;
    }
    pthread_mutex_unlock(&ring->lock);
}

size_t span_read(
    struct span_ring *ring, const uint64_t trace[2], uint64_t since, struct span *rows, size_t room, uint64_t *ret_last)
{
    bool is_any = (trace[0] | trace[1]) == 0;
    size_t count = 0;
    uint64_t oldest;

    pthread_mutex_lock(&ring->lock);
    oldest = ring->total > SPANS_KEPT ? ring->total - SPANS_KEPT : 0;
    for (uint64_t number = since > oldest ? since : oldest; number < ring->total && count < room; number++) {
        const struct span *span = &ring->spans[number % SPANS_KEPT];

        if (is_any || (span->trace[0] == trace[0] && span->trace[1] == trace[1]))
            rows[count++] = *span;
    }
    *ret_last = ring->total;
    pthread_mutex_unlock(&ring->lock);
    return count;
}

void span_watch(struct span_ring *ring, struct slice actor, uint16_t message, uint32_t one_in, uint64_t until_us)
{
    pthread_mutex_lock(&ring->lock);
    slice_copy(actor, ring->actor, sizeof ring->actor);
    ring->message = message;
    ring->one_in = one_in;
    ring->until_us = until_us;
    ring->seen = 0;
    atomic_store_explicit(&ring->is_watching, one_in > 0, memory_order_relaxed);
    pthread_mutex_unlock(&ring->lock);
}

bool span_is_watching(const struct span_ring *ring)
{
    return ring != NULL && atomic_load_explicit(&ring->is_watching, memory_order_relaxed);
}

bool span_wants(struct span_ring *ring, const char *actor, uint64_t message, uint64_t now_us)
{
    bool wanted = false;

    pthread_mutex_lock(&ring->lock);
    if (now_us >= ring->until_us)
        atomic_store_explicit(&ring->is_watching, false, memory_order_relaxed);
    else if (ring->one_in > 0 && (ring->actor[0] == '\0' || strcmp(ring->actor, actor) == 0) &&
             (ring->message == 0 || ring->message == message))
        wanted = ring->seen++ % ring->one_in == 0;
    pthread_mutex_unlock(&ring->lock);
    return wanted;
}

const char *span_kind_name(enum span_kind kind)
{
    static const char *const names[] = {
        [SPAN_REQUEST] = "request", [SPAN_ASK] = "ask",     [SPAN_TELL] = "tell",
        [SPAN_ANSWER] = "answer",   [SPAN_STORE] = "store",
    };

    return names[kind];
}
