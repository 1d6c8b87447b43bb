/* SPDX-License-Identifier: MIT */
/*
 * lane_keys -- where a lane's clicks are in Redis, and the two scripts that look at all of it at once.
 *
 *     clicks:{EPOCH:LANE}                 stream: one entry per batch, id LAST_SEQ-0, field b
 *     windows:{EPOCH:LANE}                sorted set: the sealed windows "FIRST-LAST", score LAST
 *     windows:{EPOCH:LANE}:FIRST-LAST     hash: code -> clicks of that window
 *
 * The braces keep a lane's keys on one server of a Redis Cluster, which makes a script over them atomic. Nothing here
 * has a TTL: a TTL on clicks that are not yet counted is a loss with a date.
 */
#ifndef ACTORS_CLICKS_LANE_KEYS_H
#define ACTORS_CLICKS_LANE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

/* Fits every key and id below: three numbers of 20 digits and the words. */
enum { LANE_KEY_ROOM = 96 };

struct lane_key {
    char text[LANE_KEY_ROOM];
};

struct lane_key lane_stream_key(uint64_t epoch, uint32_t lane);
struct lane_key lane_registry_key(uint64_t epoch, uint32_t lane);
struct lane_key lane_window_key(uint64_t epoch, uint32_t lane, uint64_t first_seq, uint64_t last_seq);
struct lane_key lane_window_member(uint64_t first_seq, uint64_t last_seq); /* "FIRST-LAST" */
struct lane_key lane_entry_id(uint64_t last_seq);                          /* "LAST-0" */

/* The numbers of "FIRST-LAST" or of an entry's id "LAST-0". False when it is something else. */
bool lane_parse_pair(struct slice text, uint64_t *ret_first, uint64_t *ret_second);

/* EVAL lane_read_script 2 REGISTRY STREAM CODE: everything of one lane at one moment, as
 * { { MEMBER, CLICKS_OF_CODE ... }, { ENTRY ... } } where the entries are those behind the last sealed window, as
 * XRANGE gives them. Atomic: a window cannot be sealed, published and trimmed between the two halves. */
extern const char lane_read_script[];

/* EVAL lane_forget_script 1 REGISTRY MARK: drops all windows that end at or below MARK; answers how many. May be
 * repeated at any time: it goes by what is there. */
extern const char lane_forget_script[];

#endif
