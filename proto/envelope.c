/* SPDX-License-Identifier: MIT */
#include "proto/envelope.h"

#include <assert.h>

#include <msgpack/pack.h>

enum {
    HEADER_FIELDS = 12,
    ENVELOPE_FIELDS = 8,
    ENVELOPE_FIELDS_TRACED = 7,
    ENVELOPE_FIELDS_UNTRACED = 5,
    FIELDS_MOST = 64
};

static int append(void *buffer, const char *bytes, size_t size)
{
    buffer_append(buffer, bytes, size);
    return 0;
}

void envelope_write_header(struct buffer *out, const struct parcel_header *header)
{
    msgpack_packer packer;

    assert(header->from.size <= ADDRESS_LIMIT);
    msgpack_packer_init(&packer, out, append);
    msgpack_pack_array(&packer, HEADER_FIELDS);
    msgpack_pack_uint64(&packer, ENVELOPE_VERSION);
    msgpack_pack_str(&packer, header->from.size);
    msgpack_pack_str_body(&packer, header->from.at, header->from.size);
    msgpack_pack_uint64(&packer, header->incarnation);
    msgpack_pack_uint64(&packer, header->first_number);
    msgpack_pack_uint64(&packer, header->first_byte);
    msgpack_pack_uint64(&packer, header->window);
    msgpack_pack_uint64(&packer, header->about_incarnation);
    msgpack_pack_uint64(&packer, header->handled);
    msgpack_pack_uint64(&packer, header->handled_bytes);
    msgpack_pack_uint64(&packer, header->confirmed);
    msgpack_pack_uint64(&packer, header->confirm_from);
    msgpack_pack_uint64(&packer, header->wants_reply ? 1 : 0);
}

static bool skip_rest(struct reader *reader, uint32_t count, uint32_t known)
{
    if (count > FIELDS_MOST)
        return false;
    for (uint32_t i = known; i < count; i++) {
        if (!reader_skip(reader))
            return false;
    }
    return true;
}

bool envelope_read_header(struct reader *reader, struct parcel_header *header)
{
    uint32_t count;
    uint64_t version;
    uint64_t flags;

    if (!reader_array(reader, &count) || count < HEADER_FIELDS || !reader_unsigned(reader, &version) ||
        version != ENVELOPE_VERSION || !reader_text(reader, &header->from) || header->from.size > ADDRESS_LIMIT)
        return false;
    if (!reader_unsigned(reader, &header->incarnation) || !reader_unsigned(reader, &header->first_number) ||
        !reader_unsigned(reader, &header->first_byte) || !reader_unsigned(reader, &header->window) ||
        !reader_unsigned(reader, &header->about_incarnation) || !reader_unsigned(reader, &header->handled) ||
        !reader_unsigned(reader, &header->handled_bytes) || !reader_unsigned(reader, &header->confirmed) ||
        !reader_unsigned(reader, &header->confirm_from) || !reader_unsigned(reader, &flags))
        return false;
    header->wants_reply = (flags & 1) != 0;
    return skip_rest(reader, count, HEADER_FIELDS);
}

size_t envelope_begin_letter(struct buffer *out, const struct envelope *envelope)
{
    size_t start = out->size;
    bool traced = trace_is_set(&envelope->trace);
    bool recorded = traced && envelope->trace.is_recorded;
    msgpack_packer packer;

    buffer_append(out, "\0\0\0\0", LETTER_LENGTH_BYTES);
    msgpack_packer_init(&packer, out, append);
    msgpack_pack_array(&packer, recorded ? ENVELOPE_FIELDS
                                : traced ? ENVELOPE_FIELDS_TRACED
                                         : ENVELOPE_FIELDS_UNTRACED);
    msgpack_pack_uint64(&packer, envelope->kind);
    msgpack_pack_uint64(&packer, envelope->type);
    msgpack_pack_uint64(&packer, envelope->correlation);
    msgpack_pack_uint64(&packer, envelope->deadline_us);
    msgpack_pack_uint64(&packer, envelope->confirm);
    if (traced) {
        msgpack_pack_uint64(&packer, envelope->trace.id[0]);
        msgpack_pack_uint64(&packer, envelope->trace.id[1]);
    }
    if (recorded)
        msgpack_pack_uint64(&packer, 1);
    return start;
}

void envelope_end_letter(struct buffer *out, size_t start)
{
    size_t size = out->size - start - LETTER_LENGTH_BYTES;
    char *length = out->at + start;

    assert(size <= UINT32_MAX);
    length[0] = (char)(size >> 24);
    length[1] = (char)(size >> 16);
    length[2] = (char)(size >> 8);
    length[3] = (char)size;
}

static bool read_envelope(struct reader *reader, struct envelope *envelope)
{
    uint32_t count;
    uint64_t flags = 0;

    if (!reader_array(reader, &count) || count < ENVELOPE_FIELDS_UNTRACED)
        return false;
    if (!reader_unsigned(reader, &envelope->kind) || !reader_unsigned(reader, &envelope->type) ||
        !reader_unsigned(reader, &envelope->correlation) || !reader_unsigned(reader, &envelope->deadline_us) ||
        !reader_unsigned(reader, &envelope->confirm))
        return false;
    if (count < ENVELOPE_FIELDS_TRACED)
        return skip_rest(reader, count, ENVELOPE_FIELDS_UNTRACED);
    if (!reader_unsigned(reader, &envelope->trace.id[0]) || !reader_unsigned(reader, &envelope->trace.id[1]))
        return false;
    if (count < ENVELOPE_FIELDS)
        return true;
    if (!reader_unsigned(reader, &flags))
        return false;
    envelope->trace.is_recorded = (flags & 1) != 0 && trace_is_set(&envelope->trace);
    return skip_rest(reader, count, ENVELOPE_FIELDS);
}

bool envelope_next_letter(struct reader *reader, struct envelope *envelope, struct reader *message)
{
    const uint8_t *at = reader->at;

    if (reader->failed || reader->at == reader->end)
        return false;
    if (reader_left(reader) < LETTER_LENGTH_BYTES) {
        reader->failed = true;
        return false;
    }

    size_t size = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];

    if (size > reader_left(reader) - LETTER_LENGTH_BYTES) {
        reader->failed = true;
        return false;
    }
    *message = (struct reader){ .at = at + LETTER_LENGTH_BYTES, .end = at + LETTER_LENGTH_BYTES + size };
    reader->at = message->end;
    *envelope = (struct envelope){ 0 };
    if (!read_envelope(message, envelope))
        *envelope = (struct envelope){ 0 };
    return true;
}
