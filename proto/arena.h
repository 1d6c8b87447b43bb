/* SPDX-License-Identifier: MIT */
/*
 * arena -- memory for what lives as long as one decoded frame: the items of lists. Freed all at once.
 *
 * Bounded: an arena that has reached its limit gives NULL, so that a frame cannot make its receiver allocate more than
 * the receiver has declared.
 */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <stddef.h>

enum { ARENA_KEPT = 256 * 1024 };

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out since the last clear */
    size_t limit;               /* bytes to hand out at most between two clears */
};

/* Zeroed memory aligned for any object, or NULL when the limit is reached. */
void *arena_take(struct arena *arena, size_t size);
void arena_clear(struct arena *arena); /* keeps one block of at most ARENA_KEPT bytes for the next frame */
void arena_free(struct arena *arena);

#endif
