/* SPDX-License-Identifier: MIT */
/*
 * pending -- how many clicks of one code are on their way, given what was heard from every place where clicks wait.
 *
 * The order of asking is what makes the sum exact without a lock: first the click buffers, next Redis for the lanes
 * that no buffer covers, last Postgres (the row and the marks in one snapshot). A click only ever moves in that
 * direction, so it is seen at least once; and whoever has been seen below its lane's mark is in the row already and is
 * left out here. What is seen twice on the way is recognised by its window's end.
 *
 * Use:  pending_cover and pending_add_window for each buffer's answer, pending_add_lane_read for each lane read from
 * Redis, pending_set_mark for each mark of the snapshot, then pending_sum.
 */
#ifndef ACTORS_CLICKS_PENDING_H
#define ACTORS_CLICKS_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/messages/clicks.h"
#include "proto/slice.h"

struct pending;

/* `code` is copied. */
struct pending *pending_new(struct slice code);
void pending_destroy(struct pending **pending);

/* A click buffer answers for all of this lane that is not below its mark: Redis need not be asked. */
void pending_cover(struct pending *pending, uint64_t epoch, uint32_t lane);
bool pending_is_covered(const struct pending *pending, uint64_t epoch, uint32_t lane);

/* A window that a click buffer or Redis has. Of one lane the same window may come any number of times. */
void pending_add_window(struct pending *pending, const struct click_window *window);
/* A batch of the lane's stream beyond its sealed windows, or to look into a window that straddles its mark: counted
 * click by click. False when it cannot be read. */
bool pending_add_batch(struct pending *pending, struct slice batch);

/* A lane's mark in the Postgres snapshot; lanes that nobody names have 0. */
void pending_set_mark(struct pending *pending, uint64_t epoch, uint32_t lane, uint64_t mark);

struct pending_total {
    uint64_t clicks; /* to be added to the row's */
    /* A window of this code lies across its lane's mark (only after Redis went back in time) and is not counted: clicks
     * is a lower bound until its batches above the mark are added. */
    bool straddles;
    uint64_t epoch;
    uint32_t lane;
    uint64_t first_seq; /* what is wanted from the lane's stream: first_seq .. last_seq */
    uint64_t last_seq;
};
/* Call after everything; again after more was added. */
struct pending_total pending_sum(struct pending *pending);
/* The batches of first_seq .. last_seq of that lane have been added: the window itself is not needed any more. */
void pending_drop_window(struct pending *pending, uint64_t epoch, uint32_t lane, uint64_t last_seq);

#endif
