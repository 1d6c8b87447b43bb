/* SPDX-License-Identifier: MIT */
/*
 * buffer -- bytes that grow, up to a limit given by whoever fills it. Memory is kept for the next use.
 *
 * Running out of memory is not survivable for an actor and is asserted: a node that cannot get a few kilobytes is
 * replaced by its launcher, which is the better answer.
 */
#ifndef PROTO_BUFFER_H
#define PROTO_BUFFER_H

#include "proto/slice.h"

struct buffer {
    char *at;
    size_t size; /* used */
    size_t room; /* allocated */
};

/* Makes room for `more` bytes behind the used ones and returns where they go; does not count them as used. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
/* Forgets the content; gives memory back if more than `keep` bytes are held. */
void buffer_clear(struct buffer *buffer, size_t keep);
void buffer_free(struct buffer *buffer); /* leaves an empty buffer that can be used again */

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return (struct slice){ .at = buffer->at, .size = buffer->size };
}

#endif
