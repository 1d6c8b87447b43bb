/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as any message. The first two bytes choose the message (so that a corpus lives through new ones: by id),
 * the rest is its encoding. What decodes is printed, encoded again and decoded again: it must be the same message.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/catalog.h"
#include "proto/codec.h"
#include "tests/unit/support/samples.h"

enum { MEMORY_LIMIT = 1024 * 1024 };

/* The catalog's message of this id, or the one that the number falls on. */
static const struct message_schema *choose(uint16_t id)
{
    size_t count;
    const struct message_schema *const *all = catalog_all(&count);
    const struct message_schema *chosen = catalog_find(id);

    return chosen != NULL ? chosen : all[id % count];
}

static void check(const struct message_schema *schema, const void *message, struct arena *arena)
{
    struct buffer again = { 0 };
    struct reader reader;
    void *second = arena_take(arena, schema->size > 0 ? schema->size : 1);
    char line[300];

    assert(codec_print(schema, message, line, sizeof line) < sizeof line);
    codec_encode(schema, message, &again);
    reader = reader_of(buffer_slice(&again));
    if (second != NULL && codec_decode(schema, &reader, arena, second))
        assert(reader_left(&reader) == 0 && sample_equal(schema, message, second));
    else
        assert(arena->used > arena->limit / 4); /* only for want of memory */
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .limit = MEMORY_LIMIT };

    if (size < 2)
        return 0;

    const struct message_schema *schema = choose((uint16_t)(data[0] << 8 | data[1]));
    struct reader reader = reader_of((struct slice){ .at = (const char *)data + 2, .size = size - 2 });
    void *message = arena_take(&arena, schema->size > 0 ? schema->size : 1);

    if (codec_decode(schema, &reader, &arena, message))
        check(schema, message, &arena);
    arena_free(&arena);
    return 0;
}
