/* SPDX-License-Identifier: MIT */
/*
 * click_rows -- clicks on their way into ClickHouse: Kafka records waiting, and which of their clicks it has already.
 *
 * Pure logic: no store, no actor. Records are kept whole, in order, until an insert has been acknowledged. For each
 * lane a ledger says which clicks are in ClickHouse; it is filled from what ClickHouse itself says (the lane's highest
 * seq) and lost at any doubt, because an insert whose answer is lost may or may not have happened. Rows of a lane go in
 * in the order of their seqs and an insert is all or nothing, so the highest seq says exactly what is there, unless
 * something never came: a hole. Of a lane with holes at or behind the first waiting click it is not known which of its
 * clicks are there. All that wait of it go in, and those that were there already become one with themselves by the
 * table's key; so a hole that is filled late reaches ClickHouse, too. A click from before all that was asked about
 * makes the lane unknown again.
 */
#ifndef ACTORS_CLICKS_CLICK_ROWS_H
#define ACTORS_CLICKS_CLICK_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/clicks/batch.h"
#include "actors/io/rowbinary.h"
#include "proto/slice.h"

struct click_rows;

enum { CLICK_ROWS_LANES_PER_QUESTION = 500 };

struct click_lane {
    uint64_t epoch;
    uint32_t lane;
    uint64_t first_seq; /* the lowest that waits */
};

struct click_offset {
    int32_t partition;
    int64_t next;
};

/* Appends one click as a row of the table click_events. */
void click_rows_write(struct rowbinary *out, const struct click *click, uint64_t epoch, uint32_t lane, uint64_t seq);

struct click_rows *click_rows_new(void);
void click_rows_destroy(struct click_rows **rows);
void click_rows_reset(struct click_rows *rows); /* forgets records and lanes */
void click_rows_doubt(struct click_rows *rows); /* forgets what ClickHouse has, keeps the records */

/* Copies a Kafka record. False when its key cannot be read: it is passed over. */
bool click_rows_take(struct click_rows *rows, int32_t partition, int64_t offset, struct slice key, struct slice value);
size_t click_rows_bytes(const struct click_rows *rows);
uint32_t click_rows_records(const struct click_rows *rows);

/* The lanes of waiting records of which it is not known what ClickHouse has; at most CLICK_ROWS_LANES_PER_QUESTION. */
uint32_t click_rows_unknown_lanes(const struct click_rows *rows, struct click_lane *ret_lanes);
/* What ClickHouse says of a lane: its highest seq, 0 for none, and how many distinct seqs it has from
 * `asked->first_seq` on. */
void click_rows_know(struct click_rows *rows, const struct click_lane *asked, uint64_t highest_seq, uint64_t count);

/* Builds the next insert from the front: rows of one month, at most `limit`, of clicks that are not there yet. All
 * lanes must be known. Returns how many records it covers wholly (they may hold no new row), with the rows in `out`. */
uint32_t click_rows_build(struct click_rows *rows, uint32_t limit, struct rowbinary *out, uint32_t *ret_row_count);
/* The insert of these records is acknowledged, or had no rows: they go. `ret_offsets` (room for `room`) gets where each
 * partition concerned goes on; returns how many. */
uint32_t click_rows_done(struct click_rows *rows, uint32_t records, struct click_offset *ret_offsets, uint32_t room);

#endif
