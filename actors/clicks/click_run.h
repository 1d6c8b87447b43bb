/* SPDX-License-Identifier: MIT */
/*
 * click_run -- a Kafka record of the topic click_events: a run of batches of one lane.
 *
 *     key    MessagePack array [epoch, lane, window_end]
 *     value  the batches, one behind the other, each as MessagePack bytes, in the order of their seqs
 *
 * Every record names the end of the sealed window that its batches belong to: consumers move their marks to such ends
 * only, which is what makes a window either wholly counted or not at all. Around 64 KiB of value, so that Kafka's own
 * cost per record is spread over thousands of clicks.
 */
#ifndef ACTORS_CLICKS_CLICK_RUN_H
#define ACTORS_CLICKS_CLICK_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/clicks/batch.h"
#include "proto/buffer.h"

enum { CLICK_RUN_BYTES = 64 * 1024 }; /* a run takes no further batch that would make it longer */

struct click_run_key {
    uint64_t epoch;
    uint32_t lane;
    uint64_t window_end; /* the window's last seq */
};

/* Appends the encoded key to `out`. */
void click_run_encode_key(const struct click_run_key *key, struct buffer *out);
bool click_run_decode_key(struct slice bytes, struct click_run_key *ret_key);

/* Adds a batch to a value. False when the run has some and would become too long: send it first. */
bool click_run_add(struct buffer *value, struct slice batch);
/* Takes the next batch from the front of a value. False when there is none; *value is empty then unless it was broken.
 */
bool click_run_next(struct slice *value, struct slice *ret_batch);

#endif
