/* SPDX-License-Identifier: MIT */
#include "proto/writer.h"

#include <msgpack/pack.h>

static int append(void *buffer, const char *bytes, size_t size)
{
    buffer_append(buffer, bytes, size);
    return 0;
}

void writer_array(struct buffer *out, uint32_t count)
{
    msgpack_pack_array(&(msgpack_packer){ .data = out, .callback = append }, count);
}

void writer_unsigned(struct buffer *out, uint64_t number)
{
    msgpack_pack_uint64(&(msgpack_packer){ .data = out, .callback = append }, number);
}

void writer_signed(struct buffer *out, int64_t number)
{
    msgpack_pack_int64(&(msgpack_packer){ .data = out, .callback = append }, number);
}

void writer_bool(struct buffer *out, bool value)
{
    msgpack_packer packer = { .data = out, .callback = append };

    value ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
}

void writer_text(struct buffer *out, struct slice text)
{
    msgpack_packer packer = { .data = out, .callback = append };

    msgpack_pack_str(&packer, text.size);
    msgpack_pack_str_body(&packer, text.at, text.size);
}

void writer_bytes(struct buffer *out, struct slice bytes)
{
    msgpack_packer packer = { .data = out, .callback = append };

    msgpack_pack_bin(&packer, bytes.size);
    msgpack_pack_bin_body(&packer, bytes.at, bytes.size);
}
