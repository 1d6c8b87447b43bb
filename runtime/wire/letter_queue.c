/* SPDX-License-Identifier: MIT */
#include "runtime/wire/letter_queue.h"

#include <assert.h>

enum { QUEUE_KEPT = 64 * 1024 /* bytes of memory that an empty queue holds on to */ };

static size_t letter_bytes(const struct letter_queue *queue, size_t offset)
{
    const unsigned char *at = (const unsigned char *)queue->bytes.at + queue->taken + offset;

    return LETTER_LENGTH_BYTES + ((size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
}

size_t letter_queue_bytes(const struct letter_queue *queue)
{
    return queue->bytes.size - queue->taken;
}

size_t letter_queue_first_bytes(const struct letter_queue *queue)
{
    assert(queue->count > 0);
    return letter_bytes(queue, 0);
}

/* The front's room is used again once it is half of the whole, so each byte is moved once on average. */
static void compact(struct letter_queue *queue)
{
    if (queue->count == 0) {
        buffer_clear(&queue->bytes, QUEUE_KEPT);
        queue->taken = 0;
    } else if (queue->taken > queue->bytes.size / 2) {
        memmove(queue->bytes.at, queue->bytes.at + queue->taken, letter_queue_bytes(queue));
        queue->bytes.size -= queue->taken;
        queue->taken = 0;
    }
}

size_t letter_queue_shift(struct letter_queue *queue, struct buffer *to)
{
    size_t size = letter_queue_first_bytes(queue);

    if (to != NULL)
        buffer_append(to, queue->bytes.at + queue->taken, size);
    queue->taken += size;
    queue->count--;
    if (queue->passed > 0) {
        queue->passed--;
        queue->passed_bytes -= size;
    }
    compact(queue);
    return size;
}

size_t letter_queue_pass(struct letter_queue *queue, struct buffer *to)
{
    assert(queue->passed < queue->count);

    size_t size = letter_bytes(queue, queue->passed_bytes);

    buffer_append(to, queue->bytes.at + queue->taken + queue->passed_bytes, size);
    queue->passed++;
    queue->passed_bytes += size;
    return size;
}

void letter_queue_rewind(struct letter_queue *queue)
{
    queue->passed = 0;
    queue->passed_bytes = 0;
}

void letter_queue_free(struct letter_queue *queue)
{
    buffer_free(&queue->bytes);
    *queue = (struct letter_queue){ 0 };
}
