/* SPDX-License-Identifier: MIT */
/* rowbinary -- see rowbinary.h. */
#include "actors/io/rowbinary.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_ROOM = 4096, VARINT_BYTES_LIMIT = 5 /* lengths below 2^35: far above ROWBINARY_LIMIT */ };

/* ------------------------------------------------------------------------------------------------ writing */

/* Where `size` more bytes go; NULL beyond the limit. */
static char *take_room(struct rowbinary *rows, size_t size)
{
    if (rows->failed || size > ROWBINARY_LIMIT - rows->size) {
        rows->failed = true;
        return NULL;
    }
    if (rows->room - rows->size < size) {
        size_t room = rows->room > 0 ? rows->room : FIRST_ROOM;

        while (room - rows->size < size)
            room *= 2;
        rows->memory = realloc(rows->memory, room);
        assert(rows->memory != NULL);
        rows->room = room;
    }
    rows->size += size;
    return rows->memory + rows->size - size;
}

static void add_little_endian(struct rowbinary *rows, uint64_t value, size_t size)
{
    char *at = take_room(rows, size);

    for (size_t i = 0; at != NULL && i < size; i++)
        at[i] = (char)(value >> (8 * i));
}

void rowbinary_add_u8(struct rowbinary *rows, uint8_t value)
{
    add_little_endian(rows, value, 1);
}

void rowbinary_add_u16(struct rowbinary *rows, uint16_t value)
{
    add_little_endian(rows, value, 2);
}

void rowbinary_add_u32(struct rowbinary *rows, uint32_t value)
{
    add_little_endian(rows, value, 4);
}

void rowbinary_add_u64(struct rowbinary *rows, uint64_t value)
{
    add_little_endian(rows, value, 8);
}

void rowbinary_add_i64(struct rowbinary *rows, int64_t value)
{
    add_little_endian(rows, (uint64_t)value, 8);
}

void rowbinary_add_bytes(struct rowbinary *rows, struct slice value)
{
    char *at = take_room(rows, value.size);

    if (at != NULL && value.size > 0)
        memcpy(at, value.at, value.size);
}

void rowbinary_add_text(struct rowbinary *rows, struct slice value)
{
    size_t length = value.size;

    for (; length >= 0x80; length >>= 7)
        rowbinary_add_u8(rows, (uint8_t)(length | 0x80));
    rowbinary_add_u8(rows, (uint8_t)length);
    rowbinary_add_bytes(rows, value);
}

struct slice rowbinary_slice(const struct rowbinary *rows)
{
    return (struct slice){ .at = rows->memory, .size = rows->size };
}

void rowbinary_clear(struct rowbinary *rows)
{
    rows->size = 0;
    rows->failed = false;
}

void rowbinary_destroy(struct rowbinary *rows)
{
    free(rows->memory);
    *rows = (struct rowbinary){ 0 };
}

/* ------------------------------------------------------------------------------------------------ reading */

static bool take_little_endian(struct slice *rows, size_t size, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (rows->size < size)
        return false;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | (uint8_t)rows->at[i];
    rows->at += size;
    rows->size -= size;
    *ret_value = value;
    return true;
}

bool rowbinary_take_u8(struct slice *rows, uint8_t *ret_value)
{
    uint64_t value;

    if (!take_little_endian(rows, 1, &value))
        return false;
    *ret_value = (uint8_t)value;
    return true;
}

bool rowbinary_take_u16(struct slice *rows, uint16_t *ret_value)
{
    uint64_t value;

    if (!take_little_endian(rows, 2, &value))
        return false;
    *ret_value = (uint16_t)value;
    return true;
}

bool rowbinary_take_u32(struct slice *rows, uint32_t *ret_value)
{
    uint64_t value;

    if (!take_little_endian(rows, 4, &value))
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

bool rowbinary_take_u64(struct slice *rows, uint64_t *ret_value)
{
    return take_little_endian(rows, 8, ret_value);
}

bool rowbinary_take_i64(struct slice *rows, int64_t *ret_value)
{
    uint64_t value;

    if (!take_little_endian(rows, 8, &value))
        return false;
    *ret_value = (int64_t)value;
    return true;
}

bool rowbinary_take_bytes(struct slice *rows, size_t size, struct slice *ret_value)
{
    if (rows->size < size)
        return false;
    *ret_value = (struct slice){ .at = rows->at, .size = size };
    rows->at += size;
    rows->size -= size;
    return true;
}

bool rowbinary_take_text(struct slice *rows, struct slice *ret_value)
{
    struct slice rest = *rows;
    uint64_t length = 0;
    uint8_t byte = 0x80;

    for (unsigned i = 0; (byte & 0x80) != 0; i++) {
        if (i == VARINT_BYTES_LIMIT || !rowbinary_take_u8(&rest, &byte))
            return false;
        length |= (uint64_t)(byte & 0x7f) << (7 * i);
    }
    if (!rowbinary_take_bytes(&rest, (size_t)length, ret_value))
        return false;
    *rows = rest;
    return true;
}
