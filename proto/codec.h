/* SPDX-License-Identifier: MIT */
/*
 * codec -- structs to bytes and back, by their schema.
 *
 * A message is a MessagePack array of its fields in the order of the rows; a LIST is an array of such arrays. A writer
 * that knows more fields than the reader is fine (the rest is skipped), one that knows fewer too (the rest is zero).
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "proto/arena.h"
#include "proto/buffer.h"
#include "proto/reader.h"
#include "proto/schema.h"

/* Appends the message to `out`. Asserts that texts, bytes and lists are within their limits: a sender's own mistake. */
void codec_encode(const struct message_schema *schema, const void *message, struct buffer *out);

/* Reads one message into `message`, schema->size bytes, which must be zeroed. Slices point into what the reader reads;
 * list items come from `arena`. False when the bytes are not such a message or go beyond a limit: drop it, count it. */
bool codec_decode(const struct message_schema *schema, struct reader *reader, struct arena *arena, void *message);

/* Writes "name{field=value ...}" for people, cut at `room` - 1 bytes and terminated. Control bytes are escaped. Returns
 * the length written. */
size_t codec_print(const struct message_schema *schema, const void *message, char *out, size_t room);

#endif
