/* SPDX-License-Identifier: MIT */
/*
 * writer -- writes MessagePack value by value, for the few formats that no message schema describes. The counterpart of
 * reader.
 */
#ifndef PROTO_WRITER_H
#define PROTO_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"

/* Each appends one value, in its shortest form. An array's head is followed by `count` values. */
void writer_array(struct buffer *out, uint32_t count);
void writer_unsigned(struct buffer *out, uint64_t number);
void writer_signed(struct buffer *out, int64_t number);
void writer_bool(struct buffer *out, bool value);
void writer_text(struct buffer *out, struct slice text);
void writer_bytes(struct buffer *out, struct slice bytes);

#endif
