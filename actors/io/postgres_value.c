/* SPDX-License-Identifier: MIT */
/*
 * postgres_value -- parameters and arrays in Postgres's binary form (declared in postgres.h).
 *
 * Source of the array's form: PostgreSQL's src/backend/utils/adt/arrayfuncs.c, array_recv: dimensions, has-nulls,
 * element type, then for each dimension its length and lower bound, then each element's length (-1: null) and bytes;
 * all integers big-endian.
 */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "actors/io/postgres.h"
#include "actors/io/postgres_type.h"

enum { ARRAY_HEAD_BYTES = 20, ARRAY_FIRST_ROOM = 1024 };

/* ------------------------------------------------------------------------------------------------ single values */

static struct postgres_value number(int64_t value, uint8_t size)
{
    return (struct postgres_value){ .is_number = true, .number = value, .number_size = size };
}

struct postgres_value postgres_null(void)
{
    return (struct postgres_value){ .is_null = true };
}

struct postgres_value postgres_bool(bool value)
{
    return number(value ? 1 : 0, 1);
}

struct postgres_value postgres_int4(int32_t value)
{
    return number(value, 4);
}

struct postgres_value postgres_int8(int64_t value)
{
    return number(value, 8);
}

struct postgres_value postgres_timestamp(uint64_t wall_us)
{
    return number((int64_t)(wall_us - POSTGRES_EPOCH_US), 8);
}

struct postgres_value postgres_text(struct slice bytes)
{
    return (struct postgres_value){ .bytes = bytes };
}

void postgres_put_number(char *to, int64_t value, uint8_t size)
{
    uint64_t wide = htobe64((uint64_t)value);

    assert(size <= sizeof(wide));
    memcpy(to, (const char *)&wide + sizeof(wide) - size, size);
}

/* ------------------------------------------------------------------------------------------------ arrays */

static void begin(struct postgres_array *array, uint32_t element_type)
{
    *array = (struct postgres_array){ .element_type = element_type };
}

void postgres_array_of_int8(struct postgres_array *array)
{
    begin(array, POSTGRES_TYPE_INT8);
}

void postgres_array_of_text(struct postgres_array *array)
{
    begin(array, POSTGRES_TYPE_TEXT);
}

void postgres_array_of_timestamp(struct postgres_array *array)
{
    begin(array, POSTGRES_TYPE_TIMESTAMPTZ);
}

void postgres_array_of_bool(struct postgres_array *array)
{
    begin(array, POSTGRES_TYPE_BOOL);
}

/* Room for `size` more bytes behind the head; NULL when the limit is reached. */
static char *extend(struct postgres_array *array, size_t size)
{
    size_t used = array->size > 0 ? array->size : ARRAY_HEAD_BYTES;

    if (array->failed || size > POSTGRES_ARRAY_LIMIT || used + size > POSTGRES_ARRAY_LIMIT) {
        array->failed = true;
        return NULL;
    }
    if (used + size > array->room) {
        size_t room = array->room > 0 ? array->room : ARRAY_FIRST_ROOM;

        while (room < used + size)
            room *= 2;
        array->memory = realloc(array->memory, room);
        assert(array->memory != NULL);
        array->room = room;
    }
    array->size = used + size;
    return array->memory + used;
}

static void add(struct postgres_array *array, const char *bytes, size_t size)
{
    char *to = extend(array, 4 + size);

    if (to == NULL)
        return;
    postgres_put_number(to, (int64_t)size, 4);
    if (size > 0)
        memcpy(to + 4, bytes, size);
    array->count++;
}

static void add_number(struct postgres_array *array, int64_t value, uint8_t size)
{
    char bytes[8];

    postgres_put_number(bytes, value, size);
    add(array, bytes, size);
}

void postgres_array_add_int8(struct postgres_array *array, int64_t value)
{
    assert(array->element_type == POSTGRES_TYPE_INT8);
    add_number(array, value, 8);
}

void postgres_array_add_text(struct postgres_array *array, struct slice value)
{
    assert(array->element_type == POSTGRES_TYPE_TEXT);
    add(array, value.at, value.size);
}

void postgres_array_add_timestamp(struct postgres_array *array, uint64_t wall_us)
{
    assert(array->element_type == POSTGRES_TYPE_TIMESTAMPTZ);
    add_number(array, (int64_t)(wall_us - POSTGRES_EPOCH_US), 8);
}

void postgres_array_add_bool(struct postgres_array *array, bool value)
{
    assert(array->element_type == POSTGRES_TYPE_BOOL);
    add_number(array, value ? 1 : 0, 1);
}

void postgres_array_add_null(struct postgres_array *array)
{
    char *to = extend(array, 4);

    if (to == NULL)
        return;
    postgres_put_number(to, -1, 4);
    array->count++;
}

void postgres_array_clear(struct postgres_array *array)
{
    array->size = 0;
    array->count = 0;
    array->failed = false;
}

void postgres_array_destroy(struct postgres_array *array)
{
    free(array->memory);
    *array = (struct postgres_array){ 0 };
}

struct postgres_value postgres_array_value(struct postgres_array *array)
{
    bool is_empty = array->count == 0;
    size_t size = array->size;

    if (array->failed)
        return (struct postgres_value){ .bytes = { .at = NULL, .size = SIZE_MAX } };
    if (is_empty) {
        extend(array, 0);
        size = 12; /* no dimension, so no lengths */
    }
    postgres_put_number(array->memory, is_empty ? 0 : 1, 4);
    postgres_put_number(array->memory + 4, 1, 4); /* may have nulls */
    postgres_put_number(array->memory + 8, array->element_type, 4);
    if (!is_empty) {
        postgres_put_number(array->memory + 12, array->count, 4);
        postgres_put_number(array->memory + 16, 1, 4);
    }
    return postgres_text((struct slice){ .at = array->memory, .size = size });
}
