/* SPDX-License-Identifier: MIT */
#include "proto/reader.h"

enum { DEEPEST = 16 };

static bool fail(struct reader *reader)
{
    reader->failed = true;
    reader->at = reader->end;
    return false;
}

/* The next `size` bytes as a big-endian number; size is 1, 2, 4 or 8. */
static bool big_endian(struct reader *reader, size_t size, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (reader_left(reader) < size)
        return fail(reader);
    for (size_t i = 0; i < size; i++)
        number = number << 8 | reader->at[i];
    reader->at += size;
    *ret_number = number;
    return true;
}

static bool read_body(struct reader *reader, struct reader_value *value, enum reader_type type, uint64_t size)
{
    if (size > reader_left(reader))
        return fail(reader);
    value->type = type;
    value->body = (struct slice){ .at = (const char *)reader->at, .size = (size_t)size };
    reader->at += size;
    return true;
}

/* Every item takes a byte at least: a count beyond what is left is a lie. */
static bool read_count(struct reader *reader, struct reader_value *value, enum reader_type type, uint64_t count)
{
    if (count > reader_left(reader))
        return fail(reader);
    value->type = type;
    value->count = (uint32_t)count;
    return true;
}

static bool read_unsigned(struct reader *reader, struct reader_value *value, size_t size)
{
    value->type = READER_UNSIGNED;
    return big_endian(reader, size, &value->number);
}

static bool read_signed(struct reader *reader, struct reader_value *value, size_t size)
{
    uint64_t raw;

    if (!big_endian(reader, size, &raw))
        return false;

    unsigned shift = (unsigned)(64 - 8 * size);
    int64_t number = (int64_t)(raw << shift) >> shift;

    if (number >= 0) {
        value->type = READER_UNSIGNED;
        value->number = (uint64_t)number;
    } else {
        value->type = READER_NEGATIVE;
        value->negative = number;
    }
    return true;
}

static bool read_float(struct reader *reader, struct reader_value *value, size_t size)
{
    uint64_t raw;

    if (!big_endian(reader, size, &raw))
        return false;
    value->type = READER_FLOAT;
    if (size == 4) {
        uint32_t narrow = (uint32_t)raw;
        float real;

        memcpy(&real, &narrow, sizeof real);
        value->real = real;
    } else {
        memcpy(&value->real, &raw, sizeof value->real);
    }
    return true;
}

static bool read_sized_body(struct reader *reader, struct reader_value *value, enum reader_type type, size_t size_bytes)
{
    uint64_t size;

    return big_endian(reader, size_bytes, &size) && read_body(reader, value, type, size);
}

static bool
read_sized_count(struct reader *reader, struct reader_value *value, enum reader_type type, size_t count_bytes)
{
    uint64_t count;

    return big_endian(reader, count_bytes, &count) && read_count(reader, value, type, count);
}

/* An extension's body includes its type byte, so that skipping needs no second case. */
static bool read_sized_extension(struct reader *reader, struct reader_value *value, size_t size_bytes)
{
    uint64_t size;

    return big_endian(reader, size_bytes, &size) && read_body(reader, value, READER_EXTENSION, size + 1);
}

/* The heads 0xc0 to 0xdf; the others carry their number or length in the head itself. */
static bool read_long_form(struct reader *reader, uint8_t head, struct reader_value *value)
{
    switch (head) {
    case 0xc0:
        value->type = READER_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        value->type = READER_BOOL;
        value->boolean = head == 0xc3;
        return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return read_sized_body(reader, value, READER_BYTES, (size_t)1 << (head - 0xc4));
    case 0xc7:
    case 0xc8:
    case 0xc9:
        return read_sized_extension(reader, value, (size_t)1 << (head - 0xc7));
    case 0xca:
    case 0xcb:
        return read_float(reader, value, (size_t)4 << (head - 0xca));
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return read_unsigned(reader, value, (size_t)1 << (head - 0xcc));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return read_signed(reader, value, (size_t)1 << (head - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return read_body(reader, value, READER_EXTENSION, ((uint64_t)1 << (head - 0xd4)) + 1);
    case 0xd9:
    case 0xda:
    case 0xdb:
        return read_sized_body(reader, value, READER_TEXT, (size_t)1 << (head - 0xd9));
    case 0xdc:
    case 0xdd:
        return read_sized_count(reader, value, READER_ARRAY, (size_t)2 << (head - 0xdc));
    case 0xde:
    case 0xdf:
        return read_sized_count(reader, value, READER_MAP, (size_t)2 << (head - 0xde));
    default: /* 0xc1 is never used */
        return fail(reader);
    }
}

bool reader_next(struct reader *reader, struct reader_value *value)
{
    if (reader->failed || reader->at == reader->end)
        return fail(reader);

    uint8_t head = *reader->at++;

    if (head <= 0x7f) {
        value->type = READER_UNSIGNED;
        value->number = head;
        return true;
    }
    if (head <= 0x8f)
        return read_count(reader, value, READER_MAP, head & 0x0fu);
    if (head <= 0x9f)
        return read_count(reader, value, READER_ARRAY, head & 0x0fu);
    if (head <= 0xbf)
        return read_body(reader, value, READER_TEXT, head & 0x1fu);
    if (head >= 0xe0) {
        value->type = READER_NEGATIVE;
        value->negative = (int8_t)head;
        return true;
    }
    return read_long_form(reader, head, value);
}

bool reader_array(struct reader *reader, uint32_t *ret_count)
{
    struct reader_value value;

    if (!reader_next(reader, &value) || value.type != READER_ARRAY)
        return fail(reader);
    *ret_count = value.count;
    return true;
}

bool reader_unsigned(struct reader *reader, uint64_t *ret_number)
{
    struct reader_value value;

    if (!reader_next(reader, &value) || value.type != READER_UNSIGNED)
        return fail(reader);
    *ret_number = value.number;
    return true;
}

bool reader_text(struct reader *reader, struct slice *ret_text)
{
    struct reader_value value;

    if (!reader_next(reader, &value) || (value.type != READER_TEXT && value.type != READER_BYTES))
        return fail(reader);
    *ret_text = value.body;
    return true;
}

static bool skip_nested(struct reader *reader, int depth)
{
    struct reader_value value;

    if (depth > DEEPEST || !reader_next(reader, &value))
        return fail(reader);

    uint64_t nested = value.type == READER_ARRAY ? value.count : value.type == READER_MAP ? 2ull * value.count : 0;

    while (nested-- > 0) {
        if (!skip_nested(reader, depth + 1))
            return false;
    }
    return true;
}

bool reader_skip(struct reader *reader)
{
    return skip_nested(reader, 0);
}
