/* SPDX-License-Identifier: MIT */
/* click_run -- see the header. */
#include "actors/clicks/click_run.h"

#include "proto/writer.h"

enum { KEY_FIELDS = 3, BATCH_HEAD_LIMIT = 5 /* of MessagePack bytes */ };

void click_run_encode_key(const struct click_run_key *key, struct buffer *out)
{
    writer_array(out, KEY_FIELDS);
    writer_unsigned(out, key->epoch);
    writer_unsigned(out, key->lane);
    writer_unsigned(out, key->window_end);
}

bool click_run_decode_key(struct slice bytes, struct click_run_key *ret_key)
{
    struct reader reader = reader_of(bytes);
    struct click_run_key key;
    uint32_t count;
    uint64_t lane;

    if (!reader_array(&reader, &count) || count < KEY_FIELDS || !reader_unsigned(&reader, &key.epoch) ||
        !reader_unsigned(&reader, &lane) || !reader_unsigned(&reader, &key.window_end))
        return false;
    if (key.epoch == 0 || key.epoch >= BATCH_SEQ_LIMIT || lane >= BATCH_LANES_LIMIT || key.window_end == 0 ||
        key.window_end >= BATCH_SEQ_LIMIT)
        return false;
    key.lane = (uint32_t)lane;
    *ret_key = key;
    return true;
}

bool click_run_add(struct buffer *value, struct slice batch)
{
    if (value->size > 0 && value->size + BATCH_HEAD_LIMIT + batch.size > CLICK_RUN_BYTES)
        return false;
    writer_bytes(value, batch);
    return true;
}

bool click_run_next(struct slice *value, struct slice *ret_batch)
{
    struct reader reader = reader_of(*value);
    struct reader_value item;

    if (value->size == 0 || !reader_next(&reader, &item) || item.type != READER_BYTES)
        return false;
    *ret_batch = item.body;
    value->size = reader_left(&reader);
    value->at = (const char *)reader.at;
    return true;
}
