/* SPDX-License-Identifier: MIT */
#include "tests/unit/support/samples.h"

#include <assert.h>
#include <string.h>

enum { GOLDEN_ITEMS = 2, DRAWN_ITEMS_MOST = 5, DRAWN_BYTES_MOST = 400 };

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
uint64_t sample_draw(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void *take(struct arena *arena, size_t size)
{
    void *taken = arena_take(arena, size > 0 ? size : 1);

    assert(taken != NULL);
    return taken;
}

/* ------------------------------------------------------------------------------------------------ golden */

static void fill_golden(const struct field_schema *field, uint32_t index, struct arena *arena, void *at)
{
    struct any_list *list = at;

    switch (field->type) {
    case FIELD_BOOL:
        *(bool *)at = true;
        break;
    case FIELD_U64: /* 7, 263, 65,543 ...: every width that MessagePack has */
        *(uint64_t *)at = ((uint64_t)1 << (8 * (index % 8))) + 6 + index;
        break;
    case FIELD_I64:
        *(int64_t *)at = -(((int64_t)1 << (8 * (index % 7))) + index);
        break;
    case FIELD_F64:
        *(double *)at = 0.25 + index;
        break;
    case FIELD_TEXT:
        *(struct slice *)at = (struct slice){ .at = field->name, .size = strlen(field->name) };
        break;
    case FIELD_BYTES:
        *(struct slice *)at = (struct slice){ .at = "\0\x7f\x80\xff", .size = 4 };
        break;
    case FIELD_LIST:
        list->count = GOLDEN_ITEMS;
        list->at = take(arena, (size_t)GOLDEN_ITEMS * field->item->size);
        for (uint32_t i = 0; i < GOLDEN_ITEMS; i++)
            memcpy((char *)list->at + (size_t)i * field->item->size, sample_golden(field->item, arena),
                   field->item->size);
        break;
    }
}

void *sample_golden(const struct message_schema *schema, struct arena *arena)
{
    char *message = take(arena, schema->size);

    for (uint32_t i = 0; i < schema->field_count; i++)
        fill_golden(&schema->fields[i], i, arena, message + schema->fields[i].offset);
    return message;
}

/* ------------------------------------------------------------------------------------------------ drawn */

/* Numbers next to a power of two are where widths change. */
static uint64_t draw_number(uint64_t *seed)
{
    uint64_t power = (uint64_t)1 << (sample_draw(seed) % 64);
    uint64_t off = sample_draw(seed) % 3;

    return sample_draw(seed) % 4 == 0 ? sample_draw(seed) : power - 1 + off;
}

static struct slice draw_bytes(struct arena *arena, uint64_t *seed)
{
    static const size_t edges[] = { 0, 1, 31, 32, 33, 255, 256, 257 };
    size_t size = sample_draw(seed) % 2 == 0 ? edges[sample_draw(seed) % 8] : sample_draw(seed) % DRAWN_BYTES_MOST;
    char *bytes = take(arena, size);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)sample_draw(seed);
    return (struct slice){ .at = bytes, .size = size };
}

static void draw_list(const struct field_schema *field, struct arena *arena, uint64_t *seed, struct any_list *list)
{
    list->count = (uint32_t)(sample_draw(seed) % (DRAWN_ITEMS_MOST + 1));
    list->at = list->count > 0 ? take(arena, (size_t)list->count * field->item->size) : NULL;
    for (uint32_t i = 0; i < list->count; i++)
        memcpy((char *)list->at + (size_t)i * field->item->size, sample_drawn(field->item, arena, seed),
               field->item->size);
}

void *sample_drawn(const struct message_schema *schema, struct arena *arena, uint64_t *seed)
{
    char *message = take(arena, schema->size);

    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct field_schema *field = &schema->fields[i];
        void *at = message + field->offset;

        switch (field->type) {
        case FIELD_BOOL:
            *(bool *)at = sample_draw(seed) % 2 == 0;
            break;
        case FIELD_U64:
        case FIELD_I64:
            *(uint64_t *)at = draw_number(seed);
            break;
        case FIELD_F64:
            *(double *)at = (double)(int64_t)sample_draw(seed) / 1024.0;
            break;
        case FIELD_TEXT:
        case FIELD_BYTES:
            *(struct slice *)at = draw_bytes(arena, seed);
            break;
        case FIELD_LIST:
            draw_list(field, arena, seed, at);
            break;
        }
    }
    return message;
}

/* ------------------------------------------------------------------------------------------------ equal */

static bool equal_lists(const struct message_schema *item, const struct any_list *a, const struct any_list *b)
{
    bool equal = a->count == b->count;

    for (uint32_t i = 0; equal && i < a->count; i++)
        equal = sample_equal(item, (const char *)a->at + (size_t)i * item->size,
                             (const char *)b->at + (size_t)i * item->size);
    return equal;
}

static bool equal_fields(const struct field_schema *field, const void *a, const void *b)
{
    switch (field->type) {
    case FIELD_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_F64: /* bit by bit, so that a NaN equals itself */
        return memcmp(a, b, sizeof(uint64_t)) == 0;
    case FIELD_TEXT:
    case FIELD_BYTES:
        return slice_equal(*(const struct slice *)a, *(const struct slice *)b);
    case FIELD_LIST:
        return equal_lists(field->item, a, b);
    }
    return false;
}

bool sample_equal(const struct message_schema *schema, const void *a, const void *b)
{
    bool equal = true;

    for (uint32_t i = 0; equal && i < schema->field_count; i++)
        equal = equal_fields(&schema->fields[i], (const char *)a + schema->fields[i].offset,
                             (const char *)b + schema->fields[i].offset);
    return equal;
}
