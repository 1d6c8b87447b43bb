/* SPDX-License-Identifier: MIT */
#include "proto/buffer.h"

#include <assert.h>
#include <stdlib.h>

enum { SMALLEST_ROOM = 256 };

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->room - buffer->size < more) {
        size_t room = buffer->room > 0 ? buffer->room : SMALLEST_ROOM;

        while (room - buffer->size < more)
            room *= 2;
        buffer->at = realloc(buffer->at, room);
        assert(buffer->at != NULL);
        buffer->room = room;
    }
    return buffer->at + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    memcpy(buffer_reserve(buffer, size), bytes, size);
    buffer->size += size;
}

void buffer_clear(struct buffer *buffer, size_t keep)
{
    if (buffer->room > keep)
        buffer_free(buffer);
    buffer->size = 0;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){ 0 };
}
