/* SPDX-License-Identifier: MIT */
#include "proto/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    size_t size; /* of `bytes` */
    size_t used;
    alignas(max_align_t) char bytes[];
};

enum { SMALLEST_BLOCK = 4096, LARGEST_SPARE = 1024 * 1024, ALIGNMENT = alignof(max_align_t) };

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t twice = arena->blocks != NULL ? arena->blocks->size * 2 : SMALLEST_BLOCK;
    size_t least = twice < LARGEST_SPARE ? twice : LARGEST_SPARE; /* what may be left unused */
    size_t bytes = size > least ? size : least;
    struct arena_block *block = malloc(sizeof *block + bytes);

    assert(block != NULL);
    block->older = arena->blocks;
    block->size = bytes;
    block->used = 0;
    arena->blocks = block;
    return block;
}

void *arena_take(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;

    if (size > arena->limit - arena->used)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (block == NULL || block->size - block->used < size)
        block = add_block(arena, size);

    void *taken = block->bytes + block->used;

    block->used += size;
    arena->used = arena->used + size < arena->limit ? arena->used + size : arena->limit;
    return memset(taken, 0, size);
}

/* One large frame must not cost its receiver that memory for ever. */
void arena_clear(struct arena *arena)
{
    struct arena_block *kept = NULL;

    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->older;
        if (kept == NULL && block->size <= ARENA_KEPT)
            kept = block;
        else
            free(block);
    }
    if (kept != NULL) {
        kept->older = NULL;
        kept->used = 0;
    }
    arena->blocks = kept;
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    arena_clear(arena);
    free(arena->blocks);
    arena->blocks = NULL;
}
