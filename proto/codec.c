/* SPDX-License-Identifier: MIT */
#include "proto/codec.h"

#include <assert.h>

#include <msgpack/pack.h>

/* ------------------------------------------------------------------------------------------------ encoding */

static int append(void *buffer, const char *bytes, size_t size)
{
    buffer_append(buffer, bytes, size);
    return 0;
}

static void pack_message(msgpack_packer *packer, const struct message_schema *schema, const void *message);

static void pack_text(msgpack_packer *packer, const struct slice *text)
{
    assert(text->size <= TEXT_LIMIT);
    msgpack_pack_str(packer, text->size);
    msgpack_pack_str_body(packer, text->at, text->size);
}

static void pack_bytes(msgpack_packer *packer, const struct slice *bytes)
{
    assert(bytes->size <= BYTES_LIMIT);
    msgpack_pack_bin(packer, bytes->size);
    msgpack_pack_bin_body(packer, bytes->at, bytes->size);
}

static void pack_list(msgpack_packer *packer, const struct field_schema *field, const struct any_list *list)
{
    const char *item = list->at;

    assert(list->count <= field->limit);
    msgpack_pack_array(packer, list->count);
    for (uint32_t i = 0; i < list->count; i++, item += field->item->size)
        pack_message(packer, field->item, item);
}

static void pack_field(msgpack_packer *packer, const struct field_schema *field, const void *value)
{
    switch (field->type) {
    case FIELD_BOOL:
        *(const bool *)value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case FIELD_U64:
        msgpack_pack_uint64(packer, *(const uint64_t *)value);
        break;
    case FIELD_I64:
        msgpack_pack_int64(packer, *(const int64_t *)value);
        break;
    case FIELD_F64:
        msgpack_pack_double(packer, *(const double *)value);
        break;
    case FIELD_TEXT:
        pack_text(packer, value);
        break;
    case FIELD_BYTES:
        pack_bytes(packer, value);
        break;
    case FIELD_LIST:
        pack_list(packer, field, value);
        break;
    }
}

static void pack_message(msgpack_packer *packer, const struct message_schema *schema, const void *message)
{
    msgpack_pack_array(packer, schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++)
        pack_field(packer, &schema->fields[i], (const char *)message + schema->fields[i].offset);
}

void codec_encode(const struct message_schema *schema, const void *message, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, append);
    pack_message(&packer, schema, message);
}

/* ------------------------------------------------------------------------------------------------ decoding */

static bool unpack_list(
    const struct field_schema *field, struct reader *reader, uint32_t count, struct arena *arena, struct any_list *list)
{
    if (count > field->limit)
        return false;

    char *items = count > 0 ? arena_take(arena, (size_t)count * field->item->size) : NULL;

    if (count > 0 && items == NULL)
        return false;
    list->at = items;
    list->count = count;
    for (uint32_t i = 0; i < count; i++, items += field->item->size) {
        if (!codec_decode(field->item, reader, arena, items))
            return false;
    }
    return true;
}

static bool unpack_signed(const struct reader_value *value, int64_t *ret_number)
{
    if (value->type == READER_NEGATIVE)
        *ret_number = value->negative;
    else if (value->type == READER_UNSIGNED && value->number <= INT64_MAX)
        *ret_number = (int64_t)value->number;
    else
        return false;
    return true;
}

static bool unpack_slice(const struct reader_value *value, size_t limit, struct slice *ret_slice)
{
    if ((value->type != READER_TEXT && value->type != READER_BYTES) || value->body.size > limit)
        return false;
    *ret_slice = value->body;
    return true;
}

static bool unpack_field(const struct field_schema *field, struct reader *reader, struct arena *arena, void *field_at)
{
    struct reader_value value;

    if (!reader_next(reader, &value))
        return false;
    switch (field->type) {
    case FIELD_BOOL:
        *(bool *)field_at = value.type == READER_BOOL && value.boolean;
        return value.type == READER_BOOL;
    case FIELD_U64:
        *(uint64_t *)field_at = value.type == READER_UNSIGNED ? value.number : 0;
        return value.type == READER_UNSIGNED;
    case FIELD_I64:
        return unpack_signed(&value, field_at);
    case FIELD_F64:
        *(double *)field_at = value.type == READER_FLOAT ? value.real : 0;
        return value.type == READER_FLOAT;
    case FIELD_TEXT:
        return unpack_slice(&value, TEXT_LIMIT, field_at);
    case FIELD_BYTES:
        return unpack_slice(&value, BYTES_LIMIT, field_at);
    case FIELD_LIST:
        return value.type == READER_ARRAY && unpack_list(field, reader, value.count, arena, field_at);
    }
    return false;
}

bool codec_decode(const struct message_schema *schema, struct reader *reader, struct arena *arena, void *message)
{
    uint32_t count;

    if (!reader_array(reader, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        bool known = i < schema->field_count;
        bool fits = known ? unpack_field(&schema->fields[i], reader, arena, (char *)message + schema->fields[i].offset)
                          : reader_skip(reader);

        if (!fits)
            return false;
    }
    return true;
}
